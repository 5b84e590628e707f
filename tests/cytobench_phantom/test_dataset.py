"""The phantom as a data set: seeds, streams, counts and files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cytobench_phantom.dataset import draw, write
from cytobench_phantom.morphology import CODES, COUNTS, LABELS, draw_cell


def test_the_fifteen_classes_in_the_order_of_the_study() -> None:
    assert len(LABELS) == len(set(LABELS)) == 15
    assert tuple(CODES) == tuple(COUNTS) == LABELS
    assert list(CODES.values()) == sorted(CODES.values())


def test_counts_are_imbalanced_like_the_real_set() -> None:
    real = (79, 78, 424, 15, 11, 3937, 15, 26, 1789, 42, 3268, 109, 8484, 18, 70)
    assert 700 <= sum(COUNTS.values()) <= 900
    assert min(COUNTS.values()) == COUNTS["Atypical Lymphocyte"] == 11
    by_real = [label for _, label in sorted(zip(real, LABELS, strict=True))]
    assert [COUNTS[label] for label in by_real] == sorted(COUNTS.values())
    assert COUNTS["Segmented Neutrophil"] > 10 * COUNTS["Smudge cell"]


def test_an_image_depends_on_seed_label_index_and_stream_alone() -> None:
    first = draw("Monocyte", 3, 42, size=32)
    assert first.shape == (32, 32, 3)
    assert np.array_equal(first, draw("Monocyte", 3, 42, size=32))
    others = (
        draw("Monocyte", 4, 42, size=32),
        draw("Monocyte", 3, 43, size=32),
        draw("Monoblast", 3, 42, size=32),
        draw("Monocyte", 3, 42, size=32, stream="oracle"),
        draw("Monocyte", 3, 42, size=32, stream="judge"),
    )
    pixels = {first.tobytes(), *(other.tobytes() for other in others)}
    assert len(pixels) == 6


def test_streams_share_no_image() -> None:
    streams = ("evaluation", "oracle", "judge")
    drawn = [draw("Eosinophil", i, 42, 16, stream).tobytes() for stream in streams for i in range(15)]
    assert len(set(drawn)) == len(drawn)


def test_another_process_draws_the_same_pixels() -> None:
    """Names are hashed without Python's per-process salt."""
    code = "from cytobench_phantom.dataset import draw; print(draw('Basophil', 0, 42, 16).tobytes().hex())"
    paths = ":".join(path for path in sys.path if path)
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": paths, "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for salt in ("1", "2")
    }
    assert runs == {draw("Basophil", 0, 42, 16).tobytes().hex()}


def test_an_unknown_class_is_named_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"Neutrophile.*Segmented Neutrophil"):
        draw_cell("Neutrophile", np.random.default_rng(0))


def test_write_makes_a_folder_of_classes_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    counts = {"Basophil": 2, "Smudge cell": 1}
    for name in ("a", "b"):
        write(tmp_path / name, 7, counts)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.png"))
    assert files == [Path("Basophil/0000.png"), Path("Basophil/0001.png"), Path("Smudge cell/0000.png")]
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    with Image.open(tmp_path / "a" / "Basophil/0001.png") as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), draw("Basophil", 1, 7))


PRINT = """
import hashlib
from cytobench_phantom.dataset import draw
from cytobench_phantom.morphology import LABELS
pixels = b"".join(draw(label, index, 2507).tobytes() for label in LABELS for index in (0, 5, 10))
print(hashlib.sha256(pixels).hexdigest())
"""


@pytest.mark.parametrize(
    "machine",
    [
        {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"},
        {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"},
    ],
    ids=["one thread", "four threads", "an older processor"],
)
def test_images_do_not_depend_on_the_machine(machine: dict[str, str]) -> None:
    """Once a pixel of one image did: data sets then have other digests and are never ranked together."""
    environment = {**os.environ, **machine}
    command = [sys.executable, "-W", "ignore", "-c", PRINT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "341ae039d670ad20415546681d21c2f0776d188d484e5cfdede78f0334330045"
