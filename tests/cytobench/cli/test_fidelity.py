"""The command ``fidelity``: good folders, and mistakes that are named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cytobench.cli import main

Call = Callable[..., tuple[int, str, str]]
CLIP = ("--extractor", "clip", "--preset", "pocket")
"""Its weights come with cytobench, and its 96 features allow a FID of few images."""


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["fidelity", "--device", "cpu", *arguments])
        captured = capsys.readouterr()
        return int(str(ended.value.code)), captured.out, captured.err

    return run


def save(folder: Path, n: int, seed: int, shift: int = 0, mode: str = "RGB", side: int = 24) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i in range(n):
        pixels = rng.integers(0, 150, (side, side, 3), dtype=np.uint8) + np.uint8(shift)
        Image.fromarray(pixels).convert(mode).save(folder / f"{mode}{i}.png")


@pytest.fixture
def folders(tmp_path: Path) -> None:
    for i, label in enumerate("AB"):
        save(tmp_path / "real" / label, 12, i)
        save(tmp_path / "alike" / label, 9, 10 + i)
        save(tmp_path / "other" / label, 9, 20 + i, shift=100)


SIDES = ("--real", "real", "--synthetic")


def test_json_has_the_promised_keys_for_all_and_for_each_class(call: Call, folders: None) -> None:
    code, out, err = call(*SIDES, "alike", *CLIP, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["extractor"]["name"] == "clip"
    assert len(found["extractor"]["weights_digest"]) == 64
    assert found["extractor"]["dimension"] == 96
    assert (found["n_real"], found["n_synthetic"]) == (24, 18)
    assert sorted(found["classes"]) == ["A", "B"]
    for one, n in ((found, (24, 18)), (found["classes"]["A"], (12, 9)), (found["classes"]["B"], (12, 9))):
        assert (one["n_real"], one["n_synthetic"]) == n
        for name in ("kid", "precision", "recall"):
            assert one[name]["low"] <= one[name]["value"] <= one[name]["high"]
        assert one["kid_subset_size"] == n[1] // 2
        assert one["fid"] is None and "needs at least 96 images a side" in one["reasons"]["fid"]
        assert one["copying"] is None
        assert one["floor"]["kid"] is not None
    assert found["real"] == "real" and found["synthetic"] == "alike" and found["identical"] == 0


def test_other_images_are_farther_and_features_are_extracted_once(call: Call, folders: None) -> None:
    alike = json.loads(call(*SIDES, "alike", *CLIP, "--json")[1])
    code, out, err = call(*SIDES, "other", *CLIP, "--json")
    assert code == 0
    assert json.loads(out)["kid"]["value"] > alike["kid"]["high"]
    assert "extracted 18 of 18 images" in err and "24" not in err, "the real ones are known already"
    assert "extracted" not in call(*SIDES, "other", *CLIP)[2]


def test_the_text_names_extractor_weights_reference_and_numbers(call: Call, folders: None) -> None:
    code, out, _ = call(*SIDES, "alike", *CLIP)
    assert code == 0
    assert "extractor clip (" in out and "weights " in out and "96 features" in out
    assert "real images, the reference: real; synthetic images: alike" in out
    assert "all images: 24 real, 18 synthetic" in out and "A: 12 real, 9 synthetic" in out
    assert "floor: real against real, 12 each" in out
    assert "FID needs at least 96 images a side, as many as there are features (all images, A, B)" in out


def test_a_fid_is_there_where_images_suffice(call: Call, tmp_path: Path) -> None:
    save(tmp_path / "many", 100, 1, side=8)
    save(tmp_path / "made", 97, 2, side=8)
    code, out, _ = call("--real", "many", "--synthetic", "made", *CLIP, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["fid"]["value"] > 0 and found["fid"]["low"] is None
    assert found["classes"] == {}


def test_sizes_and_modes_may_be_mixed(call: Call, folders: None, tmp_path: Path) -> None:
    for mode, side in (("L", 40), ("P", 17), ("RGBA", 64), ("CMYK", 30)):
        folder = tmp_path / "alike" / "A"
        if mode == "CMYK":
            Image.new("CMYK", (side, side + 5), (10, 20, 30, 40)).save(folder / "cmyk.jpg")
        else:
            save(folder, 2, side, mode=mode, side=side)
    code, out, err = call(*SIDES, "alike", *CLIP, "--json")
    assert code == 0, err
    assert json.loads(out)["classes"]["A"]["n_synthetic"] == 9 + 7


def test_images_that_are_real_ones_are_told_of(call: Call, folders: None, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "real/A/RGB3.png", tmp_path / "alike/A/copy.png")
    code, out, err = call(*SIDES, "alike", *CLIP, "--json")
    assert (code, json.loads(out)["identical"]) == (0, 1)
    assert "1 synthetic image has the very pixels of a real one" in err


def test_groups_of_a_manifest_are_kept_whole(call: Call, folders: None, tmp_path: Path) -> None:
    rows = "".join(f"real/{label}/RGB{i}.png,{label},p{i % 3}\n" for label in "AB" for i in range(12))
    (tmp_path / "real.csv").write_text("path,label,group\n" + rows)
    code, out, err = call("--real", "real.csv", "--synthetic", "alike", *CLIP, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["kid"]["value"] is not None and found["kid"]["low"] is None
    assert "at least 4 groups" in found["reasons"]["kid.interval"]


def test_three_images_are_a_reason_and_no_crash(call: Call, folders: None, tmp_path: Path) -> None:
    for i in range(3, 9):
        (tmp_path / f"alike/B/RGB{i}.png").unlink()
    code, out, err = call(*SIDES, "alike", *CLIP, "--json")
    assert code == 0, err
    few: dict[str, Any] = json.loads(out)["classes"]["B"]
    assert (few["kid"], few["precision"], few["recall"]) == (None, None, None)
    assert few["reasons"]["kid"] == "needs at least 4 images a side"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--real real --synthetic nowhere", "--synthetic nowhere: there is no such folder or manifest"),
        ("--real empty --synthetic alike", "holds no class folders"),
        ("--real real --synthetic one", "compared with real it lacks B"),
        ("--real real --synthetic more", "it has besides C"),
        ("--real real --synthetic real/A", "real has folders of classes and real/A is one flat folder"),
        ("--real mixed --synthetic alike", "holds images itself and in the folders A, B"),
        ("--real real --synthetic broken", "A/RGB0.png: truncated or damaged"),
        ("--real real --synthetic alike --extractor clp", "Did you mean clip?"),
        ("--real real --synthetic alike --extractor inception", "weights has no default and must be given"),
        ("--real real --synthetic alike --extractor inception --set inception.weights=./no.safetensors", "./no"),
        ("--real real --synthetic alike --extractor inception --set inception.weights=pickle.pth", "no .safetensors"),
        ("--real real --synthetic alike --extractor lite0 --set lite0.weights=fake.safetensors", "or damaged"),
        ("--real real --synthetic alike --extractor clip --set clip.wieghts=x", "Did you mean clip.weights?"),
        ("--real real --synthetic alike --set dinov2.weights=x", "dinov2 is not part of this"),
        ("--real real --synthetic alike --extractor dinov2", "dinov2.weights: the weights timm/"),
        ("--real real --synthetic alike --preset pockt", "Did you mean pocket?"),
        ("--real real --synthetic alike --device quantum", "torch knows no such device"),
        ("--real real", "Missing option '--synthetic'"),
    ],
)
def test_a_mistake_is_named_with_a_way_out(
    call: Call, folders: None, tmp_path: Path, arguments: str, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    save(tmp_path / "one/A", 4, 1)
    for name in ("more", "mixed", "broken"):
        shutil.copytree(tmp_path / "real", tmp_path / name)
    save(tmp_path / "more/C", 4, 1)
    save(tmp_path / "mixed", 1, 1)
    file = tmp_path / "broken/A/RGB0.png"
    file.write_bytes(file.read_bytes()[:100])
    (tmp_path / "pickle.pth").write_bytes(b"\x80\x04N.")
    (tmp_path / "fake.safetensors").write_bytes(b"\x80\x04N.")
    code, out, err = call(*arguments.split())
    assert (code, out) == (2, ""), err
    assert said in err and "Traceback" not in err
    assert not (tmp_path / "cache/features").exists()


SHOTS = ("--shots", "shots", "--holdout", "hold")


@pytest.fixture
def copied(folders: None, tmp_path: Path) -> None:
    """Six shots and twelve held-out images a class; ``copies`` are A's shots, turned, and fresh images of B."""
    for i, label in enumerate("AB"):
        # Of 26 px the view cuts 2 on each side, so that it is the same square of a turned image.
        save(tmp_path / "shots" / label, 6, 30 + i, side=26)
        save(tmp_path / "hold" / label, 12, 40 + i)
        save(tmp_path / "copies" / label, 9, 50 + i)
    for i in range(9):
        shot = np.asarray(Image.open(tmp_path / f"shots/A/RGB{i % 6}.png"))
        Image.fromarray(np.ascontiguousarray(np.rot90(shot, i % 4))).save(tmp_path / f"copies/A/RGB{i}.png")


