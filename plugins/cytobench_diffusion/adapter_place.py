"""Where an adapter that was tuned elsewhere lies: one file for all classes, or one a class. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cytobench.errors import UserError, setting

ADAPTER_FILE = "pytorch_lora_weights.safetensors"
PEFT_FILE = "adapter_model.safetensors"
PEFT_CONFIG = "adapter_config.json"
PATTERNS = ("*.safetensors", "*/*.safetensors")
CONFIGURATION = (PEFT_CONFIG, f"*/{PEFT_CONFIG}")
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")


def find_adapter(path: Path, label: str) -> Path | None:
    """The adapter file for a class, of a file or folder that :func:`files_read` has passed."""
    if path.is_file():
        return path
    return _in_folder(path) or _in_folder(path / label)


def files_read(path: Path) -> Iterator[str]:
    """The adapters of a file or folder and peft's configurations beside them, relative to the folder.

    Raises UserError for pickles, and where it is not clear which adapter is meant.
    """
    folder = path.parent if path.is_file() else path
    if path.is_file():
        _refuse_pickle(path)
        files = [path]
    else:
        files = _of_folder(path)
    for file in files:
        for name in (file, file.with_name(PEFT_CONFIG)):
            if name.is_file():
                yield name.relative_to(folder).as_posix()


def _of_folder(folder: Path) -> list[Path]:
    root = _in_folder(folder)
    inner = [_in_folder(place) for place in sorted(folder.iterdir()) if place.is_dir()]
    classes = [file for file in inner if file is not None]
    if root is not None and classes:
        raise UserError(
            f"sd21-lora.adapter: {folder} holds one adapter for all classes ({root.name}) and others a class "
            f"({classes[0].relative_to(folder)}, for example), and it is not clear which are meant. Name the file with "
            f"{setting('sd21-lora', 'adapter', root)}, or a folder that has those of the classes alone."
        )
    if root is None and not classes:
        for file in sorted(folder.rglob("*")):
            _refuse_pickle(file)
    return [root] if root is not None else classes


def _in_folder(folder: Path) -> Path | None:
    """The one adapter in a folder; None where it has none. Raises UserError for several."""
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    named = [file for file in files if file.name in (ADAPTER_FILE, PEFT_FILE)]
    candidates = named or files
    if len(candidates) > 1:
        raise UserError(
            f"sd21-lora.adapter: {folder} holds {len(candidates)} adapters: "
            f"{', '.join(file.name for file in candidates[:4])}. Name one with "
            f"{setting('sd21-lora', 'adapter', candidates[-1])}, or leave one in the folder of each class."
        )
    return candidates[0] if candidates else None


def _refuse_pickle(file: Path) -> None:
    if file.suffix.lower() in _PICKLES:
        raise UserError(
            f"sd21-lora.adapter: {file} is a pickle, which can run code and is not read. Where it was made, load it "
            "and write its tensors with safetensors.torch.save_file."
        )
