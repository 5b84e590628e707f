"""The contact sheet."""

import subprocess
import sys
from pathlib import Path

from PIL import Image


def test_the_command_writes_a_png_small_enough_to_commit(tmp_path: Path) -> None:
    out = tmp_path / "phantom.png"
    paths = ":".join(path for path in sys.path if path)
    subprocess.run(
        [sys.executable, "-m", "cytobench_phantom.sheet", str(out)], env={"PYTHONPATH": paths}, check=True
    )
    with Image.open(out) as image:
        assert image.format == "PNG"
        assert image.height > 15 * 75
    assert out.stat().st_size <= 700_000
