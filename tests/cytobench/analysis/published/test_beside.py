"""``leaderboard --published``: every published row beside ours, comparable only where all is the study's."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from cytobench.analysis.leaderboard import leaderboard
from cytobench.analysis.published import STUDY_COUNTS, published_rows, with_published
from cytobench.analysis.published.judge import SETTINGS
from cytobench.reporting.leaderboard import FORMATS, render
from cytobench.storage.records import Record

Make = Callable[..., Record]
GENERATOR = SETTINGS["sd21-lora"]
CUT = {label: min(number, 20) for label, number in STUDY_COUNTS.items()}
SAMPLING = ("steps", "guidance", "scheduler")


@pytest.fixture
def study(make_record: Make) -> Callable[..., list[Record]]:
    """Five records of a run as the study's own: CLIP with 100 images a class. ``changes`` replace parts."""

    def make(**changes: Any) -> list[Record]:
        records = []
        for fold in range(5):
            values = make_record(fold, f1=0.44).model_dump(mode="json", exclude={"digest"})
            values |= {"row": "sd21-lora/clip/s16/n100", "n_synthetic": 100, "preset": "paper"}
            values["dataset"] |= {"labels": list(STUDY_COUNTS), "classes": dict(STUDY_COUNTS), "n_images": 18_365}
            values["protocol"] |= {"name": "cytodiff", "version": 2, "switches": {"pooled": True}}
            values["classifier"] |= {"config": dict(SETTINGS["clip"])}
            values["classifier"]["ran"] |= {"resolution": 224}
            settings = {key: value for key, value in GENERATOR.items() if key not in SAMPLING}
            values["generator"] |= {"fit_config": settings, "sample_config": {key: GENERATOR[key] for key in SAMPLING}}
            values["generator"]["ran"] |= {"resolution": 512}
            for path, value in changes.items():
                *parts, last = path.split("__")
                place = values
                for part in parts:
                    place = place[part]
                place[last] = value
            records.append(Record.model_validate(values))
        return records

    return make


def verdicts(records: list[Record]) -> dict[str, str]:
    (section,) = with_published(leaderboard(records), records).sections
    return {one.name: one.verdict for one in section.published}


def test_the_studys_own_run_is_comparable_with_its_row_alone(study) -> None:
    found = verdicts(study())
    assert set(found) == {row.name for row in published_rows()}
    assert [name for name, verdict in found.items() if verdict == "comparable"] == ["S3/clip/n100"]
    assert found["S3/clip/n200"] == "not comparable: no such row of ours"
    assert found["S1/clip/n3000"] == "not comparable: no such row of ours"


def test_table_s1_is_of_a_run_that_trains_on_synthetic_images_alone(study) -> None:
    alone = {"name": "cytodiff+synthetic_only", "version": 2, "switches": {"pooled": True, "synthetic_only": True}}
    records = study(n_synthetic=3000, row="sd21-lora/clip/s16/n3000")
    found = verdicts(records)
    assert found["S1/clip/n3000"] == "not comparable: no such row of ours"
    assert found["S3/clip/n3000"] == "comparable"
    found = verdicts(
        [
            Record.model_validate(
                values | {"protocol": {**values["protocol"], **alone}},
            )
            for values in (record.model_dump(mode="json", exclude={"digest"}) for record in records)
        ]
    )
    assert found["S1/clip/n3000"] == "comparable"
    assert found["S3/clip/n3000"] == "not comparable: no such row of ours"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol__name": "strict"}, "protocol strict"),
        ({"protocol__version": 1}, "protocol cytodiff v1, not v2"),
        ({"dataset__classes": {**STUDY_COUNTS, "Basophil": 80}, "dataset__n_images": 18_366}, "other data (cells, 18,"),
        ({"dataset__limit": 20, "dataset__classes": CUT}, "cut by limit=20"),
        ({"dataset__limit": 20}, "cut by limit=20, other data (cells, 18,365 images"),
        ({"preset": "pocket"}, "preset pocket"),
        ({"classifier__ran": {"weights": "w", "architecture": "a", "resolution": 64}}, "clip at 64 px, not 224"),
        ({"generator__ran": {"weights": "w", "architecture": "a", "resolution": 64}}, "sd21-lora at 64 px, not 512"),
        ({"seed": 7}, "seed 7"),
        ({"train_only": ["Monoblast"]}, "14 classes scored"),
        ({"protocol__folds": 10}, "5 of 10 folds"),
        ({"shots": 8}, "8 shots a class"),
        ({"made_elsewhere": "external"}, "made elsewhere"),
        ({"classifier__config": {**SETTINGS["clip"], "epochs": 1}}, "clip.epochs 1, not 100"),
        ({"classifier__config": {**SETTINGS["clip"], "oversample": 50}}, "clip.oversample 50, not 0"),
        ({"generator__sample_config": {"steps": 12, "guidance": 2.0, "scheduler": None}}, "sd21-lora.steps 12, not 50"),
    ],
)
def test_each_difference_is_a_reason(study, changes, said) -> None:
    verdict = verdicts(study(**changes))["S3/clip/n100"]
    assert verdict.startswith("not comparable: ") and said in verdict
    assert verdict.count(",") - said.count(",") <= 1, "one difference has one reason"


