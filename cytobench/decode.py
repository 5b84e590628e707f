"""Decode image files to RGB, refuse what would be read wrongly, and digest and encode pixels.

Decisions, so that a digest means one thing:

- PNG, JPEG, TIFF, BMP, WebP, GIF and PPM are read, and told apart by their content, not by their name.
- An alpha channel is dropped, never composited: the colour stored under a transparent pixel is what the
  scanner wrote there, and no background has to be invented. Transparency of a palette likewise.
- Grey, palette and CMYK images are converted to RGB by Pillow, without colour profiles.
- EXIF orientation is applied: a viewer shows the file that way, and a digest must not differ between a file
  that is marked as rotated and the same pixels written upright.
- An image of more than 8 bits a band, of numbers with signs or fractions, in other colours than those of
  :data:`CONVERSIONS` or with bands besides them, one with several frames, a truncated one, one under ``MIN_SIDE``
  pixels a side and one over ``MAX_PIXELS`` pixels are refused, never guessed at.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from cytobench._tiff import why_unread, why_unread_file
from cytobench.errors import UserError

REVISION = 2
"""Raised when a file is read otherwise than before, or refused: what was remembered of files is then forgotten."""

MIN_SIDE = 8
"""Shortest side in pixels that is still taken for a picture."""

MAX_PIXELS = 64_000_000
"""Most pixels an image may have; far above an image of a cell, far below what fills a computer's memory."""

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM")
CONVERSIONS: Mapping[str, str] = {
    "RGB": "read as it is",
    "RGBA": "alpha dropped",
    "RGBa": "alpha divided out and dropped",
    "RGBX": "fourth band dropped",
    "L": "grey copied into three bands",
    "LA": "grey copied into three bands, alpha dropped",
    "La": "grey copied into three bands, alpha divided out and dropped",
    "P": "colours looked up in the palette, its transparency dropped",
    "PA": "colours looked up in the palette, alpha dropped",
    "1": "black and white to 0 and 255",
    "CMYK": "converted without a colour profile",
    "YCbCr": "converted to RGB",
}
"""What is done with each mode that is read, by Pillow's name of it."""

_SIXTEEN_BIT_DATA = re.compile(r";16[BLNS]")


EXTENSIONS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
"""How the names of image files end, in capitals too. What is in one is told by its content alone."""


def is_image_file(name: str) -> bool:
    """Whether a file of this name counts as an image: by its ending, and not hidden, as ``._0.png`` of macOS is.

    Everything that lists images asks this.
    """
    return not name.startswith(".") and PurePath(name).suffix.lower() in EXTENSIONS


def holds_image(file: Path) -> bool:
    """Whether a file begins as an image of a known kind does, whatever its name; its pixels are not decoded."""
    try:
        with Image.open(file, formats=_FORMATS):
            return True
    except Exception:  # Pillow's readers raise almost anything on what is no image
        return False


def image_patterns(*folders: str) -> tuple[str, ...]:
    """Glob patterns of the files that :func:`is_image_file` takes, in folders of these patterns (``*``, ``*/*``)."""
    endings = ["".join(f"[{letter}{letter.upper()}]" for letter in ending[1:]) for ending in sorted(EXTENSIONS)]
    return tuple(f"{folder}/[!.]*.{ending}" for folder in folders for ending in endings)


class BadImage(UserError):
    """An image that cannot be used; the message names the file and the reason."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason

    def __reduce__(self) -> tuple[type[BadImage], tuple[str, str]]:
        return BadImage, (self.source, self.reason)


@dataclass(frozen=True)
class Decoded:
    """An image and how it is stored: RGB uint8 (height, width, 3) in 0..255, and Pillow's name of the file's mode."""

    pixels: NDArray[np.uint8]
    mode: str


def decode_image(source: Path | bytes) -> NDArray[np.uint8]:
    """Decode a file, or the bytes of one, to RGB uint8 (height, width, 3) in 0..255.

    Raises :class:`BadImage` for anything that is not one plain 8-bit picture of a sensible size.
    """
    return decode(source).pixels


def decode(source: Path | bytes) -> Decoded:
    """The same with the mode it is stored in, one of :data:`CONVERSIONS`. Raises as :func:`decode_image` does."""
    name = "image in memory" if isinstance(source, bytes) else str(source)
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(file, formats=_FORMATS) as image:
            _refuse_header(name, image)
            mode = image.mode
            image.load()
            return Decoded(np.array(_without_alpha(ImageOps.exif_transpose(image)), dtype=np.uint8), mode)
    except BadImage:
        raise
    except UnidentifiedImageError:
        if (reason := why_unread_file(source)) is not None:
            raise BadImage(name, reason) from None
        raise BadImage(name, f"no image of a known kind ({', '.join(_FORMATS)}), or a damaged one") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadImage(name, f"over {MAX_PIXELS} pixels; crop or scale it down first") from None
    except OSError as error:
        # With a number the system cannot read the file; without one Pillow cannot read the content.
        reason = error.strerror if error.errno and error.strerror else f"truncated or damaged ({error})"
        raise BadImage(name, reason) from None
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise almost anything on damaged content
        raise BadImage(name, f"damaged ({type(error).__name__}: {error})") from None


def pixel_digest(image: NDArray[np.uint8]) -> str:
    """SHA-256, in hex, over the shape and the bytes of a uint8 image."""
    digest = hashlib.sha256(f"{'x'.join(map(str, image.shape))}:".encode("ascii"))
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """PNG bytes of RGB uint8 (height, width, 3): the same bytes for the same pixels, with no metadata."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _refuse_header(name: str, image: Image.Image) -> None:
    """Refuse by what the header says, before any pixel is decoded."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise BadImage(name, f"{width} x {height} is over {MAX_PIXELS} pixels; crop or scale it down first")
    if min(width, height) < MIN_SIDE:
        raise BadImage(name, f"{width} x {height} pixels; a side must have at least {MIN_SIDE}")
    if isinstance(image, TiffImageFile) and (reason := why_unread(image.tag_v2)) is not None:
        raise BadImage(name, reason)
    if image.mode == "F":
        raise BadImage(name, "floating-point numbers; convert it to 8-bit RGB first")
    if image.mode not in CONVERSIONS or _is_deep(image):
        raise BadImage(name, f"more than 8 bits a band (mode {image.mode}); convert it to 8-bit RGB first")
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1:
        raise BadImage(
            name, f"{frames} frames in one file; save the frame that is meant as a file of its own"
        )


def _is_deep(image: Image.Image) -> bool:
    """Whether Pillow would silently cut 16-bit colour down to 8 bits: the mode hides it."""
    for tile in getattr(image, "tile", []):
        codec, arguments = tile[0], tile[3]
        if _SIXTEEN_BIT_DATA.search(str(arguments)):
            return True
        if codec in ("ppm", "ppm_plain") and isinstance(arguments, tuple) and arguments[-1] > 255:
            return True
    return False


def _without_alpha(image: Image.Image) -> Image.Image:
    """RGB of an image with the alpha channel ignored."""
    if image.mode == "La":
        image = image.convert("LA")
    elif image.mode in ("RGBa", "PA"):
        image = image.convert("RGBA")
    return image.convert("RGB")
