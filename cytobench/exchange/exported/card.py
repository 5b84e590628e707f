"""The card of an exported image set: that its images are synthetic, and what they were made from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from cytobench.exchange.exported.kept import FoldImages
from cytobench.reporting.tables.markdown import escape

UNSTATED = "not stated: those of the weights and of the data set hold"


def card(folds: Sequence[FoldImages], licence: str | None, with_copies: bool = False) -> str:
    """A README.md with the YAML head of a Hugging Face data set card.

    ``with_copies`` is whether images that equal or nearly equal a real one are among them.
    """
    first = folds[0]
    record, generator = first.record, first.generator
    protocol = record.protocol
    counts = [len(fold.numbers(label, with_copies)) for fold in folds for label in fold.images]
    why = next((fold.why_real for fold in folds if fold.why_real), "")
    if not why and with_copies and any(fold.copies for fold in folds):
        why = "some of them equal or nearly equal a real one"
    title = f"{'Images' if why else 'Synthetic cells'} of {record.dataset.name} by {generator.name}"
    head = {"pretty_name": title, "tags": ["cytobench"] if why else ["synthetic", "cytobench"], "license": "other"}
    if licence is not None:
        head["license_name"] = licence
    ran = generator.ran
    elsewhere = record.made_elsewhere != "no"
    facts = {
        "images": f"{sum(counts)}, of {len(first.images)} classes and {len(folds)} folds",
        "generator": f"{generator.plugin} of {generator.distribution} {generator.version}, rev. {generator.revision}",
        "what ran": "not on record" if ran is None else f"{ran.architecture}; weights {ran.weights}",
        "weights": _joined(
            f"{name}: {weights.source} (SHA-256 {weights.digest})" for name, weights in generator.weights.items()
        ),
        "shots": "tuned elsewhere, not on shots of this run"
        if elsewhere
        else f"{record.shots} a class, chosen: {record.shots_chosen}",
        "data set" if elsewhere else "data set of the shots": f"{record.dataset.name}, digest {record.dataset.digest}",
        "protocol": f"{protocol.name} v{protocol.version}, {protocol.folds} folds, seed {record.seed}",
        "preset": record.preset,
        "copies of real images": _joined(
            f"fold {fold.record.protocol.fold}: {_copies(fold, with_copies)}" for fold in folds
        ),
        "closeness to the shots": _joined(f"fold {fold.record.protocol.fold}: {_copying(fold)}" for fold in folds),
        "licence": licence or UNSTATED,
    }
    prompts = {label: record.prompts[label].generator if label in record.prompts else "-" for label in first.images}
    settings = {**generator.fit_config, **generator.sample_config}
    return "\n".join(
        [
            "---",
            *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()),
            "---",
            "",
            f"# {escape(title)}",
            "",
            f"**These images are, or may be, real ones: {escape(why)}.** Treat them as images of patients."
            if why
            else "**These images are synthetic.** A generator made them. How they were compared with real images "
            "stands below.",
            "",
            "Test no classifier on them, and train none on them that is tested on images that were shots.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {escape(text)} |" for name, text in facts.items()),
            "",
            "## Prompts",
            "",
            "| class | images | prompt |",
            "|---|---:|---|",
            *(
                f"| {escape(label)} | {len(first.numbers(label, with_copies))} | {escape(prompts[label])} |"
                for label in first.images
            ),
            "",
            "## Settings",
            "",
            "| | |",
            "|---|---|",
            *(f"| {escape(name)} | {escape(json.dumps(value))} |" for name, value in settings.items()),
            "",
        ]
    )


def _copies(fold: FoldImages, with_copies: bool) -> str:
    copies = fold.record.copies
    if copies is None:
        return "not checked"
    compared = f"all {copies.n_images} images made, compared in pixels with all {copies.n_real} real images of the run"
    if not copies.found:
        return f"{compared}: none equals or nearly equals one"
    consequence = "they are among these images" if with_copies else "they are left out"
    return f"{compared}: {copies.found} equal or nearly equal one, {copies.equal} in every pixel; {consequence}"


def _copying(fold: FoldImages) -> str:
    verdicts = [
        f"{used.extractor.name}: {used.total.copying['verdict']}"
        for used in fold.record.fidelity
        if used.total.copying is not None
    ]
    return _joined(verdicts) if verdicts else "not tested"


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(texts) or "none"
