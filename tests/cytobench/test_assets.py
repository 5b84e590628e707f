"""Weights and folders are found once and known by what is in them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from cytobench.assets import AssetReference, file_digest, resolve_asset, take_inventory
from cytobench.errors import UserError

from .hub import Hub


def fill(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def digest(path: Path, *patterns: str) -> str:
    """The digest of the files that match, without configurations."""
    reference = AssetReference(str(path), patterns or ("**/*.safetensors",), configuration=())
    return resolve_asset(reference, "p.weights").digest


def test_a_file_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    folder = fill(tmp_path, a_safetensors="one", b_safetensors="one", c_safetensors="two")
    asset = resolve_asset(AssetReference(str(folder / "a.safetensors")), "p.weights")
    assert asset.path == folder / "a.safetensors"
    assert asset.digest == hashlib.sha256(b"one").hexdigest() == file_digest(asset.path)
    assert digest(folder / "b.safetensors") == asset.digest != digest(folder / "c.safetensors")


def test_a_folder_is_known_by_the_files_that_count(tmp_path: Path) -> None:
    one = fill(tmp_path / "one", unet__x_safetensors="x", vae__y_safetensors="y", config_json="{}")
    same = fill(tmp_path / "same", vae__y_safetensors="y", unet__x_safetensors="x", readme_txt="hello")
    swapped = fill(tmp_path / "swapped", unet__x_safetensors="y", vae__y_safetensors="x")
    more = fill(tmp_path / "more", unet__x_safetensors="x", vae__y_safetensors="y", z_safetensors="z")
    assert digest(one) == digest(same)
    assert len({digest(one), digest(swapped), digest(more)}) == 3
    assert digest(one, "**/*.json") != digest(one)


def test_files_of_a_package_are_found_where_it_is_installed() -> None:
    import cytobench

    asset = resolve_asset(AssetReference("package:cytobench/errors.py"), "p.weights")
    assert asset.path == Path(cytobench.__file__).parent / "errors.py"
    assert asset.source == "package:cytobench/errors.py"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "package:no_such_package_here/x",
            ["needs the package no_such_package_here, which is not installed"],
        ),
        ("package:cytobench/no-such-file", ["cytobench/no-such-file", "does not exist"]),
        ("./absent", ["./absent is no file or folder here", "set={'p': {'weights': 'PATH'}}"]),
        ("/absent/folder", ["/absent/folder is no file or folder here", "set={'p': {'weights': 'PATH'}}"]),
        ("one/two/three", ["no Hub id (owner/name)", "with preset='pocket'"]),
        ("", ["set={'p': {'weights': 'PATH'}}"]),
    ],
)
def test_what_is_not_there_is_named_with_the_ways_out(
    source: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refused:
        resolve_asset(AssetReference(source), "p.weights")
    assert str(refused.value).startswith("p.weights: ")
    for word in words:
        assert word in str(refused.value)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, model_bin="pickle")
    with pytest.raises(UserError, match=r"p.weights: .* holds no file matching \*\*/\*.safetensors"):
        digest(tmp_path)


def test_weights_of_the_hub_are_fetched_with_the_files_beside_them(hub: Hub, tmp_path: Path) -> None:
    wanted = {"net.safetensors": b"one", "unet/net.safetensors": b"two", "net.json": b"{}"}
    hub.models["lab/net"] = {**wanted, "net.bin": b"pickle"}
    code = "from cytobench.assets import *; print(resolve_asset(AssetReference('lab/net'), 'p.weights').path)"
    process = [sys.executable, "-c", code]
    done = subprocess.run(process, env=hub.environment(tmp_path), capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip())
    assert {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.*")} == wanted


def test_files_that_count_and_files_beside_them_are_told_apart(tmp_path: Path) -> None:
    folder = fill(tmp_path, unet__x_safetensors="x", a_safetensors="a", a_json="{ }", a_yaml="1", readme_md="hello")
    reference = AssetReference(str(folder), extra=("*.yaml", "a.*"))
    found = take_inventory(reference, "p.weights", fetch=False)
    assert found.asset == resolve_asset(reference, "p.weights")
    x, a, braces, one = (hashlib.sha256(text).hexdigest() for text in (b"x", b"a", b"{}", b"1"))
    assert found.counted == {"a.safetensors": a, "unet/x.safetensors": x}
    assert (found.configuration, found.extra) == ({"a.json": braces}, {"a.yaml": one})
    found = take_inventory(AssetReference(str(folder / "a.yaml")), "p.weights", fetch=False)
    assert (found.asset.digest, found.counted, found.configuration, found.extra) == (one, {"a.yaml": one}, {}, {})


def configured(folder: Path, text: str, name: str = "config.json") -> str:
    """The digest of weights beside a configuration."""
    (folder / "a.safetensors").write_text("a")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode())
    return resolve_asset(AssetReference(str(folder)), "p.weights").digest


@pytest.mark.parametrize(
    ("name", "one", "same"),
    [
        ("config.json", '{"a": 1, "b": [1, 2]}', '{\r\n  "b": [1,2],\r\n  "a": 1\r\n}'),
        ("config.json", '{"a": 1}', '{"a": 1, "_name_or_path": "/home/me/net", "transformers_version": "5.1"}'),
        ("unet/config.json", '{"a": 1e-5, "_diffusers_version": "1"}', '{"_diffusers_version": "2", "a": 0.00001}'),
        ("config.json", '{"a": {"_commit_hash": null}}', '{"a": {}}'),
        ("scheduler.json", '{"low": -Infinity}', '{ "low": -Infinity }'),
        ("merges.txt", "a b\nc d\n", "a b\r\nc d"),
    ],
)
def test_mirrors_of_one_configuration_compare_equal(tmp_path: Path, name: str, one: str, same: str) -> None:
    assert configured(tmp_path, one, name) == configured(tmp_path, same, name)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("config.json", '{"prediction_type": "epsilon"}', '{"prediction_type": "v_prediction"}'),
        ("config.json", '{"a": [1, 2]}', '{"a": [2, 1]}'),
        ("config.json", '{"a": {"b": 1}}', '{"a": {"b": 2}}'),
        ("config.json", '{"a": 1}', '{"a": "1"}'),
        ("config.json", '{"a": null}', "{}"),
        ("config.json", "{", "{ "),
        ("vocab.json", '{"name_or_path": 1, "b": 2}', '{"name_or_path": 2, "b": 2}'),
        ("merges.txt", "a b\nc d", "c d\na b"),
        ("merges.txt", "a b", "a  b"),
    ],
)
def test_what_a_configuration_says_counts(tmp_path: Path, name: str, one: str, other: str) -> None:
    assert configured(tmp_path, one, name) != configured(tmp_path, other, name)


def test_a_configuration_counts_by_its_place_and_weights_alone_by_their_content(tmp_path: Path) -> None:
    here = configured(tmp_path, "{}")
    (tmp_path / "config.json").rename(tmp_path / "other.json")
    assert resolve_asset(AssetReference(str(tmp_path)), "p.weights").digest != here
    assert digest(tmp_path) == hashlib.sha256(b"a").hexdigest()
