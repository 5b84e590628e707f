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

from cytobench.assets import Asset, AssetReference
from cytobench.context import Context
from cytobench.contract import PluginConfig, Ran, Request, SampleConfig
from cytobench.decode import BadImage, decode_image, image_patterns
from cytobench.errors import UserError, option
from cytobench.images import Images

_FOLD = re.compile(r"fold\d+")


class FolderConfig(PluginConfig):
    """``path`` is the folder of the images."""

    path: str

    def made_elsewhere(self) -> bool:
        """Nothing says what the images' maker has seen."""
        return True

    def assets(self) -> Mapping[str, AssetReference]:
        """The folder; its digest covers the image files in ``LABEL/`` and ``foldI/LABEL/``, which alone are read."""
        return {"path": AssetReference(self.path, image_patterns("[!.]*", "[!.]*/[!.]*"), configuration=())}


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
        """List the files of each class; the fold's own where there are fold folders.

        Raises UserError where the path is a file.
        """
        asset = ctx.assets["path"]
        if asset.path.is_file():
            raise UserError(f"folder.path: {asset.path} is a file. Name the folder that holds a folder a class.")
        folds = any(_FOLD.fullmatch(entry.name) for entry in asset.path.iterdir() if entry.is_dir())
        within = f"fold{ctx.fold or 0}/" if folds else ""
        files: dict[str, list[str]] = {label: [] for label in ctx.labels}
        for name in asset.files:
            label, _, file = name.removeprefix(within).partition("/")
            if name.startswith(within) and label in files and "/" not in file:
                files[label].append(name)
        named = {label: sorted(names) for label, names in files.items()}
        ran = Ran(f"images@{asset.digest[:12]}", "images made elsewhere", None)
        return FolderSampler(asset, asset.path / within, named, ran)


class FolderSampler:
    """Reads the files, each held against its digest."""

    def __init__(self, asset: Asset, root: Path, files: Mapping[str, Sequence[str]], ran: Ran) -> None:
        """``files`` are those of ``asset`` by label, ``root`` the folder of the classes."""
        self.ran = ran
        self._asset = asset
        self._root = root
        self._files = files

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        """Yield file number ``index`` of each class.

        Raises UserError where there are fewer files, ChangedFile for one that is not what the run was planned with,
        and BadImage for one that cannot be used.
        """
        for request in todo:
            files = self._files[request.label]
            if request.index >= len(files):
                raise UserError(
                    f"folder.path: {self._root / request.label} holds {len(files)} images, but image number "
                    f"{request.index + 1} is asked for. Add images or ask for fewer with "
                    f"{option('synthetic', len(files))}."
                )
            yield request, self._read(files[request.index])

    def _read(self, name: str) -> NDArray[np.uint8]:
        content = self._asset.read(name)
        try:
            return decode_image(content)
        except BadImage as error:
            raise BadImage(str(self._asset.file(name)), error.reason) from None

    def close(self) -> None:
        """Nothing is open."""
