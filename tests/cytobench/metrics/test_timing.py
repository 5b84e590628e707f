"""The stopwatch of a stage."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from cytobench.metrics.timing import Stopwatch


def test_a_stage_and_its_parts_are_timed() -> None:
    watch = Stopwatch("cpu")
    with watch.stage():
        for _ in range(2):
            with watch.part("load"):
                time.sleep(0.02)
        time.sleep(0.02)
    assert 0.04 <= watch.parts["load"] <= watch.seconds - 0.02
    assert abs((datetime.now(UTC) - datetime.fromisoformat(watch.when)).total_seconds()) < 60


def test_a_stage_that_raises_is_timed_too() -> None:
    watch = Stopwatch("cpu")
    with pytest.raises(RuntimeError), watch.stage(), watch.part("load"):
        time.sleep(0.01)
        raise RuntimeError
    assert watch.seconds >= watch.parts["load"] >= 0.01


PEAKS = """
import json
import numpy as np
from cytobench.metrics.timing import Stopwatch
large, small = Stopwatch("cpu"), Stopwatch("cpu")
with large.stage():
    block = np.ones(100 * 2**20 // 8)
    del block
with small.stage():
    pass
print(json.dumps([large.peak_memory_mib, small.peak_memory_mib]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak resident size is read from /proc")
def test_the_peak_of_a_stage_is_its_own() -> None:
    """In a new process: in one that has run many tests, what is free already may hold the block."""
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    large, small = json.loads(done.stdout)
    assert large - small > 60