def test_what_is_left_to_its_default_and_what_is_written_out_are_the_same(study) -> None:
    settings = {key: value for key, value in GENERATOR.items() if key not in SAMPLING}
    written = {**settings, "alpha": 16, "train_steps": 600}
    assert verdicts(study(generator__fit_config=written))["S3/clip/n100"] == "comparable"


def test_options_that_a_record_leaves_out_are_at_their_default(study) -> None:
    silent = ("class_weights", "oversample", "match_steps")
    config = {key: value for key, value in SETTINGS["clip"].items() if key not in silent}
    assert verdicts(study(classifier__config=config))["S3/clip/n100"] == "comparable"


def test_a_pretrained_start_is_not_the_studys_resnet(study) -> None:
    real = {"row": "none/resnet50/s0/n0", "generator": None, "shots": 0, "n_synthetic": 0}
    real |= {"classifier__name": "resnet50", "classifier__plugin": "resnet50"}
    ran = {"weights": "w", "architecture": "a", "resolution": 384}
    config = dict(SETTINGS["resnet50"])
    found = verdicts(study(**real, classifier__config=config, classifier__ran=ran))
    assert found["S2/resnet50/n0"] == "comparable"
    config["weights"] = "timm/resnet50.a1_in1k"
    found = verdicts(study(**real, classifier__config=config, classifier__ran=ran))
    assert found["S2/resnet50/n0"] == "not comparable: resnet50.weights timm/resnet50.a1_in1k, not None"


def test_of_rows_with_one_name_the_nearest_to_the_study_stands_beside_it(study) -> None:
    other = study(classifier__config={**SETTINGS["clip"], "oversample": 50})
    for records in ([*study(), *other], [*other, *study()]):
        assert verdicts(records)["S3/clip/n100"] == "comparable"


def test_a_variant_at_the_studys_settings_stands_beside_its_row(study) -> None:
    usual = {"classifier__plugin": "resnet50", "generator": None, "shots": 0, "n_synthetic": 0}
    usual["classifier__ran"] = {"weights": "w", "architecture": "a", "resolution": 384}
    rates = {}
    for name, lr in (("resnet50-lr1e-3", 1e-3), ("resnet50-lr1e-4", 1e-4)):
        config = {**SETTINGS["resnet50"], "lr": lr}
        rates[name] = study(**usual, row=f"none/{name}/s0/n0", classifier__name=name, classifier__config=config)
    assert verdicts(rates["resnet50-lr1e-3"])["S2/resnet50/n0"] == "not comparable: resnet50.lr 0.001, not 0.0001"
    records = [*rates["resnet50-lr1e-3"], *rates["resnet50-lr1e-4"]]
    (section,) = with_published(leaderboard(records), records).sections
    (found,) = [one for one in section.published if one.name == "S2/resnet50/n0"]
    assert (found.ours.row, found.verdict) == ("none/resnet50-lr1e-4/s0/n0", "comparable")


def test_codes_of_classes_are_the_same_data(study) -> None:
    from cytobench.data.class_names import CODES

    counts = {CODES[label]: number for label, number in STUDY_COUNTS.items()}
    found = verdicts(study(dataset__labels=list(counts), dataset__classes=counts))
    assert found["S3/clip/n100"] == "comparable"


def test_a_missing_fold_is_a_reason(study) -> None:
    assert "4 of 5 folds, incomplete" in verdicts(study()[:4])["S3/clip/n100"]


def test_the_random_row_is_never_comparable(make_record: Make) -> None:
    records = [make_record(fold, generator=None, classifier="random") for fold in range(5)]
    assert "cannot come from the real data" in verdicts(records)["S2/random"]


def test_every_format_has_every_published_row_and_none_without_being_asked(study) -> None:
    records = study(preset="pocket")
    board = with_published(leaderboard(records), records)
    for name in ("table", *FORMATS):
        text = render(board, name)
        plain = text.replace("\\", "")
        assert "preset pocket" in plain and "not comparable" in plain and "no such row of ours" in plain
        assert "not comparable" not in render(leaderboard(records), name)
    lines = [line for line in csv.DictReader(io.StringIO(render(board, "csv"))) if line["verdict"]]
    assert len(lines) == sum(len(row.aggregates) for row in published_rows())
    line = next(one for one in lines if one["row"] == "published:S3/clip/n100" and one["split"] == "test")
    assert (line["metric"], line["mean"], line["dataset"]) == ("accuracy", "0.62", "published")
    assert line["beside"].endswith("sd21-lora/clip/s16/n100")
    (section,) = json.loads(render(board, "json"))["sections"]
    assert [one["row"] for one in section["published"]] == [f"published:{row.name}" for row in published_rows()]
    assert section["published"][0]["figures"]["test"]["accuracy"]["mean"] == 0.81


def test_published_rows_are_never_ranked(study) -> None:
    plain, beside = leaderboard(study()), with_published(leaderboard(study()), study())
    assert plain.sections[0].rows == beside.sections[0].rows
