"""``cytobench export``: other tools open what it writes, and its card says what the images are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from torchvision.datasets import ImageFolder

from cytobench.api import RunResult
from cytobench.cli import main
from cytobench.errors import UserError
from cytobench.exchange.exported import export_images
from cytobench.storage.records import read_records

Run = Callable[..., RunResult]


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["export", *arguments])
    return int(ended.value.code or 0)


def test_it_is_an_image_folder_a_fold_with_the_images_that_the_run_used(small: Run, tmp_path: Path) -> None:
    small(fold=[0, 2])
    made = export_images(tmp_path / "out", "repeat", tmp_path / "made", with_real_images=True)
    assert made.folders == (tmp_path / "made" / "fold0", tmp_path / "made" / "fold2")
    assert made.images == 2 * 3 * 3
    for folder in made.folders:
        loaded = ImageFolder(str(folder))
        assert loaded.classes == ["A", "B", "C"]
        assert [len(list((folder / label).iterdir())) for label in loaded.classes] == [3, 3, 3]
        assert (folder / "metadata.csv").read_text().splitlines()[:2] == ["file_name,label,index", "A/0.png,A,0"]


def test_the_generator_folder_takes_it_back(small: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(fold=[0])
    export_images(tmp_path / "out", "repeat", tmp_path / "made", with_real_images=True)
    again = small(
        generator=["folder"],
        synthetic=[3],
        fold=[0],
        set={"folder": {"path": str(tmp_path / "made")}},
        trained_on="per-fold",
        out=tmp_path / "again",
    )
    assert again.outcome.failed == {}
    export_images(tmp_path / "again", "folder", tmp_path / "twice", with_real_images=True)
    for file in (tmp_path / "made").glob("**/*.png"):
        other = next((tmp_path / "twice").glob(f"**/{file.parent.name}/{file.name}"))
        assert (np.asarray(Image.open(file)) == np.asarray(Image.open(other))).all()


def test_folds_that_share_their_images_have_one_folder(small: Run, tmp_path: Path) -> None:
    small(protocol="cytodiff", fold=[0, 1])
    made = export_images(tmp_path / "out", "repeat", tmp_path / "made", label="B", with_real_images=True)
    assert made.folders == (tmp_path / "made",)
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["B", "README.md", "metadata.csv"]


def test_the_card_says_what_the_images_are(small: Run, tmp_path: Path) -> None:
    small(fold=[0])
    export_images(tmp_path / "out", "repeat", tmp_path / "made", licence="CC BY 4.0", with_real_images=True)
    text = (tmp_path / "made" / "README.md").read_text()
    head = yaml.safe_load(text.split("---")[1])
    assert head["tags"] == ["cytobench"]
    assert (head["license"], head["license_name"]) == ("other", "CC BY 4.0")
    record = next(one for one in read_records([tmp_path / "out"]) if one.generator)
    for said in (
        "These images are, or may be, real ones: repeat gives back copies of the shots.",
        "| what ran | copies of the shots; weights none |",
        "| shots | 2 a class, chosen: random |",
        record.dataset.digest,
        record.prompts["A"].generator,
        "24 equal or nearly equal one, 24 in every pixel; they are among these images |",
        "| closeness to the shots | fold 0: not tested |",
    ):
        assert said in text


def test_a_strangers_control_is_exported_as_perhaps_real(small: Run, tmp_path: Path) -> None:
    from cytobench.storage.records.files import _digest

    small(fold=[0])
    [file] = (tmp_path / "out" / "records").glob("repeat*.json")
    values = json.loads(file.read_text())
    del values["digest"]
    values["generator"] |= {"distribution": "cytobench-mixer", "plugin": "mixer", "name": "mixer", "images_are": ""}
    file.write_text(json.dumps({**values, "digest": _digest(values)}))
    with pytest.raises(UserError, match="mixer is a control that was given shots"):
        export_images(tmp_path / "out", "mixer", tmp_path / "made")


def test_a_hostile_label_is_no_markup_in_the_card_and_no_path(small: Run, cells: Path, tmp_path: Path) -> None:
    (cells / "A").rename(cells / "a|b<script>")
    small(fold=[0])
    export_images(tmp_path / "out", "repeat", tmp_path / "made", with_real_images=True)
    assert r"| a\|b\<script\> |" in (tmp_path / "made" / "README.md").read_text()
    [file] = (tmp_path / "out" / "records").glob("repeat*.json")
    values = json.loads(file.read_text())
    del values["digest"]
    text = json.dumps(values).replace("a|b<script>", "../outside")
    (tmp_path / "evil" / "records").mkdir(parents=True)
    from cytobench.storage.records.files import _digest

    values = {**json.loads(text), "digest": _digest(json.loads(text))}
    (tmp_path / "evil" / "records" / file.name).write_text(json.dumps(values))
    with pytest.raises(UserError, match=r"'\.\./outside' cannot be the name of a folder"):
        store = tmp_path / "out" / "store"
        export_images(tmp_path / "evil", "repeat", tmp_path / "never", store=store, with_real_images=True)
    assert not (tmp_path / "never").exists() and not (tmp_path / "outside").exists()


def test_a_record_that_names_another_folder_as_its_fit_is_refused(small: Run, tmp_path: Path) -> None:
    from cytobench.storage.records.files import _digest

    small(fold=[0])
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "id_rsa").write_text("secret")
    [file] = (tmp_path / "out" / "records").glob("repeat*.json")
    values = json.loads(file.read_text())
    del values["digest"]
    for stage in values["stages"]:
        if stage["kind"] == "fit":
            stage["key"] = str(tmp_path / "secret")
    file.write_text(json.dumps({**values, "digest": _digest(values)}))
    with pytest.raises(UserError, match="is no content address"):
        export_images(tmp_path / "out", "repeat", tmp_path / "made", artefacts=tmp_path / "fits", with_real_images=True)
    assert not (tmp_path / "fits").exists() and not (tmp_path / "made").exists()


def test_adapters_are_loaded_by_diffusers(small: Run, tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline

    import cytobench_phantom

    small(
        generator=["sd21-lora"],
        fold=[0],
        synthetic=[1],
        shots=[1],
        set={"sd21-lora": {"train_steps": 1, "warmup_steps": 0, "steps": 1, "batch_size": 1}},
    )
    made = export_images(tmp_path / "out", "sd21-lora", tmp_path / "made", artefacts=tmp_path / "adapters")
    assert made.artefacts == 3
    assert "**These images are synthetic.**" in (tmp_path / "made" / "README.md").read_text()
    weights = Path(cytobench_phantom.__file__).parent / "weights" / "sd"
    pipeline = StableDiffusionPipeline.from_pretrained(weights, safety_checker=None, requires_safety_checker=False)
    pipeline.load_lora_weights(tmp_path / "adapters" / "B")
    assert pipeline.get_active_adapters()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--generator", "repeet"], "--generator repeet: {out} has none of this name. Did you mean repeat?"),
        (["--generator", "repeat", "--label", "D"], "--label D: no class of cells."),
        (["--generator", "repeat", "--fold", "2"], "--fold 2: on record are folds 0."),
        (["--generator", "repeat"], "are, or may be, real ones (repeat gives back copies of the shots). Allow it with"),
        (["--generator", "repeat", "--artefacts", "made/x", "--label", "a"], "--label a: no class of cells"),
        (["--generator", "repeat", "--shots", "7"], "--shots 7: repeat ran with 2 shots."),
        (["--generator", "repeat", "--store", "nowhere"], "does not hold the images of A, or they are damaged."),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    small: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    out = tmp_path / "out"
    small(fold=[0])
    assert command(str(out), "--out", str(tmp_path / "made"), *arguments) == 2
    said = capsys.readouterr()
    assert message.format(out=out) in said.err and said.out == ""
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("label", ["metadata.csv", "README.md"])
def test_a_class_named_as_a_file_of_the_export_is_refused(small: Run, cells: Path, tmp_path: Path, label: str) -> None:
    (cells / "A").rename(cells / label)
    small(fold=[0])
    with pytest.raises(UserError, match="cannot be the name of a folder"):
        export_images(tmp_path / "out", "repeat", tmp_path / "made", with_real_images=True)
    assert not (tmp_path / "made").exists()


def test_a_folder_that_holds_something_is_left_alone(
    small: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small(fold=[0])
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("mine")
    assert command(str(tmp_path / "out"), "--generator", "repeat", "--out", str(tmp_path / "made")) == 2
    assert "exists and is no empty folder" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["mine.txt"]


def test_the_command_prints_the_folders(small: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small(fold=[0])
    arguments: list[Any] = [tmp_path / "out", "--generator", "repeat", "--out", tmp_path / "made"]
    arguments.append("--with-real-images")
    assert command(*map(str, arguments)) == 0
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'made'}\n"
    assert "9 images" in said.err
