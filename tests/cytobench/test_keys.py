"""Content addresses and derived seeds."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

from cytobench._keys import SCHEMA, CanonicalJson, content_key, derive_seed


def test_a_key_depends_on_kind_and_content_and_not_on_the_order_of_names() -> None:
    key = content_key("fit", {"a": 1, "b": [1, "x", None]})
    assert key == content_key("fit", {"b": [1, "x", None], "a": 1})
    assert len(key) == 64
    others = [
        content_key("train", {"a": 1, "b": [1, "x", None]}),
        content_key("fit", {"a": 2, "b": [1, "x", None]}),
        content_key("fit", {"a": 1, "b": ["x", 1, None]}),
        content_key("fit", {"a": "1", "b": [1, "x", None]}),
    ]
    assert len({key, *others}) == 5


def test_what_is_written_already_gives_the_same_key() -> None:
    pairs = [["EOS", "d" * 64], ["BAS", "\u00e9"]]
    plain = {"a": 1, "images": pairs, "other": {"z": [1.5, None], "b": True}, "z": []}
    written = {**plain, "images": CanonicalJson.of_list(CanonicalJson.of(pair) for pair in pairs)}
    assert content_key("train", written) == content_key("train", plain)
    assert content_key("train", {**written, "z": CanonicalJson.of([])}) == content_key("train", plain)
    text = json.dumps(
        {"schema": SCHEMA, "kind": "train", **plain}, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    assert content_key("train", written) == hashlib.sha256(text.encode()).hexdigest()
    assert CanonicalJson.of(pairs).value() == pairs


@pytest.mark.parametrize(
    ("value", "error"), [(float("nan"), ValueError), (object(), TypeError), ({1}, TypeError)]
)
def test_a_key_is_never_a_guess(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        content_key("fit", {"a": value})


def test_seeds_are_apart_and_the_same_in_every_process() -> None:
    words = [("image", "EOS", i) for i in range(100)] + [("image", "BAS", i) for i in range(100)] + [("fit",)]
    seeds = [derive_seed(42, *one) for one in words]
    assert len(set(seeds)) == len(words)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(43, "fit") != derive_seed(42, "fit")
    assert derive_seed(1, "ab", "c") != derive_seed(1, "a", "bc")
    code = "from cytobench._keys import derive_seed; print(derive_seed(42, 'image', 'EOS', 7))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == derive_seed(42, "image", "EOS", 7)
