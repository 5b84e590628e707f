"""``run --rebuild``: what records promise and the store lacks is made again; records stay as they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cytobench.api import RunResult
from cytobench.errors import UserError
from cytobench.exchange.exported import export_images
from cytobench.storage.records import predictions_of, read_record, write_record


def records(out: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for part in ("records", "predictions") for file in (out / part).iterdir()}


def test_a_store_that_is_gone_is_made_again_and_no_record_is_touched(
    small: Callable[..., RunResult], tmp_path: Path
) -> None:
    small(fold=[0])
    out = tmp_path / "out"
    before = records(out)
    shutil.rmtree(out / "store")
    small(fold=[0])  # records count as done without their store
    with pytest.raises(UserError, match=r"does not hold the images of A.*rebuild=True"):
        export_images(out, "repeat", tmp_path / "images", with_real_images=True)

    outcome = small(fold=[0], rebuild=True).outcome
    assert (outcome.done, len(outcome.reused), outcome.other_images, outcome.unbuilt) == ([], 2, [], {})
    assert export_images(out, "repeat", tmp_path / "images", with_real_images=True).images == 9
    assert {part.name for part in (out / "store").iterdir()} >= {"fit", "images", "train"}
    assert records(out) == before


def test_images_that_are_others_than_on_record_are_told(small: Callable[..., RunResult], tmp_path: Path) -> None:
    small(fold=[0])
    out = tmp_path / "out"
    file = out / "records" / "repeat__random__s2__n3__fold0.json"
    record = read_record(file)
    table = predictions_of(record, file)
    assert set(record.synthetic_digests) == {"A", "B", "C"}
    other = {"synthetic_digests": {**record.synthetic_digests, "A": "0" * 64}}
    write_record(out, record.model_copy(update=other), table)
    shutil.rmtree(out / "store")
    assert small(fold=[0], rebuild=True).outcome.other_images == [record.trial]
