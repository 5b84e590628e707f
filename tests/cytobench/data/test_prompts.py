"""Prompts: where they come from, how long they are, and files that describe them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cytobench.data.class_names import CLASS_NAMES, CODES
from cytobench.data.dataset import Dataset
from cytobench.data.prompts import BUILT_IN, prompts_for, read_prompts
from cytobench.errors import UserError


def dataset(*labels: str, **prompts: dict[str, str]) -> Dataset:
    codes = {
        label: CODES.get(label) or CLASS_NAMES[label] for label in labels if label in {*CODES, *CLASS_NAMES}
    }
    return Dataset("cells", Path(), pd.DataFrame(), labels, codes, prompts)


def test_all_fifteen_classes_have_prompts_of_their_own() -> None:
    assert set(BUILT_IN) == set(CODES) == set(CLASS_NAMES.values())
    assert len(CODES) == 15
    assert len({pair.generator for pair in BUILT_IN.values()}) == 15
    assert len({pair.classifier for pair in BUILT_IN.values()}) == 15


def test_built_in_prompts_fit_clip_except_the_printed_one_that_does_not() -> None:
    tokens = pytest.importorskip("cytobench_openclip.tokens")
    counts = {
        (name, part): tokens.count_tokens([getattr(pair, part)])[0]
        for name, pair in BUILT_IN.items()
        for part in ("generator", "classifier")
    }
    assert counts.pop(("Segmented Neutrophil", "generator")) == 95
    assert max(counts.values()) <= tokens.CONTEXT == 77


def test_what_clip_does_not_see_is_told() -> None:
    tokens = pytest.importorskip("cytobench_openclip.tokens")
    assert tokens.cut_off(BUILT_IN["Segmented Neutrophil"].generator).endswith("macro lens .")
    assert tokens.cut_off("cell " * 75) == ""
    assert tokens.cut_off("cell " * 76) == "cell"
    assert tokens.count_tokens(["cell " * 75]) == [77]


def test_codes_and_names_get_the_same_built_in_prompts() -> None:
    by_code, origins = prompts_for(dataset("EOS", "NGS"), {})
    assert by_code == {"EOS": BUILT_IN["Eosinophil"], "NGS": BUILT_IN["Segmented Neutrophil"]}
    assert set(origins.values()) == {"built in"}
    by_name, _ = prompts_for(dataset("Eosinophil"), {})
    assert by_name["Eosinophil"] == by_code["EOS"]


def test_any_other_label_gets_a_template_with_it() -> None:
    prompts, origins = prompts_for(dataset("hairy cell"), {})
    assert "hairy cell" in prompts["hairy cell"].generator
    assert "hairy cell" in prompts["hairy cell"].classifier
    assert origins == {"hairy cell": "template"}


def test_the_users_come_before_the_data_sets_and_each_prompt_alone() -> None:
    cells = dataset("EOS", "BAS", EOS={"generator": "theirs", "classifier": "theirs too"})
    prompts, origins = prompts_for(cells, {"Eosinophil": {"generator": "mine"}})
    assert (prompts["EOS"].generator, prompts["EOS"].classifier) == ("mine", "theirs too")
    assert prompts["BAS"] == BUILT_IN["Basophil"]
    assert origins["BAS"] == "built in" and origins["EOS"] != "built in"


def test_prompts_of_unknown_classes_are_refused() -> None:
    with pytest.raises(UserError, match="Did you mean Eosinophil"):
        prompts_for(dataset("EOS"), {"Eosinophill": {"generator": "mine"}})


def test_a_prompt_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "prompts.toml"
    file.write_text('[EOS]\ngenerator = "one"\n["Typical Lymphocyte"]\nclassifier = "two"\n')
    assert read_prompts(file) == {"EOS": {"generator": "one"}, "Typical Lymphocyte": {"classifier": "two"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('EOS = "an eosinophil"', "table"),
        ('[EOS]\ngenerater = "x"', "Did you mean generator"),
        ("[EOS]\ngenerator = 3", "EOS.generator must be a text"),
        ('[EOS]\nclassifier = " "', "EOS.classifier must be a text"),
        ("[EOS", "TOML"),
    ],
)
def test_mistakes_in_a_prompt_file_are_explained(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "prompts.toml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_prompts(file)
    assert message in str(caught.value) and str(file) in str(caught.value)


def test_an_absent_prompt_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^prompts_file='.*gone\.toml': No such file"):
        read_prompts(tmp_path / "gone.toml")
