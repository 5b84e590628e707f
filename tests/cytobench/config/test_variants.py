"""One plugin under several names in a benchmark: rows, settings, records, and that a name changes no work."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cytobench.api import RunResult, plan, run
from cytobench.config.benchmark import read_benchmark
from cytobench.errors import UserError
from cytobench.pipeline.fetch import fetch_assets, verify_assets
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import read_record

Run = Callable[..., RunResult]
TINY = {"plugin": "timm", "model": "test_resnet", "resolution": 32, "epochs": 1}


@pytest.fixture
def values(cells: Path, tmp_path: Path) -> dict[str, Any]:
    """Arguments of a run on twelve noise images of each of A, B and C, on one fold of three."""
    return {
        "dataset": str(cells), "preset": "pocket", "synthetic": [0, 3], "shots": [2], "folds": 3,
        "fold": [0], "device": "cpu", "out": tmp_path / "out",
    }  # fmt: skip


def rows(result: RunResult) -> set[str]:
    return {row.row for section in result.leaderboard.sections for row in section.rows}


def record(values: dict[str, Any], name: str) -> Any:
    return read_record(values["out"] / "records" / f"{name}__fold0.json")


def trainings(values: dict[str, Any]) -> int:
    return len(list((values["out"] / "store" / "train").glob("*/*")))


def test_a_variant_is_a_row_with_settings_of_its_own(values: dict[str, Any]) -> None:
    benchmark = {
        "generator": ["repeat", "often"],
        "classifier": ["timm", "timm-lr0.1"],
        "variants": {"often": {"plugin": "repeat", "batch_size": 2}, "timm-lr0.1": {**TINY, "lr": 0.1}},
        "set": {"timm": {**{key: TINY[key] for key in ("model", "resolution")}, "epochs": 2}},
    }
    result = run(**values, **benchmark)
    names = ("timm:test_resnet", "timm-lr0.1")
    assert rows(result) == {
        f"{row.replace('C', name)}" for name in names for row in ("none/C/s0/n0", "repeat/C/s2/n3", "often/C/s2/n3")
    }
    used = record(values, "often__timm-lr0.1__s2__n3")
    assert (used.classifier.name, used.classifier.plugin) == ("timm-lr0.1", "timm")
    assert (used.generator.name, used.generator.plugin) == ("often", "repeat")
    # The preset's batch size, the variant's own epochs and rate; nothing of what is set for the plugin.
    assert [used.classifier.config[key] for key in ("batch_size", "epochs", "lr")] == [32, 1, 0.1]
    assert used.generator.sample_config["batch_size"] == 2
    plain = record(values, "repeat__timm-test_resnet__s2__n3")
    assert [plain.classifier.config[key] for key in ("epochs", "lr")] == [2, 0.001]
    assert "timm-lr0.1" in render(result.leaderboard, "table")


def test_set_changes_a_variant_alone_and_a_dot_in_its_name_is_no_border(values: dict[str, Any], tmp_path: Path) -> None:
    from cytobench.cli.run import parse_set

    file = tmp_path / "b.toml"
    file.write_text(
        'classifier = ["timm", "timm-lr0.1"]\n[set.timm]\nmodel = "test_resnet"\nresolution = 32\nepochs = 1\n'
        '[variants."timm-lr0.1"]\nplugin = "timm"\nmodel = "test_resnet"\nresolution = 32\nlr = 0.1\n'
    )
    given = parse_set(("timm-lr0.1.epochs=1", "timm-lr0.1.lr=0.2"))
    more = {"variants": {"chance": {"plugin": "random"}}, "classifier": ["timm", "timm-lr0.1", "chance"]}
    run(file, **values | {"synthetic": [0]}, set=given, **more)
    found = read_benchmark(values["out"] / "benchmark.toml")
    assert set(found.variants) == {"timm-lr0.1", "chance"}
    assert (found.set["timm-lr0.1"]["lr"], found.set["timm-lr0.1"]["epochs"]) == (0.2, 1)
    assert found.set["timm"]["lr"] == 0.001
    assert found.variants["timm-lr0.1"].plugin == "timm"


def test_equal_settings_are_the_same_work(values: dict[str, Any]) -> None:
    twins = {
        "generator": ["repeat", "again"],
        "classifier": ["timm-a", "timm-b"],
        "variants": {"again": {"plugin": "repeat"}, "timm-a": TINY, "timm-b": TINY},
    }
    (train,) = [item.todo for item in plan(**values, **twins).items if item.kind == "train"]
    assert train == 2  # N = 0 and N = 3
    result = run(**values, **twins)
    assert trainings(values) == 2
    assert len(result.outcome.done) == len(rows(result)) == 6
    records = [read_record(path) for path in sorted((values["out"] / "records").glob("*.json"))]
    for n in (0, 3):
        same = [one for one in records if one.n_synthetic == n]
        assert len({one.key for one in same}) == 1 and len({one.predictions_digest for one in same}) == 1
        assert len({one.row for one in same}) == len(same)
    assert run(**values, **twins).outcome.done == []


def test_a_variant_is_the_same_work_as_the_plugin_with_its_settings(values: dict[str, Any]) -> None:
    settings = {key: value for key, value in TINY.items() if key != "plugin"}
    run(**values | {"synthetic": [0]}, classifier=["timm"], set={"timm": settings})
    result = run(**values | {"synthetic": [0]}, classifier=["tiny"], variants={"tiny": TINY})
    assert trainings(values) == 1 and len(result.outcome.done) == 1
    assert record(values, "none__tiny__s0__n0").key == record(values, "none__timm-test_resnet__s0__n0").key


def test_a_failing_variant_fails_all_that_share_its_work(values: dict[str, Any]) -> None:
    odd = {**TINY, "lr": 1e30}
    result = run(**values | {"synthetic": [0]}, classifier=["a", "b", "random"], variants={"a": odd, "b": odd})
    assert set(result.outcome.failed) == {"none__a__s0__n0__fold0", "none__b__s0__n0__fold0"}
    assert record(values, "none__b__s0__n0").error.type == "CytobenchError"
    assert result.outcome.done == ["none__random__s0__n0__fold0"]


def test_a_variant_may_be_kept_to_some_numbers_of_synthetic_images(values: dict[str, Any]) -> None:
    real = {"plugin": "random", "synthetic": [0]}
    result = run(
        **values | {"synthetic": [0, 3, 5]}, generator=["repeat", "few"], classifier=["random", "real"],
        variants={"real": real, "few": {"plugin": "repeat", "synthetic": [5]}, "unused": {"plugin": "clip"}},
    )  # fmt: skip
    assert rows(result) == {
        "none/random/s0/n0", "none/real/s0/n0", "repeat/random/s2/n3", "repeat/random/s2/n5", "few/random/s2/n5"
    }  # fmt: skip
    assert set(read_benchmark(values["out"] / "benchmark.toml").variants) == {"real", "few"}


def test_the_resolved_benchmark_and_a_records_own_run_again(values: dict[str, Any], tmp_path: Path) -> None:
    run(**values | {"synthetic": [0]}, classifier=["tiny"], variants={"tiny": {**TINY, "synthetic": [0]}})
    out = values["out"]
    again = run(out / "benchmark.toml", out=out)
    assert again.outcome.reused == ["none__tiny__s0__n0__fold0"] and again.outcome.done == []
    before = record(values, "none__tiny__s0__n0")
    elsewhere = run(**{**before.benchmark, "out": tmp_path / "other"})
    assert elsewhere.outcome.done == before.trial.split()
    assert read_record(tmp_path / "other" / "records" / f"{before.trial}.json").key == before.key


def test_a_folder_refuses_another_meaning_of_a_name(values: dict[str, Any]) -> None:
    first = {"classifier": ["x", "random"], "variants": {"x": TINY}}
    values |= {"synthetic": [0]}
    run(**values, **first)
    refused = (({**TINY, "lr": 0.5}, r"x\.lr differ"), ({"plugin": "random"}, r"variants\.x\.plugin differ"))
    for changed, said in refused:
        with pytest.raises(UserError, match=said):
            run(**values, classifier=["x"], variants={"x": changed})
    more = run(**values, classifier=["x", "y"], variants={"x": TINY, "y": {**TINY, "lr": 0.5}})
    assert more.outcome.done == ["none__y__s0__n0__fold0"]


def test_images_made_elsewhere_may_be_two_variants(values: dict[str, Any], tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        shutil.copytree(tmp_path / "cells", tmp_path / name)
    result = run(
        **values, generator=["ours", "theirs"], classifier=["random"], trained_on="external",
        variants={name: {"plugin": "folder", "path": str(tmp_path / name)} for name in ("ours", "theirs")},
    )  # fmt: skip
    assert {"ours/random/s0/n3", "theirs/random/s0/n3"} < rows(result)
    assert record(values, "ours__random__s0__n3").made_elsewhere == "external"


def test_what_a_variant_needs_is_locked_under_its_name(values: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "cells", tmp_path / "made")
    file = tmp_path / "b.toml"
    file.write_text(
        f'dataset = "{tmp_path / "cells"}"\ngenerator = ["mine.v2"]\nclassifier = ["random"]\n'
        f'[variants."mine.v2"]\nplugin = "folder"\npath = "{tmp_path / "made"}"\n'
    )
    lock = fetch_assets(file)
    assert set(lock.items) == {"mine.v2.path", "dataset"}
    assert [check.status for check in verify_assets(file)] == ["ok", "ok"]
    (tmp_path / "made" / "A" / "00.png").write_bytes((tmp_path / "made" / "B" / "00.png").read_bytes())
    assert {check.name: check.status for check in verify_assets(file)}["mine.v2.path"] == "differs"


def test_a_calibrated_plan_prices_each_variant(values: dict[str, Any]) -> None:
    heard: list[str] = []
    found = plan(
        **values | {"synthetic": [0]}, classifier=["a:1", "b"], calibrate=heard.append,
        variants={"a:1": TINY, "b": {**TINY, "epochs": 4}},
    )  # fmt: skip
    assert {"calibrating: train a:1", "calibrating: train b"} <= set(heard)
    trained = {item.plugin: item.steps for item in found.items if item.kind == "train"}
    assert trained == {"a:1": 1, "b": 4}
    assert all(item.seconds is not None for item in found.items)


@pytest.mark.parametrize(
    ("classifiers", "variants", "said"),
    [
        (["a:b", "a-b"], {"a:b": TINY, "a-b": TINY}, "none/a:b/s0/n0 and none/a-b/s0/n0 would share their files"),
        (["Tiny", "tiny"], {"Tiny": TINY, "tiny": TINY}, "Rename a variant"),
        (["bs"], {"base": TINY}, "Did you mean base?"),
        (["lite0"], {"lite0": TINY}, "variants.lite0: lite0 is an installed plugin"),
        (["base"], {"base": {**TINY, "synthetic": [7]}}, r"variants.base.synthetic \[7\]: none of the run's"),
    ],
)
def test_what_cannot_be_told_apart_or_found_is_refused(
    values: dict[str, Any], classifiers: list[str], variants: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        run(**values | {"synthetic": [0]}, classifier=classifiers, variants=variants)
    assert not values["out"].exists()


def test_a_variant_leaves_the_bytes_of_what_it_shares(values: dict[str, Any]) -> None:
    """A second name is a second record; the first one's files stay as they are."""
    run(**values, generator=["repeat"], classifier=["random"])
    before = {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in values["out"].rglob("*.parquet")}
    run(**values, generator=["repeat", "again"], classifier=["random"], variants={"again": {"plugin": "repeat"}})
    after = {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in before}
    assert after == before
