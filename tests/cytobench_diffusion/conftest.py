from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cytobench_diffusion.pipeline import release

from .tiny import tiny_pipeline


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "sd"
    tiny_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def v_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "sd-v"
    tiny_pipeline("v_prediction").save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def fresh_pipeline() -> Iterator[None]:
    release()
    yield
    release()
