"""What a TIFF says of its numbers: Pillow reads some that it should not, and says of others only that it cannot.

By its tags (TIFF 6.0, Adobe 1992), not by what Pillow makes of them: of 16 bits in planes of their own, Pillow takes
every other byte and calls it RGB.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import TiffImagePlugin
from PIL.TiffTags import TAGS_V2

BITS, COMPRESSION, PHOTOMETRIC, BANDS, PLANES, INKS, EXTRA, FORMAT, SUBSAMPLING, DEPTH = (
    258, 259, 262, 277, 284, 332, 338, 339, 530, 32997,
)  # fmt: skip

_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}
"""How many bands each meaning has that is read: grey (white or black is 0), RGB, palette, CMYK, YCbCr."""

_MEANINGS = {
    4: "a mask, no picture",
    8: "CIE L*a*b* colours",
    9: "ICC L*a*b* colours",
    10: "ITU L*a*b* colours",
    32803: "the raw mosaic of a camera's sensor",
    32844: "LogL colours",
    32845: "LogLuv colours",
    34892: "raw values of a camera's sensor",
}
_FORMATS = {2: "signed whole numbers", 3: "floating-point numbers", 5: "complex numbers", 6: "complex numbers"}
_CONVERT = "convert it to 8-bit RGB first"
_ALPHA = (1, 2)
_JPEG = (6, 7)


def why_unread(tags: Mapping[int, Any]) -> str | None:
    """Why an image with these tags is not read, or None where nothing speaks against it."""
    meaning = tags.get(PHOTOMETRIC)
    if meaning is None:
        return f"it does not say what its numbers mean (no PhotometricInterpretation); {_CONVERT}"
    if meaning not in _COLOURS:
        return f"{_MEANINGS.get(meaning, f'colours of an unknown kind ({meaning})')}; {_CONVERT}"
    bits, formats = _each(tags.get(BITS, 1)), _each(tags.get(FORMAT, 1))
    odd = next((_FORMATS[number] for number in formats if number in _FORMATS), None)
    if odd is not None:
        return f"{odd} of {max(bits)} bits; {_CONVERT}"
    few = _COLOURS[meaning] == 1 and len(bits) == 1 and bits[0] in (1, 2, 4)
    if not few and set(bits) != {8}:
        return f"{' and '.join(map(str, dict.fromkeys(bits)))} bits a band; {_CONVERT}"
    depth = tags.get(DEPTH, 1)
    if depth > 1:
        return f"a stack of {depth} planes; save the plane that is meant as a file of its own"
    return _why_not_these_bands(tags, meaning) or _why_not_this_compression(tags, meaning)


def why_unread_file(source: Path | bytes) -> str | None:
    """The same of a file, or the bytes of one, that Pillow does not know; None for what is no TIFF, or damaged."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            header = file.read(8)
            if header[:4] in (b"II+\0", b"MM\0+"):  # BigTIFF
                header += file.read(8)
            directory = TiffImagePlugin.ImageFileDirectory_v2(header)
            file.seek(directory.next)
            directory.load(file)
            return why_unread(directory) if BITS in directory or PHOTOMETRIC in directory else None
    except Exception:  # Pillow raises almost anything on damaged content
        return None


def _why_not_these_bands(tags: Mapping[int, Any], meaning: int) -> str | None:
    bands, colours = tags.get(BANDS, 1), _COLOURS[meaning]
    extra = _each(tags.get(EXTRA, ()))
    more = bands - colours
    alpha = more == 1 and (meaning == 2 or (meaning in (0, 1) and extra[:1] in [(kind,) for kind in _ALPHA]))
    if more and not alpha:
        return f"{bands} bands where {colours} make the colour; save those that are meant as RGB"
    if tags.get(PLANES, 1) == 2 and more and (meaning, *extra) != (2, 2):
        return "bands in planes of their own with one besides the colours; save it with its bands side by side"
    if meaning == 5 and tags.get(INKS, 1) != 1:
        return f"inks that are not cyan, magenta, yellow and black; {_CONVERT}"
    return None


def _why_not_this_compression(tags: Mapping[int, Any], meaning: int) -> str | None:
    compression = tags.get(COMPRESSION, 1)
    if compression not in TiffImagePlugin.COMPRESSION_INFO:
        names = {number: name for name, number in TAGS_V2[COMPRESSION].enum.items()}
        return f"compression {names.get(compression, compression)}, which is not read; save it with LZW or none"
    if meaning == 6 and compression not in _JPEG and (
        _each(tags.get(SUBSAMPLING, (2, 2))) != (1, 1) or tags.get(PLANES, 1) == 2
    ):
        return f"YCbCr colours in parts of other sizes; {_CONVERT}"
    return None


def _each(value: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,)
