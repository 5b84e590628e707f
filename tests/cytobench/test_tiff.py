"""TIFFs as microscopes and programs write them: read as tifffile reads them, or refused with the true reason."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cytobench.decode import BadImage, decode_image

ROWS, COLUMNS = np.mgrid[:24, :20]
RGB = np.stack([40 + 6 * ROWS, 30 + 9 * COLUMNS, 200 - 3 * ROWS - 2 * COLUMNS], 2).astype(np.uint8)
GREY = RGB[..., 0]
RGBA = np.dstack([RGB, 255 - GREY])
CMYK = np.dstack([255 - RGB, np.zeros_like(GREY)])
SEPARATE = {"planarconfig": "separate"}


def planes(image: np.ndarray) -> np.ndarray:
    return np.moveaxis(image, 2, 0)


def tiff(image: np.ndarray, bigtiff: bool = False, byteorder: Any = "<", **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, bigtiff=bigtiff, byteorder=byteorder) as writer:
        writer.write(image, metadata=None, **options)
    return buffer.getvalue()


def packed(bits: int, photometric: str, bands: int = 1) -> bytes:
    """A TIFF of ``bits`` bits a band, whose numbers are packed by hand: tifffile cannot write it alone."""
    numbers = np.random.default_rng(0).integers(0, 2**bits, (8, 8 * bands))
    written = np.unpackbits(numbers.astype(">u2").view(np.uint8).reshape(8, 8 * bands, 2), axis=2)[..., -bits:]
    body = np.packbits(written.reshape(8, -1), axis=1)
    shape = (8, -1, bands) if bands > 1 else (8, -1)
    buffer = io.BytesIO(tiff(body.reshape(shape), photometric=photometric))
    with tifffile.TiffFile(buffer, mode="r+") as file:
        tags = file.pages[0].tags  # type: ignore[union-attr]
        tags["ImageWidth"].overwrite(8)
        tags["BitsPerSample"].overwrite((bits,) * bands)
    return buffer.getvalue()


def of_pillow(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()


READ = {
    "planes of their own": tiff(planes(RGB), photometric="rgb", **SEPARATE),
    "the same, tiled": tiff(planes(RGB), photometric="rgb", tile=(16, 16), **SEPARATE),
    "the same, in strips": tiff(planes(RGB), photometric="rgb", rowsperstrip=3, **SEPARATE),
    "the same, deflated": tiff(planes(RGB), photometric="rgb", compression="zlib", **SEPARATE),
    "big endian": tiff(RGB, photometric="rgb", byteorder=">"),
    "BigTIFF": tiff(RGB, photometric="rgb", bigtiff=True),
    "tiled": tiff(RGB, photometric="rgb", tile=(16, 16)),
    "differences of neighbours": tiff(RGB, photometric="rgb", compression="zlib", predictor=True),
    "alpha": tiff(RGBA, photometric="rgb", extrasamples=["unassalpha"]),
    "alpha in a plane": tiff(planes(RGBA), photometric="rgb", extrasamples=["unassalpha"], **SEPARATE),
    "a fourth band": tiff(RGBA, photometric="rgb", extrasamples=["unspecified"]),
}


@pytest.mark.parametrize("kind", READ)
def test_read_as_tifffile_reads_it(kind: str) -> None:
    expected = tifffile.imread(io.BytesIO(READ[kind]))
    expected = np.moveaxis(expected, 0, 2) if expected.shape[0] < 5 else expected
    assert np.array_equal(decode_image(READ[kind]), expected[..., :3])
    assert np.array_equal(decode_image(READ[kind]), RGB)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_deflate", "tiff_adobe_deflate", "lzma", "zstd"])
def test_compressions_without_loss(compression: str) -> None:
    try:
        content = of_pillow(Image.fromarray(RGB), compression=compression)
    except (OSError, RuntimeError, ValueError):
        pytest.skip(f"this Pillow has no {compression}")
    assert np.array_equal(decode_image(content), RGB)


def test_jpeg_within_is_read_as_pillow_reads_it() -> None:
    content = of_pillow(Image.fromarray(RGB), compression="jpeg", quality=95)
    assert np.abs(decode_image(content).astype(int) - RGB).max() < 25


def test_other_colours_become_rgb() -> None:
    assert np.array_equal(decode_image(tiff(CMYK, photometric="separated")), RGB)
    assert np.array_equal(decode_image(tiff(planes(CMYK), photometric="separated", **SEPARATE)), RGB)
    white = tiff(GREY, photometric="miniswhite")
    assert np.array_equal(decode_image(white), np.dstack([255 - GREY] * 3))
    black_and_white = tiff(GREY > 120, photometric="minisblack")
    assert np.array_equal(decode_image(black_and_white), np.dstack([np.where(GREY > 120, 255, 0)] * 3))
    colours = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16)
    palette = tiff(GREY, photometric="palette", colormap=colours * 257)
    assert np.array_equal(decode_image(palette), colours.T[GREY])
    y_cb_cr = np.dstack([GREY, np.full_like(GREY, 100), np.full_like(GREY, 160)])
    r = GREY + 1.402 * (160 - 128)  # ITU-T T.871 (JFIF)
    g = GREY - 0.344136 * (100 - 128) - 0.714136 * (160 - 128)
    b = GREY + 1.772 * (100 - 128)
    expected = np.stack([r, g, b], 2).clip(0, 255)
    assert np.abs(decode_image(tiff(y_cb_cr, photometric="ycbcr")) - expected).max() <= 1


def test_premultiplied_alpha_is_divided_out() -> None:
    alpha = np.full_like(GREY, 128)
    content = tiff(np.dstack([np.round(RGB * (128 / 255)).astype(np.uint8), alpha]),
                   photometric="rgb", extrasamples=["assocalpha"])  # fmt: skip
    assert np.abs(decode_image(content).astype(int) - RGB).max() <= 2


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_of_grey_are_spread_over_the_range(bits: int) -> None:
    numbers = np.random.default_rng(0).integers(0, 2**bits, (8, 8))
    assert np.array_equal(decode_image(packed(bits, "minisblack"))[..., 0], numbers * (255 // (2**bits - 1)))


def mixed(number: str) -> dict[str, bytes]:
    wide = (RGB.astype(float) * 257).astype(number) if number[0] != "f" else (RGB / 255).astype(number)
    return {
        f"{number} side by side": tiff(wide, photometric="rgb"),
        f"{number} in planes": tiff(planes(wide), photometric="rgb", **SEPARATE),
        f"{number} in planes, tiled": tiff(planes(wide), photometric="rgb", tile=(16, 16), **SEPARATE),
        f"{number} in planes, deflated": tiff(planes(wide), photometric="rgb", compression="zlib", **SEPARATE),
        f"{number} big endian": tiff(planes(wide), photometric="rgb", byteorder=">", **SEPARATE),
        f"{number} BigTIFF": tiff(planes(wide), photometric="rgb", bigtiff=True, **SEPARATE),
        f"{number} grey": tiff(wide[..., 0], photometric="minisblack"),
        f"{number} grey, white is 0": tiff(wide[..., 0], photometric="miniswhite"),
    }


LAB = np.dstack([GREY, GREY, GREY])
REFUSED: dict[str, tuple[bytes, str]] = {
    **{kind: (content, r"16 bits a band") for kind, content in mixed("u2").items()},
    **{kind: (content, r"32 bits a band") for kind, content in mixed("u4").items()},
    **{kind: (content, r"signed whole numbers of 8 bits") for kind, content in mixed("i1").items()},
    **{kind: (content, r"signed whole numbers of 16 bits") for kind, content in mixed("i2").items()},
    **{kind: (content, r"floating-point numbers of 16 bits") for kind, content in mixed("f2").items()},
    **{kind: (content, r"floating-point numbers of 32 bits") for kind, content in mixed("f4").items()},
    **{kind: (content, r"floating-point numbers of 64 bits") for kind, content in mixed("f8").items()},
    **{f"{bits}-bit grey": (packed(bits, "minisblack"), f"{bits} bits a band") for bits in (6, 10, 12, 14)},
    **{f"{bits}-bit colour": (packed(bits, "rgb", 3), f"{bits} bits a band") for bits in (4, 10, 12, 14)},
    "16-bit CMYK in planes": (tiff(planes(CMYK.astype("u2")), photometric="separated", **SEPARATE), "16 bits"),
    "16-bit alpha in planes": (
        tiff(planes(RGBA.astype("u2")), photometric="rgb", extrasamples=["unassalpha"], **SEPARATE), "16 bits"
    ),
    "16-bit palette": (
        tiff(GREY.astype("u2"), photometric="palette", colormap=np.zeros((3, 65536), "u2")), "16 bits"
    ),
    "Lab": (tiff(LAB, photometric="cielab"), r"CIE L\*a\*b\* colours"),
    "Lab in planes": (tiff(planes(LAB), photometric="cielab", **SEPARATE), r"CIE L\*a\*b\* colours"),
    "ICC Lab": (tiff(LAB, photometric="icclab"), r"ICC L\*a\*b\* colours"),
    "16-bit Lab": (tiff(LAB.astype("u2"), photometric="cielab"), r"CIE L\*a\*b\* colours"),
    "a mask": (tiff(GREY > 9, photometric="mask"), "a mask"),
    "a mosaic": (tiff(GREY, photometric="cfa"), "raw mosaic"),
    "two channels": (
        tiff(np.dstack([GREY, GREY]), photometric="minisblack", planarconfig="contig", extrasamples=["unspecified"]),
        "2 bands where 1 make",
    ),
    "three channels": (
        tiff(planes(RGB), photometric="minisblack", extrasamples=["unspecified"] * 2, **SEPARATE),
        "3 bands where 1 make",
    ),
    "five bands": (
        tiff(np.dstack([RGBA, GREY]), photometric="rgb", extrasamples=["unspecified"] * 2), "5 bands where 3 make"
    ),
    "a spot ink": (
        tiff(np.dstack([CMYK, GREY]), photometric="separated", extrasamples=["unspecified"]), "5 bands where 4 make"
    ),
    "other inks": (tiff(CMYK, photometric="separated", extratags=[(332, 3, 1, 2, True)]), "inks that are not"),
    "an extra plane": (
        tiff(planes(RGBA), photometric="rgb", extrasamples=["unspecified"], **SEPARATE), "bands in planes"
    ),
    "a stack": (tiff(np.stack([RGB] * 16), photometric="rgb", volumetric=True, tile=(16, 16, 16)), "a stack of 16"),
    "complex": (tiff((GREY + 1j).astype("c8"), photometric="minisblack"), "complex numbers"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_the_true_reason(kind: str, tmp_path: Path) -> None:
    content, reason = REFUSED[kind]
    file = tmp_path / "cell.tif"
    file.write_bytes(content)
    for source in (file, content):
        with pytest.raises(BadImage, match=reason):
            decode_image(source)


def test_subsampled_colours_without_jpeg_are_refused() -> None:
    content = tiff(LAB, photometric="ycbcr", subsampling=(1, 1))
    decode_image(content)
    buffer = io.BytesIO(content)
    with tifffile.TiffFile(buffer, mode="r+") as file:
        file.pages[0].tags["YCbCrSubSampling"].overwrite((2, 2))  # type: ignore[union-attr]
    with pytest.raises(BadImage, match="parts of other sizes"):
        decode_image(buffer.getvalue())


def test_an_unknown_compression_is_named() -> None:
    buffer = io.BytesIO(tiff(RGB, photometric="rgb"))
    with tifffile.TiffFile(buffer, mode="r+") as file:
        file.pages[0].tags["Compression"].overwrite(34712)  # type: ignore[union-attr]
    with pytest.raises(BadImage, match="compression 34712, which is not read"):
        decode_image(buffer.getvalue())


@given(st.data())
def test_a_damaged_directory_is_refused_or_read_never_another_error(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from([READ["planes of their own"], REFUSED["Lab"][0]])))
    start = int.from_bytes(whole[4:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(start, min(start + 200, len(whole) - 1)))] = data.draw(st.integers(0, 255))
    try:
        image = decode_image(bytes(whole))
    except BadImage:
        return
    assert image.dtype == np.uint8 and image.ndim == 3