def test_copies_of_shots_are_found_in_their_class_alone(call: Call, copied: None, tmp_path: Path) -> None:
    code, out, err = call(*SIDES, "copies", *SHOTS, *CLIP, "--json", "--pairs", "pairs.png")
    assert code == 0, err
    found = json.loads(out)
    copying = found["copying"]
    assert (copying["testable"], copying["classes_found"], copying["classes_tested"]) == (True, ["A"], ["A", "B"])
    assert copying["p_value"] == found["classes"]["A"]["copying"]["p_holm"] <= 0.05
    assert copying["smallest_p"] == pytest.approx(2 / 1000)
    assert copying["near_copies"] == pytest.approx(9 / 18) and copying["near_copies_held_out"] == 0
    one = found["classes"]["A"]["copying"]
    assert (one["n_shots"], one["n_held_out"], one["n_synthetic"], one["near_copies"]) == (6, 12, 9, 1.0)
    closest = next(pair for pair in one["pairs"] if pair["space"] == "pixels")
    assert closest["synthetic"].startswith("A/RGB") and closest["shot"].startswith("A/RGB")
    assert closest["transform"] in ("as it is", "turned 90", "turned 180", "turned 270")
    assert (found["shots"], found["holdout"], found["chosen"]) == ("shots", "hold", None)
    assert Image.open(tmp_path / "pairs.png").mode == "RGB"
    assert "private" not in out


