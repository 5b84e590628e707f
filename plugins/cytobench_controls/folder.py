"""The generator ``folder``: images made elsewhere, taken in the order of their file names.

``DIR/LABEL/`` serves every fold; ``DIR/fold0/LABEL/`` and so on give each fold its own. The images may come from a
model that has seen the test images: cytobench cannot know, so say so with ``--trained-on``, or the row is not ranked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.assets import AssetReference
from cytobench.context import Context
from cytobench.contract import PluginConfig, Ran, Request, SampleConfig
from cytobench.decode import decode_image
from cytobench.errors import UserError, option
from cytobench.images import Images

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


class FolderConfig(PluginConfig):
    """``path`` is the folder of the images."""

    path: str

    def made_elsewhere(self) -> bool:
        """Nothing says what the images' maker has seen."""
        return True

    def assets(self) -> Mapping[str, AssetReference]:
        """The folder; its digest covers every image file."""
        return {"path": AssetReference(self.path, tuple(f"**/*{suffix}" for suffix in SUFFIXES), configuration=())}


class FolderSampleConfig(SampleConfig):
    """Images are taken one by one, so that a folder needs no more of them than a run uses."""

    batch_size: int = 1


class Folder:
    """Hands out the images of a folder."""

    def __init__(self, fit_config: FolderConfig, sample_config: FolderSampleConfig) -> None:
        pass

    def fit(self, shots: Images, ctx: Context) -> None:
        """Not called: the scope is ``none``."""

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> FolderSampler:
        """List the files of each class; the fold's own where there are fold folders."""
        asset = ctx.assets["path"]
        root = asset.path
        if any(re.fullmatch(r"fold\d+", entry.name) for entry in root.iterdir() if entry.is_dir()):
            root = root / f"fold{ctx.fold or 0}"
        files = {
            label: sorted(
                file for file in (root / label).glob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
            )
            for label in ctx.labels
        }
        return FolderSampler(root, files, Ran(f"images@{asset.digest[:12]}", "images made elsewhere", None))


class FolderSampler:
    """Reads the files."""

    def __init__(self, root: Path, files: Mapping[str, Sequence[Path]], ran: Ran) -> None:
        self.ran = ran
        self._root = root
        self._files = files

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        """Yield file number ``index`` of each class. Raises UserError where there are fewer files."""
        for request in todo:
            files = self._files[request.label]
            if request.index >= len(files):
                raise UserError(
                    f"folder.path: {self._root / request.label} holds {len(files)} images, but image number "
                    f"{request.index + 1} is asked for. Add images or ask for fewer with "
                    f"{option('synthetic', len(files))}."
                )
            yield request, decode_image(files[request.index])

    def close(self) -> None:
        """Nothing is open."""
