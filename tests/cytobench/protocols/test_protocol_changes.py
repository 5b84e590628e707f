"""Protocols with changes: their names, what each moves, and runs under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytobench.analysis.leaderboard import leaderboard
from cytobench.api import plan, run
from cytobench.config.benchmark import make_benchmark
from cytobench.config.resolve import resolve
from cytobench.data.dataset import Dataset
from cytobench.errors import UserError
from cytobench.pipeline.graph import plan_trial
from cytobench.pipeline.plan import make_planner
from cytobench.plugins import load_plugins
from cytobench.protocols import CHANGES, PROTOCOLS, Fold, draw_shots, find_protocol, split, split_table
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import predictions_of, read_record, read_records

MISTAKES = ("pooled", "shots", "copies", "checkpoints", "recoloured", "crop", "corners")


def different(**counts: int) -> Dataset:
    """A data set of so many different images of each class."""
    rows = [(label, f"{label}/{i:04d}.png", f"{label}{i}") for label, n in counts.items() for i in range(n)]
    table = pd.DataFrame(rows, columns=["label", "path", "digest"]).assign(group=pd.NA, quality=np.nan)
    return Dataset("drawn", Path("nowhere"), table, tuple(counts))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_change_sets_its_own_switches_and_no_other(name: str) -> None:
    sign = "+" if name == "strict" else "-"
    before = PROTOCOLS[name].switches
    for change in MISTAKES:
        after = find_protocol(f"{name}{sign}{change}").switches
        moved = {switch for switch in {*before, *after} if after.get(switch) != before.get(switch)}
        assert moved == set(CHANGES[change].switches)


def test_all_changes_together_make_one_protocol_of_the_other_but_for_the_order_of_rows() -> None:
    changed = find_protocol("strict" + "".join(f"+{change}" for change in MISTAKES)).switches
    assert {**changed, "order": "class_name"} == PROTOCOLS["cytodiff"].switches


def test_the_order_of_changes_in_a_name_is_nothing() -> None:
    assert find_protocol("strict+pooled+crop") == find_protocol("strict+crop+pooled")
    assert find_protocol("strict+pooled+crop").name == "strict+crop+pooled"


@pytest.mark.parametrize(
    ("name", "version"),
    [("strict", 1), ("strict+pooled", 1), ("strict+recoloured", 2), ("strict+pooled+recoloured", 2), ("cytodiff", 2)],
)
def test_what_recolours_has_the_version_of_the_recolouring(name: str, version: int) -> None:
    """Figures of version 1 were tinted otherwise: they are no longer done, and never ranked beside new ones."""
    assert find_protocol(name).version == version


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("strict+poled", ["+poled", "Did you mean pooled?", "checkpoints"]),
        ("strict-pooled", ["-pooled changes nothing", "does not have it"]),
        ("cytodiff+crop", ["+crop changes nothing", "has it already"]),
        ("strict+crop+crop", ["+crop changes nothing", "has it already"]),
        ("cytodif-crop", ["no such protocol", "Did you mean cytodiff?"]),
        ("strict+", ["no such change"]),
        ("strict+balanced+synthetic_only", ["leave out +balanced"]),
    ],
)
def test_a_name_that_means_nothing_is_refused(name: str, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        find_protocol(name)
    assert all(word in str(error.value) for word in words)


def part_sizes(data: Dataset, fold: Fold, part: str) -> dict[str, tuple[int, int]]:
    """Real and synthetic images of each class in a part."""
    real = data.table["label"].iloc[getattr(fold, part)].value_counts()
    made = fold.synthetic.get(part, {})
    return {label: (int(real.get(label, 0)), len(made.get(label, ()))) for label in data.labels}


@settings(max_examples=30, deadline=None, derandomize=True)
@given(a=st.integers(5, 40), b=st.integers(5, 40), n=st.integers(1, 30), seed=st.integers(0, 3))
def test_balanced_gives_every_class_n_in_training_and_leaves_the_rest_alone(a: int, b: int, n: int, seed: int) -> None:
    data = different(A=a, B=b)
    plain = split(data, PROTOCOLS["strict"], 5, seed)
    for before, fold in zip(plain, split(data, find_protocol("strict+balanced"), 5, seed, synthetic=n), strict=True):
        assert all(sum(sizes) == n for sizes in part_sizes(data, fold, "train").values())
        assert all(made == max(n - real, 0) for real, made in part_sizes(data, fold, "train").values())
        assert sorted(fold.training_part) == sorted(before.train)
        assert np.array_equal(fold.val, before.val) and np.array_equal(fold.test, before.test)
        for label, made in fold.synthetic["train"].items():
            assert np.array_equal(made, np.arange(fold.counts()[label]))


def test_balanced_and_pooled_gives_every_class_n_in_all() -> None:
    data = different(A=40, B=8)
    for fold in split(data, find_protocol("cytodiff+balanced"), 5, 42, synthetic=20):
        sizes = [part_sizes(data, fold, part) for part in ("train", "val", "test")]
        assert {label: np.sum([size[label] for size in sizes], axis=0).tolist() for label in "AB"} == {
            "A": [20, 0],
            "B": [8, 12],
        }
        assert len(fold.left_out) == 20


@pytest.mark.parametrize("name", ["strict+balanced", "cytodiff+balanced"])
def test_balanced_without_synthetic_images_changes_nothing(name: str) -> None:
    data = different(A=40, B=8)
    plain = find_protocol(name.removesuffix("+balanced"))
    for before, fold in zip(split(data, plain, 5, 42), split(data, find_protocol(name), 5, 42), strict=True):
        assert all(np.array_equal(getattr(before, part), getattr(fold, part)) for part in ("train", "val", "test"))


def test_synthetic_only_trains_on_no_real_image_and_tests_on_them_all() -> None:
    data = different(A=20, B=10)
    strict = split(data, PROTOCOLS["strict"], 5, 42)
    protocol = find_protocol("strict+synthetic_only")
    for before, fold in zip(strict, split(data, protocol, 5, 42, synthetic=6), strict=True):
        assert len(fold.train) == 0
        assert np.array_equal(fold.test, before.test)
        assert fold.counts() == {"A": 6, "B": 6}
        assert not fold.synthetic.get("test")
        shots = [draw_shots(data, one, f, "A", 4, 42) for one, f in ((protocol, fold), (PROTOCOLS["strict"], before))]
        assert np.array_equal(*shots)


def test_synthetic_only_and_pooled_divides_the_synthetic_images_by_themselves() -> None:
    data = different(A=20, B=10)
    folds = split(data, find_protocol("cytodiff+synthetic_only"), 5, 42, synthetic=10)
    for fold in folds:
        assert len(fold.train) == 0
        assert [part_sizes(data, fold, part)["A"][1] for part in ("train", "val", "test")] == [6, 2, 2]
    tested = np.sort(np.concatenate([fold.synthetic["test"]["A"] for fold in folds]))
    assert np.array_equal(tested, np.arange(10))


def test_a_table_of_a_balanced_division_names_the_images_that_are_used() -> None:
    data = different(A=40, B=8)
    table = split_table(data, find_protocol("strict+balanced"), 5, 42, synthetic=6)
    made = table[table["path"].str.startswith("synthetic/")]
    assert set(made["label"]) == {"B"}
    assert (table["fold0"].eq("train") & table["label"].eq("A")).sum() == 6


@pytest.fixture(scope="module")
def outs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run under each of the settings that need more than a division."""
    out = tmp_path_factory.mktemp("changes")
    for name in ("strict+synthetic_only", "cytodiff+synthetic_only", "cytodiff+balanced", "cytodiff-pooled"):
        run(
            dataset="phantom", protocol=name, generator=["oracle"], classifier=["random"], synthetic=[8], limit=6,
            fold=[0], device="cpu", out=out / name, store=out / "store",
        )  # fmt: skip
    return out