def test_the_text_has_a_line_a_class_and_a_verdict(call: Call, copied: None) -> None:
    code, out, _ = call(*SIDES, "copies", *SHOTS, *CLIP)
    assert code == 0
    assert "copies of the shots: shots; held out: hold" in out and "--shots-chosen HOW" in out
    lines = [line for line in out.splitlines() if line.endswith(("  copies found", "  not found at this power"))]
    assert [line.split()[0] for line in lines] == ["A", "B"]
    assert "; in A: smallest p of a class" in out and "smallest attainable 0.002" in out
    assert "copies found: 9 synthetic images are near-copies of a shot in pixels, 0 of a held-out image; closer" in out


def test_the_reference_is_held_out_by_default_and_never_a_shot(call: Call, copied: None, tmp_path: Path) -> None:
    for i in range(2):
        shutil.copy(tmp_path / f"shots/A/RGB{i}.png", tmp_path / f"real/A/shot{i}.png")
    code, out, err = call(*SIDES, "copies", "--shots", "shots", *CLIP, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["n_real"], found["left_out"], found["identical"]) == (24, 2, 1)
    assert "2 real images have the very pixels of a shot: left out of the reference" in err
    assert found["classes"]["A"]["copying"]["n_held_out"] == 12


def test_many_held_out_images_are_thinned(
    call: Call, copied: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cytobench.pipeline.fidelity.report.HELD_OUT", 10)
    code, out, err = call(*SIDES, "copies", *SHOTS, *CLIP, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [found["classes"][label]["copying"]["n_held_out"] for label in "AB"] == [10, 10]
    assert found["copying"]["classes_found"] == ["A"] and found["n_real"] == 24


def test_chosen_shots_are_not_testable(call: Call, copied: None) -> None:
    code, out, err = call(*SIDES, "copies", *SHOTS, "--shots-chosen", "the sharpest", *CLIP, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["copying"]["testable"], found["copying"]["p_value"]) == (False, None)
    one = found["classes"]["A"]["copying"]
    assert "the shots are chosen (the sharpest)" in one["reason"]
    assert one["near_copies"] == 1.0, "pixels say it still"


def test_flat_folders_are_one_class(call: Call, copied: None) -> None:
    sides = ("--real", "real/A", "--synthetic", "copies/A", "--shots", "shots/A", "--holdout", "hold/A")
    code, out, err = call(*sides, *CLIP, "--json")
    assert code == 0, err
    found = json.loads(out)["copying"]
    assert found["testable"] and found["p_value"] <= 0.05 and found["n_shots"] == 6
    assert "memorised, or narrow: p" in call(*sides, *CLIP)[1]


def test_a_class_without_shots_is_not_testable_and_the_others_are(call: Call, copied: None, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "shots/B")
    code, out, err = call(*SIDES, "copies", *SHOTS, *CLIP, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["copying"]["classes_tested"] == ["A"]
    assert found["classes"]["B"]["copying"]["reason"] == "there are no shots"


def test_groups_of_shots_and_held_out_images_count(call: Call, copied: None, tmp_path: Path) -> None:
    for name, first in (("shots", "p"), ("hold", "q")):
        files = sorted((tmp_path / name).glob("*/*.png"))
        places = [file.relative_to(tmp_path) for file in files]
        rows = [f"{place},{place.parent.name},{first}{i % 3}" for i, place in enumerate(places)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["path,label,group", *rows]))
    code, out, err = call(*SIDES, "copies", "--shots", "shots.csv", "--holdout", "hold.csv", *CLIP, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert not found["copying"]["testable"]
    assert "no group has both shots and held-out images" in found["classes"]["A"]["copying"]["reason"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--holdout hold", "--holdout hold: it is about copies of the shots. Name these too, with --shots DIR"),
        ("--pairs pairs.png", "--pairs pairs.png: it is about copies"),
        ("--shots-chosen sharp", "--shots-chosen sharp: it is about copies"),
        ("--shots nowhere", "--shots nowhere: there is no such folder or manifest"),
        ("--shots shots --holdout real/A", "real has folders of classes and real/A is one flat folder"),
        ("--shots more", "--shots more: compared with real it has besides C"),
        ("--shots real", "all its images are among --shots real"),
        ("--shots shots --pairs pairs.jpg", "--pairs pairs.jpg: give a name that ends in .png"),
        ("--shots shots --pairs shots/A/pairs.png", "images of the data set lie in this folder"),
    ],
)
def test_mistakes_about_shots_are_named(call: Call, copied: None, tmp_path: Path, arguments: str, said: str) -> None:
    shutil.copytree(tmp_path / "shots", tmp_path / "more")
    save(tmp_path / "more/C", 4, 1)
    code, out, err = call(*SIDES, "copies", *CLIP, *arguments.split())
    assert (code, out) == (2, ""), err
    assert said in err and "Traceback" not in err
    assert not [*tmp_path.rglob("pairs.*"), *(tmp_path / "cache").glob("features")]
