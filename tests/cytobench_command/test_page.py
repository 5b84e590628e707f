"""What docs/command.md shows works, word for word: its programs, in an environment of their own, and its commands."""

from __future__ import annotations

import re
import shlex
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from cytobench.api import plan, run
from cytobench.cli import main
from cytobench.storage.records import read_record
from cytobench_command import config, job
from cytobench_command.config import CommandFitConfig, CommandSampleConfig, CommandTrainConfig

from .conftest import LABELS, write_noise

PAGE = (Path(__file__).parents[2] / "docs" / "command.md").read_text(encoding="utf-8")
SMALL = [
    "--synthetic",
    "0",
    "--synthetic",
    "3",
    "--shots",
    "3",
    "--folds",
    "3",
    "--fold",
    "0",
    "--device",
    "cpu",
    "--quiet",
]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's programs beside ``cells`` and ``env``."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for i in range(36):
        write_noise(Path("cells") / LABELS[i // 12] / f"{i % 12:02d}.png", i)
    for name, program in re.findall(r"^`(\w+\.py)`:\n\n```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        Path(name).write_text(program)
    venv.create("env", with_pip=False)
    # In place of `pip install numpy pillow`, which needs a network: those of this environment, by path.
    (site,) = Path("env").glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return tmp_path


def test_the_programs_of_the_page_are_there(shown: Path) -> None:
    assert {file.name for file in shown.glob("*.py")} == {"fit.py", "sample.py", "train.py", "predict.py"}
    assert "python -m venv env && env/bin/pip install numpy pillow" in PAGE


def test_the_commands_and_the_benchmark_of_the_page_run(shown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [block for block in blocks("") if block.startswith("cytobench run")]
    assert len(commands) == 2
    for number, command in enumerate(commands):
        arguments = shlex.split(command.replace("\\\n", " "))[1:]
        with pytest.raises(SystemExit) as ended:
            main([*arguments, *SMALL, "--out", f"out{number}", "--store", "store"])
        assert ended.value.code == 0, capsys.readouterr().err
    first, second = (Path(f"out{n}/records") for n in range(2))
    assert len(list(first.iterdir())) == len(list(second.iterdir())) == 2
    used = read_record(second / "command__command__s3__n3__fold0.json")
    assert used.generator is not None
    assert used.generator.weights["fit[0]"].source == "env/bin/python"
    assert used.classifier.versions["predict --version"].startswith("Python 3.")
    # The variants of the benchmark are the same programs, so their work is there.
    values = tomllib.loads(blocks("toml")[0])
    small = {"classifier": ["class-means"], "synthetic": [3], "shots": [3], "folds": 3, "fold": [0], "device": "cpu"}
    values |= {**small, "generator": ["directions"], "out": shown / "declared", "store": shown / "store"}
    assert {item.kind for item in plan(**values).items if item.todo} == {"predict"}
    assert run(**values).outcome.done == ["directions__class-means__s3__n3__fold0"]


def test_the_declaration_for_diffusers_is_one() -> None:
    variant = tomllib.loads(blocks("toml")[1])["variants"]["diffusers-lora"]
    fit = CommandFitConfig(fit=variant["fit"], version=variant["version"])
    assert CommandSampleConfig(sample=variant["sample"], batch_size=variant["batch_size"]).batch_size == 100
    assert fit.fit is not None and shlex.split(fit.fit)[1] == "train_text_to_image_lora.py"
    (draws,) = [block for block in blocks("python") if "load_lora_weights" in block]
    compile(draws, "sample_lora.py", "exec")


def test_every_option_and_key_is_on_the_page() -> None:
    options = PAGE.partition("## Options")[2].partition("## The request")[0]
    for kind in (CommandFitConfig, CommandSampleConfig, CommandTrainConfig):
        assert [name for name in kind.model_fields if f"`{name}`" not in options] == []
    keys = PAGE.partition("## The request")[2].partition("## What is checked")[0]
    for task in ("FIT", "SAMPLE", "TRAIN", "PREDICT"):
        assert [
            place for place in getattr(config, f"{task}_PLACES") if f"`{place}`" not in keys and place != "request"
        ] == []
    assert f"| `schema` | all | {job.SCHEMA};" in keys and str(job.SEEDS - 1) in keys
