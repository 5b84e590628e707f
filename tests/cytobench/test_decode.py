"""Decoding: what is converted, what is refused, and that digests and PNG bytes follow the pixels alone."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from cytobench.decode import CONVERSIONS, MAX_PIXELS, BadImage, decode, decode_image, encode_png, pixel_digest

COLOUR = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


@given(arrays(np.uint8, st.tuples(st.integers(8, 20), st.integers(8, 20), st.just(3))))
def test_png_keeps_every_pixel_and_its_bytes_depend_on_pixels_alone(image: np.ndarray) -> None:
    encoded = encode_png(image)
    assert np.array_equal(decode_image(encoded), image)
    assert encode_png(np.asfortranarray(image)) == encoded


def test_alpha_is_dropped_not_composited() -> None:
    rgba = np.dstack([COLOUR, np.zeros((12, 10), np.uint8)])
    assert np.array_equal(decode_image(saved(Image.fromarray(rgba))), COLOUR)
    assert np.array_equal(decode_image(saved(Image.fromarray(rgba), "TIFF")), COLOUR)


def test_grey_with_and_without_alpha_becomes_three_equal_bands() -> None:
    grey = COLOUR[:, :, 0]
    for data in (grey, np.dstack([grey, np.zeros_like(grey)])):
        assert np.array_equal(decode_image(saved(Image.fromarray(data))), np.dstack([grey] * 3))


def test_palette_with_transparency_keeps_the_colours_of_the_palette() -> None:
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    assert (decode_image(saved(palette, transparency=1)) == (10, 200, 30)).all()


def test_cmyk_is_converted() -> None:
    image = decode_image(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"))
    assert (image == (255, 0, 0)).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_the_mode_in_the_file_is_told(mode: str) -> None:
    found = decode(saved(Image.fromarray(COLOUR).convert(mode), "TIFF" if mode == "CMYK" else "PNG"))
    assert found.mode == mode and mode in CONVERSIONS
    assert found.pixels.shape == COLOUR.shape


def test_a_file_marked_as_rotated_equals_the_same_pixels_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown rotated by 90 degrees clockwise
    rotated = saved(Image.fromarray(COLOUR), exif=exif)
    assert np.array_equal(decode_image(rotated), np.rot90(COLOUR, -1))


def png16(colour_type: int, bands: int) -> bytes:
    """A 16-bit PNG of 8 x 8 pixels, which Pillow cannot write for colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 16, colour_type, 0, 0, 0)
    rows = (b"\0" + b"\x12\x34" * 8 * bands) * 8
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


REFUSED = {
    "16-bit grey": (saved(Image.fromarray(np.zeros((9, 9), np.uint16))), "8 bits"),
    "16-bit grey TIFF": (saved(Image.fromarray(np.zeros((9, 9), np.uint16)), "TIFF"), "16 bits"),
    "16-bit colour": (png16(2, 3), "8 bits"),
    "16-bit colour and alpha": (png16(6, 4), "8 bits"),
    "16-bit grey and alpha": (png16(4, 2), "8 bits"),
    "16-bit PPM": (b"P6\n8 8\n65535\n" + b"\0\1" * 192, "8 bits"),
    "32-bit": (saved(Image.new("I", (9, 9)), "TIFF"), "32 bits"),
    "float": (saved(Image.new("F", (9, 9)), "TIFF"), "floating-point"),
    "7 pixels": (saved(Image.new("RGB", (7, 40))), "7 x 40"),
    "animated GIF": (
        saved(Image.new("L", (9, 9)), "GIF", save_all=True, append_images=[Image.new("L", (9, 9), 200)]),
        "2 frames",
    ),
    "TIFF of two pages": (
        saved(Image.new("RGB", (9, 9)), "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))]),
        "2 frames",
    ),
    "text": (b"BAS/BAS_0001.tiff BAS nan nan", "no image"),
    "nothing": (b"", "no image"),
    "bomb": (b"P5\n8001 8000\n255\n", str(MAX_PIXELS)),
    "huge bomb": (b"P5\n90000 90000\n255\n", str(MAX_PIXELS)),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_file_and_reason(kind: str, tmp_path: Path) -> None:
    data, reason = REFUSED[kind]
    file = tmp_path / "cell.png"
    file.write_bytes(data)
    with pytest.raises(BadImage, match=reason) as caught:
        decode_image(file)
    assert str(file) in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_truncated_files_are_refused(kind: str, kept: float) -> None:
    data = saved(
        Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind
    )
    decode_image(data)
    with pytest.raises(BadImage):
        decode_image(data[: int(len(data) * kept)])


@given(st.binary(max_size=200), st.sampled_from(["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"]), st.data())
def test_damage_is_refused_or_read_never_another_error(noise: bytes, kind: str, data: st.DataObject) -> None:
    whole = saved(Image.fromarray(COLOUR), kind)
    at = data.draw(st.integers(0, len(whole)))
    try:
        image = decode_image(whole[:at] + noise + whole[at + len(noise) :])
    except BadImage:
        return
    assert image.dtype == np.uint8 and image.shape[2] == 3


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match=r"gone\.png: No such file"):
        decode_image(tmp_path / "gone.png")


def test_bad_image_crosses_processes() -> None:
    error = pickle.loads(pickle.dumps(BadImage("cell.png", "truncated")))
    assert (error.source, error.reason, str(error)) == ("cell.png", "truncated", "cell.png: truncated")


def test_digest_tells_shape_and_pixels_apart() -> None:
    tall = COLOUR.reshape(10, 12, 3)
    changed = COLOUR.copy()
    changed[3, 4, 1] ^= 1
    assert len({pixel_digest(COLOUR), pixel_digest(tall), pixel_digest(changed)}) == 3
    assert pixel_digest(np.asfortranarray(COLOUR)) == pixel_digest(COLOUR)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_real_rgba_tiff_gives_its_colour_bands() -> None:
    files = sorted((SHARED / "matek" / "AML-Cytomorphology_LMU" / "NGB").glob("*.tiff"))
    assert len(files) == 3
    for file in files:
        with Image.open(file) as raw:
            rgba = np.array(raw)
        assert rgba.shape == (400, 400, 4)
        assert np.array_equal(decode_image(file), rgba[:, :, :3])
