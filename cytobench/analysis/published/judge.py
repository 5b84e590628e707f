"""Whether a row of ours may be compared with a published one: what ran is held against what the study did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cytobench.analysis.leaderboard.model import Leaderboard, PublishedComparison, Row
from cytobench.analysis.leaderboard.ranking import comparable, rows_of
from cytobench.analysis.published.study import PublishedRow, published_matrix, published_row, published_rows
from cytobench.data.class_names import CLASS_NAMES
from cytobench.errors import option
from cytobench.metrics.confusion import ConfusionMatrix
from cytobench.protocols import find_protocol
from cytobench.storage.records import Record

STUDY_COUNTS: Mapping[str, int] = {
    "Basophil": 79,
    "Erythroblast": 78,
    "Eosinophil": 424,
    "Smudge cell": 15,
    "Atypical Lymphocyte": 11,
    "Typical Lymphocyte": 3937,
    "Metamyelocyte": 15,
    "Monoblast": 26,
    "Monocyte": 1789,
    "Myelocyte": 42,
    "Myeloblast": 3268,
    "Band Neutrophil": 109,
    "Segmented Neutrophil": 8484,
    "Promyelocyte Bilobed": 18,
    "Promyelocyte": 70,
}
"""Images by class of TCIA's AML-Cytomorphology_LMU, 18,365 in all: the study's, but for its seven padded rows."""

SEED, FOLDS, SHOTS, GENERATOR = 42, 5, 16, "sd21-lora"

_TRAINING = {
    "epochs": 100,
    "batch_size": 64,
    "lr": 1e-4,
    "weight_decay": 1e-8,
    "warmup_epochs": 30,
    "min_lr": 1e-8,
    "mix_probability": 0.2,
    "augment": True,
    "colour_strength": 1,
    "class_weights": False,
    "oversample": 0,
    "match_steps": 0,
}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "clip": {**_TRAINING, "model": "ViT-B-32-quickgelu", "rank": 16, "alpha": 32, "dropout": 0.1},
    "resnet50": {**_TRAINING, "model": "resnet50", "weights": None},
    GENERATOR: {
        "rank": 16,
        "alpha": None,
        "unet_targets": ["to_k", "to_q", "to_v", "to_out.0"],
        "text_encoder_targets": ["q_proj", "k_proj", "v_proj", "out_proj"],
        "train_text_encoder": True,
        "lr": 1e-4,
        "betas": [0.9, 0.999],
        "weight_decay": 1e-2,
        "eps": 1e-8,
        "max_grad_norm": 1.0,
        "train_batch_size": 8,
        "epochs": 300,
        "train_steps": None,
        "warmup_steps": 100,
        "steps": 50,
        "guidance": 2.0,
        "scheduler": None,
    },
}
"""The study's settings by plugin, as far as its supplement and its authors' script say them."""

_WRITTEN_OUT = {"alpha": 16, "train_steps": 600}
"""What a setting that is left to its default comes to: alpha = rank, and 300 epochs of two steps on 16 shots."""

_SILENT = {"class_weights": False, "oversample": 0, "match_steps": 0}
"""What a record does not hold at its default."""

RESOLUTION: Mapping[str, int] = {"clip": 224, "resnet50": 384, GENERATOR: 512}

UNIFORM = "the published figures cannot come from the real data, where uniform guesses have a macro F1 of about 0.03"
NO_ROW = "no such row of ours"
PROTOCOL, SYNTHETIC_ONLY = "cytodiff", "cytodiff+synthetic_only"
"""That of Tables S2 and S3, and that of Table S1."""


def compare_published(records: Sequence[Record], rows: Sequence[Row]) -> tuple[PublishedComparison, ...]:
    """Every published row with ours of the same classifier plugin and N, if a section has one, and the verdict."""
    groups = {(group[0].row, settings): group for settings, group in rows_of(records)}
    with_records = [(row, groups[row.row, row.settings]) for row in rows]
    return tuple(_compared(published, with_records) for published in published_rows())


def with_published(board: Leaderboard, records: Sequence[Record]) -> Leaderboard:
    """The leaderboard of these records with the study's rows beside those of every section."""
    pairs = zip(board.sections, comparable(records), strict=True)
    return Leaderboard(
        tuple(replace(section, published=compare_published(group, section.rows)) for section, group in pairs)
    )


def differences(published: PublishedRow, records: Sequence[Record]) -> tuple[str, ...]:
    """What keeps our records of a row from being compared with a published one; empty if they may be.

    Computed from the records alone: protocol, data by class, folds, classes, seeds, preset, sides in pixels, shots,
    origin and, where the preset is paper, every setting of the study. Shots, prompts and weights are not compared.
    """
    uniform = [UNIFORM] if published.n is None else []
    first = records[0]
    protocol = SYNTHETIC_ONLY if published.synthetic_only else PROTOCOL
    return tuple(dict.fromkeys([*uniform, *_data_and_folds(records, protocol), *_models(first), *_images(first)]))


