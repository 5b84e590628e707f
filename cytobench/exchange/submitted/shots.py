"""Every fold's shots as files, so that a generator outside cytobench can be tuned on what a run would tune on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from cytobench.atomic import making_folder
from cytobench.config.benchmark import make_benchmark
from cytobench.config.resolve import Resolved, resolve
from cytobench.data.export import file_names
from cytobench.data.prompts import read_prompts
from cytobench.decode import encode_png
from cytobench.errors import UserError, arguments, option
from cytobench.pipeline.plan import make_planner
from cytobench.plugins import Plugins, load_plugins
from cytobench.protocols import refuse_unlisted
from cytobench.storage.cache import cache_folder

if TYPE_CHECKING:
    import pandas as pd

MANIFEST = "manifest.csv"
PROMPTS = "prompts.toml"


def export_shots(
    shots: int, out: Path, *, prompts_file: Path | None = None, plugins: Plugins | None = None, **values: Any
) -> pd.DataFrame:
    """Write ``out/foldI/LABEL/NAME.png`` for every shot of every fold, ``manifest.csv`` and ``prompts.toml``.

    ``values`` are fields of :class:`~cytobench.config.benchmark.Benchmark` that decide data, folds and shots. The shots
    are those that a run with the same values tunes on. Returns the manifest: ``path`` (in ``out``), ``label``,
    ``fold``, ``source`` (the image's path in the data set), ``generator_prompt`` and ``classifier_prompt``.
    ``prompts.toml`` is what ``prompts_file`` reads. ``out`` must be absent or empty, and is written whole or not at
    all. Raises UserError.
    """
    if shots < 1:
        raise UserError(f"{option('shots', shots)}: at least 1 is needed.")
    if out.exists() and not out.is_dir():
        raise UserError(f"{option('out', out)} is a file. Give a folder.")
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{option('out', out)} is not empty. Give a new folder, or empty this one.")
    # Nothing is computed here, and asking for another device would import torch.
    declared = {**values, "device": "cpu", "prompts": read_prompts(prompts_file) if prompts_file else {}}
    resolved = resolve(make_benchmark(declared, arguments()), plugins or load_plugins())
    drawn = _drawn(resolved, shots)
    try:
        with making_folder(out.parent, f".{out.name}.") as unfinished:
            manifest = _write(resolved, drawn, unfinished)
            unfinished.chmod(0o755)
            if out.exists():
                out.rmdir()
            unfinished.replace(out)
    except OSError as error:
        raise UserError(f"{option('out', out)} cannot be written: {error.strerror}.") from error
    return manifest


def _drawn(resolved: Resolved, shots: int) -> dict[int, list[int]]:
    """Row numbers of each fold's shots, taken by the planner of the run itself."""
    protocol = resolved.protocol
    if protocol.pooled and protocol.shots_from == "train":
        raise UserError(
            f"{option('protocol', protocol.name)}: every number of synthetic images has shots of its own there, so "
            "that none can be written before it is known. Use strict or cytodiff."
        )
    planner = make_planner(resolved, cache_folder() / "store")
    folds = [planner.divide(0)[fold] for fold in resolved.benchmark.fold or ()]
    for fold in folds:
        refuse_unlisted(resolved.dataset, resolved.protocol, resolved.choice, fold, resolved.dataset.labels)
    return {
        fold.number: [int(row) for label in resolved.dataset.labels for row in planner.fold_shots(shots, fold, label)]
        for fold in folds
    }


def _write(resolved: Resolved, drawn: Mapping[int, Sequence[int]], folder: Path) -> pd.DataFrame:
    import pandas as pd

    dataset, prompts = resolved.dataset, resolved.prompts
    names = file_names(dataset)
    rows = []
    for fold, numbers in drawn.items():
        for number in numbers:
            file = folder / f"fold{fold}" / names[number]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode_png(dataset.pixels(number).read()))
            label = str(dataset.table["label"].iloc[number])
            rows.append(
                {
                    "path": file.relative_to(folder).as_posix(),
                    "label": label,
                    "fold": fold,
                    "source": dataset.table["path"].iloc[number],
                    "generator_prompt": prompts[label].generator,
                    "classifier_prompt": prompts[label].classifier,
                }
            )
    manifest = pd.DataFrame(rows)
    manifest.to_csv(folder / MANIFEST, index=False)
    tables = {label: {"generator": pair.generator, "classifier": pair.classifier} for label, pair in prompts.items()}
    (folder / PROMPTS).write_text(tomli_w.dumps(tables), encoding="utf-8")
    return manifest
