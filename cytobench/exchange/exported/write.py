"""Write image sets as an ImageFolder, and artefacts as they are."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from cytobench.atomic import making_folder
from cytobench.decode import encode_png
from cytobench.errors import UserError, option
from cytobench.exchange.exported.card import card
from cytobench.exchange.exported.kept import FoldImages, kept_images
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import MANIFEST


@dataclass(frozen=True)
class Exported:
    """What was written: images and artefacts, and folders that hold an ImageFolder each."""

    images: int
    artefacts: int
    folders: tuple[Path, ...]
    left_out: tuple[str, ...] = ()
    """Images that are copies of real ones and were not written: ``fold0/LABEL/3.png``."""


def export_images(
    folder: Path,
    generator: str,
    out: Path,
    *,
    store: Path | None = None,
    shots: int | None = None,
    fold: Collection[int] = (),
    label: str | None = None,
    artefacts: Path | None = None,
    licence: str | None = None,
    with_real_images: bool = False,
) -> Exported:
    """Write a generator's images of a results folder as ``out/LABEL/0.png`` and on, or ``out/fold0/LABEL/0.png``.

    Folds have folders of their own unless they share their images; the generator ``folder`` takes either back.
    ``out/README.md`` is the card, ``metadata.csv`` beside the classes says the label and index of each file (Hugging
    Face ``datasets``). ``artefacts`` is a folder for what the fits left, laid out in the same way. Both folders must be
    absent or empty; each is written whole or not at all. Images that are, or may be, real ones are written where
    ``with_real_images`` allows it alone; where single images are known to copy real ones, the others are written
    without it, and artefacts that gave such images are not. Raises UserError for others, and as
    :func:`~cytobench.exchange.exported.kept.kept_images`.
    """
    for parameter, target in (("out", out), ("artefacts", artefacts)):
        if target is not None and target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UserError(f"{option(parameter, target)} exists and is no empty folder. Give a new one.")
    folds = kept_images(folder, generator, store=store, shots=shots, fold=fold, label=label)
    _refuse_paths(folds)
    why = next((images.why_real for images in folds if images.why_real), "")
    if why and not with_real_images:
        raise UserError(
            f"images of {generator} are, or may be, real ones ({why}). Allow it with "
            f"{option('with_real_images', True)}; the card then says so."
        )
    if not with_real_images:
        _refuse_copies(folds, generator, artefacts)
    if artefacts is not None and not any(images.artefacts for images in folds):
        raise UserError(f"{option('artefacts')}: {generator} is not tuned, so that it has none. Leave it out.")
    shared = len({tuple(images.keys) for images in folds}) == 1
    placed = {"" if shared else f"fold{images.record.protocol.fold}": images for images in folds}
    with making_folder(out.resolve().parent, f".{out.name}.") as unfinished:
        written = sum(
            _write_images(images, unfinished / place, with_real_images) for place, images in placed.items()
        )
        text = card(list(placed.values()), licence, with_real_images)
        (unfinished / "README.md").write_text(text, encoding="utf-8")
        _put(unfinished, out)
    copied = 0
    if artefacts is not None:
        with making_folder(artefacts.resolve().parent, f".{artefacts.name}.") as unfinished:
            copied = sum(_copy_artefacts(images, unfinished / place) for place, images in placed.items())
            _put(unfinished, artefacts)
    left_out = () if with_real_images else tuple(_left_out(placed))
    return Exported(written, copied, tuple(out / place for place in placed), left_out)


def _refuse_copies(folds: Sequence[FoldImages], generator: str, artefacts: Path | None) -> None:
    """Raise UserError where nothing is left without copies of real images, and for artefacts that gave some."""
    allowed = f"Allow it with {option('with_real_images', True)}; the card then says so."
    if not any(fold.numbers(label, with_copies=False) for fold in folds for label in fold.images):
        raise UserError(f"all images of {generator} equal or nearly equal a real one. {allowed}")
    if artefacts is not None and any(fold.copies for fold in folds):
        raise UserError(
            f"{option('artefacts', artefacts)}: {generator} gave images that equal or nearly equal real ones, and "
            f"gives them to whoever has its artefacts. {allowed}"
        )


def _left_out(placed: Mapping[str, FoldImages]) -> Iterator[str]:
    for place, fold in placed.items():
        for label, (_, n) in fold.images.items():
            for number in sorted(fold.copies.get(label, ())):
                if number < n:
                    yield "/".join(filter(None, [place, label, f"{number}.png"]))


def _refuse_paths(folds: Sequence[FoldImages]) -> None:
    """A record may come from anywhere; its labels become folders."""
    for label in {label for fold in folds for label in (*fold.images, *fold.artefacts) if label}:
        taken = label in (".", "..", "README.md", "metadata.csv")
        if taken or PurePath(label).name != label or "\\" in label or "\0" in label:
            raise UserError(f"the class {label!r} cannot be the name of a folder.")


def _write_images(fold: FoldImages, folder: Path, with_copies: bool) -> int:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["file_name", "label", "index"])
    written = 0
    for label, (images, n) in fold.images.items():
        (folder / label).mkdir(parents=True)
        shards = images.pixels(n)
        for index in fold.numbers(label, with_copies):
            written += 1
            pixels = shards[index]
            name = f"{label}/{index}.png"
            (folder / name).write_bytes(encode_png(pixels.read()))
            writer.writerow([name, label, index])
    (folder / "metadata.csv").write_text(table.getvalue(), encoding="utf-8")
    return written


def _copy_artefacts(fold: FoldImages, folder: Path) -> int:
    for label, fit in fold.artefacts.items():
        if fold.store.find(StageKind.FIT, fit.name) is None:
            raise UserError(f"the store does not hold what the fit of {label or 'all classes'} left, or it is damaged.")
        ignored = shutil.ignore_patterns(MANIFEST)
        shutil.copytree(fit, folder / label, symlinks=True, ignore=ignored, dirs_exist_ok=True)
    return len(fold.artefacts)


def _put(unfinished: Path, out: Path) -> None:
    unfinished.chmod(0o755)
    if out.exists():
        out.rmdir()
    unfinished.replace(out)
