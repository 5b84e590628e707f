"""What differs between the kinds of plugins besides their templates: words, libraries, a run that shows it at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_SMALL = "--limit 12 --folds 3 --fold 0 --device cpu --out results/$name"


@dataclass(frozen=True)
class Kind:
    """A kind that can be scaffolded. Texts may hold the placeholders of templates, such as ``$name``."""

    about: str
    """What the scaffold does, in a sentence: the description of the distribution."""
    libraries: tuple[str, ...]
    """Requirements of its code besides cytobench."""
    modules: Mapping[str, str]
    """What an author changes in each module beside the hooks."""
    commands: tuple[str, ...]
    """Shows it at work in seconds."""


WITH_ROLE = ("generator", "classifier")
"""Kinds whose specs have a role."""
ROLES = ("candidate", "control", "oracle")
"""Those of :data:`cytobench.contract.Role`, which takes long to import."""

KINDS: Mapping[str, Kind] = {
    "generator": Kind(
        "A generator for cytobench: the shots with grain over them.",
        ("numpy", "pydantic>=2.7"),
        {
            "config.py": "the options, and their values at each preset",
            "generator.py": "the work: `fit` learns from shots, `open` reads what it left, `sample` makes images",
        },
        (f"cytobench run --generator $name --classifier random --dataset phantom --synthetic 4 {_SMALL}",),
    ),
    "classifier": Kind(
        "A classifier for cytobench: softmax regression on small copies of the images.",
        ("numpy", "pillow", "pydantic>=2.7", "scikit-learn"),
        {
            "config.py": "the options, and their values at each preset",
            "classifier.py": "the work: `fit` trains, `open` reads what it left, `predict_proba` predicts",
        },
        (f"cytobench run --classifier $name --dataset phantom --synthetic 0 {_SMALL}",),
    ),
    "dataset": Kind(
        "A data set for cytobench: drawn cells of three classes.",
        ("numpy",),
        {"dataset.py": "the images and their classes"},
        (f"cytobench run --dataset $name --generator repeat --classifier random --synthetic 4 {_SMALL}",),
    ),
    "extractor": Kind(
        "A feature extractor for cytobench: colours and contrast of the cells of a grid.",
        ("numpy", "pillow", "pydantic>=2.7"),
        {
            "config.py": "the options, and their values at each preset",
            "extractor.py": "the work: `open` loads, `features` turns images into numbers",
        },
        (
            "cytobench run --extractor $name --generator repeat --classifier random --dataset phantom --synthetic 4 "
            + _SMALL,
        ),
    ),
    "metric": Kind(
        "A metric for cytobench: Cohen's kappa.",
        ("numpy", "scikit-learn"),
        {"metric.py": "the work: a number for n predictions"},
        (f"cytobench run --metric $name --classifier random --dataset phantom --synthetic 0 {_SMALL}",),
    ),
    "observer": Kind(
        "An observer for cytobench: a diary of trials, as a CSV file in the results folder.",
        (),
        {"diary.py": "the work: what is written down of each trial"},
        (
            f"cytobench run --classifier random --dataset phantom --synthetic 0 {_SMALL}",
            "cat results/$name/$name.csv",
        ),
    ),
}