def scored(out: Path) -> dict[str, tuple[int, int]]:
    """Real and synthetic images behind each split's scores."""
    file = next((out / "records").glob("oracle*.json"))
    table = predictions_of(read_record(file), file)
    return {
        split: ((~part["synthetic"]).sum(), part["synthetic"].sum()) for split, part in table.groupby("split")
    }


def test_what_is_scored_under_each(outs: Path) -> None:
    real, made = 15 * 6 // 5, 15 * 8 // 5
    strict = scored(outs / "strict+synthetic_only")
    assert strict == {"validation": (real, 0), "test": (real, 0)}
    both = {"validation_real": (real, 0), "test_real": (real, 0)}
    alone = scored(outs / "cytodiff+synthetic_only")
    assert alone == {"validation": (0, made), "test": (0, made), **both}
    topped_up = scored(outs / "cytodiff+balanced")
    assert sum(topped_up["test"]) == 15 * 8 // 5
    assert scored(outs / "cytodiff-pooled") == {"validation": (real, 0), "test": (real, 0), **both}


def shown(out: Path) -> str:
    """The table of a results folder."""
    return render(leaderboard(read_records([out])), "markdown")


def test_a_table_says_what_is_unlike_strict(outs: Path) -> None:
    text = shown(outs / "cytodiff-pooled")
    assert "protocol cytodiff-pooled v2" in text
    assert "Unlike strict: shots may be among the images validated and tested" in text
    assert "synthetic images are among" not in text
    assert "TESTED ON SYNTHETIC" not in text
    assert "No leak" not in text
    assert "No leak" in shown(outs / "strict+synthetic_only")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"generator": [], "synthetic": None}, ["strict+synthetic_only", "name a generator"]),
        ({"generator": ["oracle"], "synthetic": [0, 8]}, ["leave synthetic=0 out"]),
    ],
)
def test_without_synthetic_images_nothing_trains(tmp_path: Path, values: dict[str, object], words: list[str]) -> None:
    values = {name: value for name, value in values.items() if value is not None}
    with pytest.raises(UserError) as error:
        plan(dataset="phantom", protocol="strict+synthetic_only", classifier=["random"], out=tmp_path, **values)
    assert all(word in str(error.value) for word in words)