def matrix_with_verdict(name: str, records: Sequence[Record], split: str) -> ConfusionMatrix:
    """The confusion matrix of a figure (``s3``) with a verdict on a row of ours, given by its records, in its notes."""
    matrix = published_matrix(name)
    published, first = published_row(name), records[0]
    reasons = list(differences(published, records))
    if first.classifier.plugin != published.classifier:
        reasons.append(f"classifier {first.classifier.name}")
    if first.n_synthetic != published.n:
        reasons.append(f"{first.n_synthetic} synthetic images a class")
    elif first.generator is not None and first.generator.name != GENERATOR:
        reasons.append(f"generator {first.generator.name}")
    if split != "test":
        reasons.append(f"{split}, not test")
    verdict = f"not comparable: {', '.join(reasons)}" if reasons else "comparable"
    return replace(matrix, notes=(*matrix.notes, f"Beside {first.row}: {verdict}."))


def _compared(published: PublishedRow, rows: Sequence[tuple[Row, Sequence[Record]]]) -> PublishedComparison:
    wanted = (GENERATOR if published.n else "none", published.classifier, published.n or 0)
    alike = [
        (row, (*differences(published, records), *(() if row.complete else ("incomplete",))))
        for row, records in rows
        if (row.generator, records[0].classifier.plugin, row.n_synthetic) == wanted
        and bool(records[0].protocol.switches.get("synthetic_only")) == published.synthetic_only
    ]
    ours: Row | None = None
    reasons: tuple[str, ...] = (NO_ROW,)
    if alike:
        # The study's headline is 16 shots; of rows with other numbers, or settings, the nearest stands beside it.
        # One under the plugin's own name comes before its variants, where they are as near.
        ours, reasons = min(
            alike,
            key=lambda pair: (abs(pair[0].shots - SHOTS), len(pair[1]), pair[0].classifier != published.classifier),
        )
    named = published.name, published.table, published.classifier, published.n
    return PublishedComparison(*named, published.aggregates, ours, reasons)


def _data_and_folds(records: Sequence[Record], wanted: str) -> list[str]:
    first = records[0]
    dataset, protocol = first.dataset, first.protocol
    reasons = []
    if protocol.name != wanted:
        reasons.append(f"protocol {protocol.name}")
    elif protocol.version != (version := find_protocol(wanted).version):
        reasons.append(f"protocol {protocol.name} v{protocol.version}, not v{version}")
    counts = {CLASS_NAMES.get(label, label): number for label, number in dataset.classes.items()}
    if dataset.limit is not None:
        reasons.append(f"cut by {option('limit', dataset.limit)}")
    if counts != {label: min(number, dataset.limit or number) for label, number in STUDY_COUNTS.items()}:
        reasons.append(f"other data ({dataset.name}, {dataset.n_images:,} images of {len(dataset.labels)} classes)")
    if len(first.evaluated) != len(STUDY_COUNTS):
        reasons.append(f"{len(first.evaluated)} classes scored")
    folds = {record.protocol.fold for record in records}
    if (protocol.folds, len(folds)) != (FOLDS, FOLDS):
        reasons.append(f"{len(folds)} of {protocol.folds} folds")
    seeds = sorted({record.seed for record in records if record.seed is not None})
    if seeds != [SEED]:
        reasons.append(f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds)) or 'unknown'}")
    return reasons


def _models(record: Record) -> list[str]:
    """What differs in preset, sizes and settings; of a small preset the sizes tell enough."""
    reasons = [] if record.preset == "paper" else [f"preset {record.preset}"]
    used = {record.classifier.plugin: (record.classifier.ran, record.classifier.config)}
    if record.generator is not None:
        settings = {**record.generator.fit_config, **record.generator.sample_config}
        used[record.generator.plugin] = (record.generator.ran, settings)
    for name, (ran, settings) in used.items():
        side = RESOLUTION.get(name)
        if side is not None and ran is not None and ran.resolution != side:
            reasons.append(f"{name} at {ran.resolution} px, not {side}")
        if record.preset == "paper":
            ours = {**_SILENT, **settings}
            reasons += [
                f"{name}.{key} {ours.get(key)}, not {value}"
                for key, value in SETTINGS.get(name, {}).items()
                if ours.get(key) != value and not (value is None and ours.get(key) == _WRITTEN_OUT.get(key))
            ]
    return reasons


def _images(record: Record) -> list[str]:
    reasons = []
    if record.generator is not None and record.shots != SHOTS:
        reasons.append(f"{record.shots} shots a class")
    if record.made_elsewhere != "no":
        reasons.append("images or weights made elsewhere")
    if record.copies is not None and record.copies.found:
        reasons.append("synthetic images that are copies of real ones")
    return reasons
