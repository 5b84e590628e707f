"""The generator and the classifier: what programs are told, and what is taken from them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.contract import Request
from cytobench.decode import encode_png, pixel_digest
from cytobench.errors import CytobenchError, UserError
from cytobench_command.classifier import CommandClassifier
from cytobench_command.config import CommandFitConfig, CommandSampleConfig, CommandTrainConfig
from cytobench_command.generator import CommandGenerator

from .conftest import LABELS, line, make_images

Contexts = Callable[..., Context]
READ = "import json, pathlib, sys\nrequest = json.loads(pathlib.Path(sys.argv[1]).read_text())\n"
KEEP = "(pathlib.Path(request['out']) / 'request.json').write_text(json.dumps(request))\n"


def program(name: str, code: str) -> str:
    """The command line of a program that has read its request."""
    Path(name).write_text(READ + code)
    return line(name)


def generator(fit: str | None = None, sample: str | None = None, **more: Any) -> CommandGenerator:
    sample = sample or line("sample.py")
    return CommandGenerator(CommandFitConfig(fit=fit, **more), CommandSampleConfig(sample=sample))


def requests(label: str, indices: range) -> list[Request]:
    return [Request(label, f"a cell, {label}", index, 2**50 + index) for index in indices]


def sampled(command: CommandGenerator, artefacts: dict[str, Path], ctx: Context, label: str) -> list[NDArray[np.uint8]]:
    sampler = command.open(artefacts, ctx)
    try:
        return [image for _, image in sampler.sample(requests(label, range(2)))]
    finally:
        sampler.close()


def test_a_generator_gives_what_its_programs_make(place: Path, context: Contexts) -> None:
    command, shots = generator(line("fit.py")), {}
    for label in LABELS[:2]:
        shots[label] = make_images(place / f"shots {label}", 3, (label,))
        command.fit(shots[label], context(label))
    sampler = command.open({label: place.parent / label for label in LABELS[:2]}, context())
    for label in LABELS[:2]:
        for block in (range(0, 4), range(4, 8)):
            for request, image in sampler.sample(requests(label, block)):
                assert np.array_equal(image, shots[label][request.index % 3])
    sampler.close()
    assert list((place.parent / "out").iterdir()) == [place.parent / "out" / "log.txt"]
    files = {file.relative_to(place.parent / "A").as_posix() for file in (place.parent / "A").rglob("*")}
    assert files == {"log.txt", "artefact", "artefact/0.png", "artefact/1.png", "artefact/2.png"}


def test_a_fit_is_told_all_it_needs_inside_one_folder(place: Path, context: Contexts) -> None:
    look = (
        "shots = pathlib.Path(request['shots'])\n"
        "request['files'] = sorted(f.relative_to(shots).as_posix() for f in shots.rglob('*') if f.is_file())\n"
        "request['metadata'] = (shots / 'metadata.csv').read_text()\n"
    )
    command = generator(program("look.py", look + KEEP))
    command.fit(make_images(place / "shots", 2, ("B b",)), context("B b", workers=3))
    received = json.loads((place.parent / "B b" / "artefact" / "request.json").read_text())
    work = place.parent / "B b" / "work"
    assert received == {
        "schema": 1, "task": "fit", "work": str(work), "device": "cpu", "dtype": "float32", "workers": 3,
        "labels": list(LABELS), "seed": (2**40 + 5) % 2**31, "label": "B b",
        "prompts": {label: f"a cell, {label}" for label in LABELS},
        "shots": str(work / "shots"), "out": str(work / "out"),
        "files": ["B b/000000.png", "B b/000001.png", "metadata.csv"],
        "metadata": 'file_name,label,text,synthetic\nB b/000000.png,B b,"a cell, B b",false\n'
                    'B b/000001.png,B b,"a cell, B b",false\n',
    }  # fmt: skip


def test_a_sampling_is_told_index_prompt_seed_and_path(place: Path, context: Contexts) -> None:
    say = "print(json.dumps(request))\nsys.exit(1)\n"
    command = generator(line("fit.py"), program("say.py", say))
    command.fit(make_images(place / "shots", 1, ("A",)), context("A"))
    with pytest.raises(CytobenchError) as failed:
        sampled(command, {"A": place.parent / "A"}, context(), "A")
    received = json.loads(str(failed.value).partition("wrote:\n")[2])
    work = place.parent / "out" / "work"
    assert (received["task"], received["label"], received["artefact"]) == ("sample", "A", str(work / "artefact"))
    assert received["images"] == [
        {"index": i, "prompt": "a cell, A", "seed": i, "path": str(work / "images" / f"{i}.png")} for i in range(2)
    ]
    assert all(Path(received[key]).is_relative_to(work) for key in ("artefact", "out"))


def test_a_program_may_take_arguments_instead_of_the_request(place: Path, context: Contexts) -> None:
    code = "import sys; open(sys.argv[1] + '/said.txt', 'w').write(' '.join(sys.argv[2:]))"
    Path("args.py").write_text(code)
    command = generator(f"{sys.executable} args.py {{out}} --label={{label}} --seed={{seed}} {{device}}")
    command.fit(make_images(place / "shots", 1, ("B b",)), context("B b", seed=7))
    assert (place.parent / "B b" / "artefact" / "said.txt").read_text() == "--label=B b --seed=7 cpu"
    command = generator(f"{sys.executable} args.py {{out}} --label={{label}}", scope="dataset")
    command.fit(make_images(place / "shots", 3), context("all"))
    assert (place.parent / "all" / "artefact" / "said.txt").read_text() == "--label="


def test_one_fit_of_all_classes_serves_each(place: Path, context: Contexts) -> None:
    command = generator(line("fit.py"), scope="dataset")
    shots = make_images(place / "shots", 3)
    command.fit(shots, context("all"))
    images = sampled(command, {"": place.parent / "all"}, context(), "C")
    assert np.array_equal(images[0], shots[0])


def test_a_program_cannot_reach_into_the_store(place: Path, context: Contexts) -> None:
    spoil = "import shutil\nfor file in pathlib.Path(request['artefact']).iterdir(): file.write_bytes(b'')\nsys.exit(1)"
    command = generator(line("fit.py"), program("spoil.py", spoil))
    command.fit(make_images(place / "shots", 1, ("A",)), context("A"))
    with pytest.raises(CytobenchError, match=r"exit code 1\. It wrote nothing\."):
        sampled(command, {"A": place.parent / "A"}, context(), "A")
    assert (place.parent / "A" / "artefact" / "0.png").stat().st_size > 0


SAMPLED = {
    "too few": ("files[0].unlink()", r"made no file images/0.png of image 0 of A"),
    "a link": (
        "files[1].unlink(); files[1].symlink_to(pathlib.Path('cells/A/00.png').resolve())",
        "made no file images/1",
    ),
    "a folder of links": (
        "import shutil; out = pathlib.Path(request['out']); out.rename(out.parent / 'b'); out.symlink_to('b')",
        "made no file images/0.png",
    ),
    "text": ("files[0].write_text('x')", r"image 0 of A, images/0.png: no image of a known kind"),
    "small": ("small.save(files[0])", "4 x 4 pixels; a side must have at least 8"),
    "deep": ("deep.save(files[0])", "more than 8 bits a band"),
    "an error": ("print('no memory'); sys.exit(7)", r"(?s)command.sample: .* ended with exit code 7. .*\nno memory"),
}


@pytest.mark.parametrize("case", SAMPLED)
def test_images_are_checked(place: Path, context: Contexts, case: str) -> None:
    code, expected = SAMPLED[case]
    start = (
        "from PIL import Image\nfiles = [pathlib.Path(image['path']) for image in request['images']]\n"
        "for file in files: Image.new('RGB', (9, 8)).save(file)\n"
        "small, deep = Image.new('RGB', (4, 4)), Image.new('I;16', (9, 9))\n"
    )
    Path("bad.py").write_text(READ + start + code)
    with pytest.raises(CytobenchError, match=expected) as failed:
        sampled(generator(None, f"{sys.executable} bad.py {{request}}"), {}, context(), "A")
    assert not isinstance(failed.value, UserError)


LEFT = {
    "nothing": ("", "command.fit left no file in out/"),
    "a folder alone": ("(out / 'empty').mkdir()", "left no file in out/"),
    "a link": ("(out / 'x').symlink_to('/etc/passwd')", "left out/x, which is a link"),
    "a pipe": ("import os; (out / 'x').write_text(''); os.mkfifo(out / 'p')", "left out/p, which is no plain file"),
}


@pytest.mark.parametrize("case", LEFT)
def test_artefacts_are_checked(place: Path, context: Contexts, case: str) -> None:
    code, expected = LEFT[case]
    command = generator(program("bad.py", f"out = pathlib.Path(request['out'])\n{code}\n"))
    with pytest.raises(CytobenchError, match=expected):
        command.fit(make_images(place / "shots", 1, ("A",)), context("A"))
    assert not (place.parent / "A" / "artefact").exists()


def test_the_time_limit_names_the_way_out(
    place: Path, context: Contexts, late: Callable[[Callable[[], bool]], None]
) -> None:
    ctx = context("A")
    late(lambda: (ctx.out / "log.txt").exists() and "loading" in (ctx.out / "log.txt").read_text())
    slow = program("slow.py", "import time\nprint('loading', flush=True)\ntime.sleep(900)\n")
    expected = r"(?s)after 600 s, its time limit. Give it longer with set={'command': {'timeout': 'SECONDS'}}.*loading"
    with pytest.raises(CytobenchError, match=expected):
        generator(slow, timeout=600).fit(make_images(place / "shots", 1, ("A",)), ctx)


def classifier(train: str | None = None, predict: str | None = None) -> CommandClassifier:
    return CommandClassifier(CommandTrainConfig(train=train or line("train.py"), predict=predict or line("predict.py")))


def predicted(command: CommandClassifier, place: Path, ctx: Context, count: int = 4) -> NDArray[np.float32]:
    predictor = command.open(_model(place), ctx)
    try:
        return predictor.predict_proba(make_images(place / "test", count))
    finally:
        predictor.close()


def test_a_training_is_told_all_it_needs_and_leaves_one_model(place: Path, context: Contexts) -> None:
    look = "request['train'] = (pathlib.Path(request['train']) / 'metadata.csv').read_text().splitlines()\n"
    ctx = context("t", selection="loss", recolouring=(0.5, 0.25), corners="black", train_only=("B",))
    train, val = make_images(place / "train", 4), make_images(place / "val", 3)
    train.table.loc[3, "synthetic"] = True
    checkpoints = classifier(program("look.py", look + KEEP)).fit(train, val, ctx)
    assert checkpoints.picked == checkpoints.last == ctx.out / "model"
    received = json.loads((checkpoints.picked / "request.json").read_text())
    assert (received["task"], received["selection"], received["recolouring"]) == ("train", "loss", [0.5, 0.25])
    assert (received["corners"], received["train_only"]) == ("black", ["B"])
    assert received["train"][1] == 'A/000000.png,A,"a cell, A",false'
    assert received["train"][4] == 'A/000003.png,A,"a cell, A",true'
    assert all(Path(received[key]).is_relative_to(received["work"]) for key in ("validation", "out", "last"))
    assert not (ctx.out / "work").exists()


def test_a_training_may_leave_the_last_epochs_model_too(place: Path, context: Contexts) -> None:
    both = "for name in ('out', 'last'): (pathlib.Path(request[name]) / 'm.txt').write_text(name)\n"
    images = make_images(place / "train", 3)
    checkpoints = classifier(program("both.py", both)).fit(images, images, context("t"))
    assert [(folder / "m.txt").read_text() for folder in (checkpoints.picked, checkpoints.last)] == ["out", "last"]


def test_predictions_come_back_in_the_order_of_the_images(place: Path, context: Contexts) -> None:
    by_size = (
        "with open(request['predictions'], 'w') as file:\n"
        "    print('path', *(f'p_{label}' for label in reversed(request['labels'])), sep=',', file=file)\n"
        "    for image in sorted(pathlib.Path(request['images']).iterdir()):\n"
        "        p = int(image.read_bytes()[-20]) / 256\n"
        "        print(image.name, 0.004, p, 1 - p, sep=',', file=file)\n"
    )
    images = make_images(place / "test", 5)
    predictor = classifier(predict=program("size.py", by_size)).open(_model(place), context())
    probabilities = predictor.predict_proba(images.take([0, 1, 2, 3, 4, 2]))
    assert probabilities.dtype == np.float32 and probabilities.shape == (6, 3)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(probabilities[2], probabilities[5])
    expected = [encode_png(images[i])[-20] / 256 / 1.004 for i in range(5)]
    assert np.allclose(probabilities[:5, 1], expected, atol=1e-6)
    assert np.allclose(probabilities[:, 2], 0.004 / 1.004, atol=1e-6)
    again = predictor.predict_proba(images.take([3]))
    assert np.array_equal(again[0], probabilities[3])
    assert predictor.predict_proba(images.take([])).shape == (0, 3)
    predictor.close()


def _model(place: Path) -> Path:
    (place / "model").mkdir()
    (place / "model" / "largest.txt").write_text("C")
    return place / "model"


def test_a_prediction_is_told_no_label(place: Path, context: Contexts) -> None:
    """Neither the request nor names nor their order tell the labels, which come in turn here."""
    say = "request['names'] = sorted(f.name for f in pathlib.Path(request['images']).rglob('*'))\n"
    say += "print(json.dumps(request))\nsys.exit(1)\n"
    with pytest.raises(CytobenchError) as failed:
        predicted(classifier(predict=program("say.py", say)), place, context(), 12)
    received = json.loads(str(failed.value).partition("wrote:\n")[2])
    assert set(received) == {
        *("schema", "task", "work", "device", "dtype", "workers", "labels", "prompts", "model", "images"),
        *("predictions", "names"),
    }
    assert len(received["names"]) == 12 and all(len(name) == 28 for name in received["names"])
    images = make_images(place / "test", 12)
    order = sorted(range(12), key=lambda i: pixel_digest(images[i]))
    assert [name[:24] for name in received["names"]] == [pixel_digest(images[i])[:24] for i in order]


TABLE = (
    "import csv\nnames = sorted(f.name for f in pathlib.Path(request['images']).iterdir())\n"
    "head = ['path', *('p_' + label for label in request['labels'])]\n"
    "rows = [[name, 0.5, 0.25, 0.25] for name in names]\n"
)
WRITE = "\nwith open(request['predictions'], 'w', newline='') as f: csv.writer(f).writerows([head, *rows])\n"
PREDICTED = {
    "no file": ("sys.exit(0)", "command.predict left no file predictions.csv"),
    "a link": ("pathlib.Path(request['predictions']).symlink_to('/etc/passwd'); sys.exit(0)", "left no file"),
    "one missing": ("rows.pop()", "1 of 4 images are not predicted, first "),
    "one unknown": ("rows.append(['x.png', 1, 0, 0])", "have x.png, which is none of the images"),
    "one twice": ("rows.append(rows[0])", r"\.png is predicted 2 times"),
    "no column": ("head[2] = 'p_B'", "have no column p_B b; they have path, p_A, p_B, p_C"),
    "another label": (
        "head.append('p_D'); rows = [[*row, 0] for row in rows]",
        "column p_D, and there is no such label",
    ),
    "not finite": ("rows[1][2] = 'nan'", r"p_B b of \w+\.png is nan; a probability is a number from 0 to 1"),
    "negative": ("rows[1][1:] = [-0.5, 1.5, 0]", r"p_A of \w+\.png is -0.5"),
    "logits": ("rows[2][1:] = [3, 2, 1]", "sum to 6, not to 1. Give the softmax"),
    "no table": ("head, rows = [], []", "is empty|have no column"),
}


@pytest.mark.parametrize("case", PREDICTED)
def test_predictions_are_checked(place: Path, context: Contexts, case: str) -> None:
    code, expected = PREDICTED[case]
    with pytest.raises(CytobenchError, match=expected) as failed:
        predicted(classifier(predict=program("bad.py", TABLE + code + WRITE)), place, context())
    assert not isinstance(failed.value, UserError)


def test_predictions_may_be_parquet(place: Path, context: Contexts) -> None:
    code = "import pandas\npandas.DataFrame(rows, columns=head).to_parquet(request['predictions'])\n"
    Path("parquet.py").write_text(READ + TABLE + code)
    probabilities = predicted(classifier(predict=f"{sys.executable} parquet.py {{request}}"), place, context())
    assert np.allclose(probabilities, [[0.5, 0.25, 0.25]] * 4)


def test_the_small_programs_work(place: Path, context: Contexts) -> None:
    train = make_images(place / "train", 4)
    checkpoints = classifier().fit(train, train, context("t"))
    predictor = classifier().open(checkpoints.picked, context())
    assert np.allclose(predictor.predict_proba(train), [[0.8, 0.1, 0.1]] * 4)
    assert predictor.ran.architecture == line("predict.py")