def test_a_plan_that_cannot_be_calibrated_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="calibrate: under"):
        plan(
            dataset="phantom", protocol="strict+synthetic_only", generator=["oracle"], classifier=["random"],
            synthetic=[8], out=tmp_path, calibrate=print,
        )  # fmt: skip


def test_only_the_classes_that_are_topped_up_are_fitted(tmp_path: Path) -> None:
    found = plan(
        dataset="phantom", protocol="strict+balanced", generator=["repeat"], classifier=["random"], synthetic=[30],
        fold=[0], out=tmp_path,
    )  # fmt: skip
    fits = next(item for item in found.items if item.kind == "fit")
    assert 0 < fits.todo == sum(one.fold_images[0][0] < 30 for one in found.classes) < 15


def test_every_change_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "protocols.md").read_text()
    assert all(f"| `{change}` |" in text for change in CHANGES)


@pytest.mark.parametrize("name", ["strict+pooled", "cytodiff-shots"])
def test_shots_come_from_the_training_part_of_the_division_that_is_tested(tmp_path: Path, name: str) -> None:
    """Where a protocol pools, every number of synthetic images has folds of its own, and so has shots of its own."""
    benchmark = make_benchmark(
        {
            "dataset": "phantom", "protocol": name, "generator": ["repeat"], "classifier": ["random"],
            "synthetic": [8, 20], "shots": [4], "limit": 10, "device": "cpu",
        },
        "options",
    )  # fmt: skip
    resolved = resolve(benchmark, load_plugins())
    planner = make_planner(resolved, tmp_path)
    for trial in resolved.trials:
        by_class, fold = planner.shots(trial), planner.fold(trial)
        assert all(1 <= len(rows) <= 4 for rows in by_class.values())
        shots = np.concatenate([*by_class.values()])
        assert not np.isin(shots, np.concatenate([fold.val, fold.test])).any()
        sample = plan_trial(planner, trial).training.sample
        assert sample is not None
        fitted = {digest for fit in sample.fits for _, digest in fit.plain_inputs()["shots"]}
        assert fitted == set(resolved.dataset.table["digest"].iloc[shots])


@pytest.mark.parametrize("name", ["strict", "strict+balanced"])
def test_where_synthetic_images_are_in_training_alone_the_shots_do_not_depend_on_their_number(
    tmp_path: Path, name: str
) -> None:
    benchmark = make_benchmark(
        {
            "dataset": "phantom", "protocol": name, "generator": ["repeat"], "classifier": ["random"],
            "synthetic": [8, 40], "shots": [4], "fold": [0], "device": "cpu",
        },
        "options",
    )  # fmt: skip
    resolved = resolve(benchmark, load_plugins())
    few, many = (make_planner(resolved, tmp_path).shots(trial) for trial in resolved.trials)
    assert all(np.array_equal(few[label], many[label]) for label in few)
