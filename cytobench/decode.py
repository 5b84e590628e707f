"""Decode image files to RGB, refuse what would be read wrongly, and digest and encode pixels.

Decisions, so that a digest means one thing:

- An alpha channel is dropped, never composited: the colour stored under a transparent pixel is what the scanner
  or the drawing program wrote there, and no background has to be invented. Palette transparency likewise.
- Grey, palette and CMYK images are converted to RGB by Pillow without colour profiles.
- EXIF orientation is applied. A file that says "show me rotated" is what a viewer shows rotated; cells have no
  upright, but a digest must not differ between a rotated file and the same pixels written upright.
- An image of more than 16 bits a pixel in one band, one with several frames, a truncated one, one under 8 pixels a
  side and one over ``MAX_PIXELS`` pixels are refused, never guessed at.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from cytobench.errors import UserError

MIN_SIDE = 8
"""Shortest side in pixels that is still taken for a picture."""

MAX_PIXELS = 64_000_000
"""Most pixels an image may have; far above a cell image, far below what fills a computer's memory."""

_EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"})


class BadImage(UserError):
    """An image that cannot be used; the message names the file and the reason."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason

    def __reduce__(self) -> tuple[type[BadImage], tuple[str, str]]:
        return BadImage, (self.source, self.reason)


def decode_image(source: Path | bytes) -> NDArray[np.uint8]:
    """Decode a file, or the bytes of one, to RGB uint8 (height, width, 3) in 0..255.

    Raises :class:`BadImage` for anything that is not one plain 8-bit picture of a sensible size.
    """
    name = "image in memory" if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
                _refuse_header(name, image)
                image.load()
                upright = ImageOps.exif_transpose(image)
                return np.array(_without_alpha(upright), dtype=np.uint8)
    except BadImage:
        raise
    except FileNotFoundError:
        raise BadImage(name, "no such file") from None
    except UnidentifiedImageError:
        raise BadImage(name, "not an image file, or a damaged one") from None
    except Image.DecompressionBombError:
        raise BadImage(name, f"more than {MAX_PIXELS} pixels; crop or scale it down first") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, OverflowError, TypeError) as error:
        # Pillow's readers raise any of these on damaged files.
        raise BadImage(name, f"truncated or damaged ({error})") from None


def pixel_digest(image: NDArray[np.uint8]) -> str:
    """SHA-256, in hex, over the shape and the bytes of a uint8 image."""
    shape = "x".join(str(side) for side in image.shape)
    digest = hashlib.sha256(f"{shape}:".encode("ascii"))
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
        raise BadImage(name, f"{width} by {height} pixels is more than {MAX_PIXELS}; crop or scale it down first")
    if min(width, height) < MIN_SIDE:
        raise BadImage(name, f"{width} by {height} pixels; the shortest side must be at least {MIN_SIDE}")
    if image.mode not in _EIGHT_BIT_MODES:
        raise BadImage(name, f"its pixels have the mode {image.mode}, not 8 bits a band; convert it to 8-bit RGB")
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1:
        raise BadImage(name, f"it has {frames} frames; save the one meant as a picture of its own")


def _without_alpha(image: Image.Image) -> Image.Image:
    """RGB of an image with the alpha channel ignored."""
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode == "PA":
        image = image.convert("RGBA")
    return image.convert("RGB")
