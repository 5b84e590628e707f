"""The figures are torch-fidelity's own: compared with its whole program run on the same images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch_fidelity
from torch import Tensor
from torch.utils.data import Dataset

from cytobench.metrics.fidelity.distances import TooFew, fid, kid, kid_subset_size, precision_recall
from cytobench.metrics.fidelity.features import FeatureArray


class FlatPixels(torch_fidelity.FeatureExtractorBase):
    """An extractor of torch-fidelity whose features are the pixels, scaled."""

    def __init__(self, name: str, features_list: list[str], **_: Any) -> None:
        super().__init__(name, features_list)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("pixels",)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "pixels"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    @staticmethod
    def get_dummy_input_for_compile() -> Tensor:
        return torch.zeros(1, 3, 2, 4, dtype=torch.uint8)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        return (flat(images),)


torch_fidelity.register_feature_extractor("flat-pixels", FlatPixels)


class Pixels(Dataset[Tensor]):
    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def flat(images: Tensor) -> Tensor:
    return images.flatten(1).float() / 64


def draw(n: int, seed: int, shift: int = 0) -> Tensor:
    """Uint8 images (n, 3, 2, 4), so 24 features each."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randint(0, 200, (n, 3, 2, 4), generator=generator) + shift).to(torch.uint8)


@pytest.mark.parametrize(("n_real", "n_synthetic", "shift"), [(60, 60, 0), (60, 40, 30), (25, 200, 10)])
def test_figures_equal_those_of_torch_fidelitys_program(n_real: int, n_synthetic: int, shift: int) -> None:
    real, synthetic = draw(n_real, 1), draw(n_synthetic, 2, shift)
    size = kid_subset_size(n_real, n_synthetic)
    expected = torch_fidelity.calculate_metrics(
        input1=Pixels(synthetic),
        input2=Pixels(real),
        feature_extractor="flat-pixels",
        cuda=False,
        cache=False,
        verbose=False,
        fid=True,
        kid=True,
        prc=True,
        kid_subset_size=size,
        rng_seed=7,
        save_cpu_ram=True,  # without it four worker processes are started
    )
    features: tuple[FeatureArray, FeatureArray] = (flat(real).numpy(), flat(synthetic).numpy())
    precision, recall = precision_recall(*features)
    assert kid(*features, size, seed=7) == pytest.approx(expected["kernel_inception_distance_mean"], abs=1e-6)
    assert fid(*features) == pytest.approx(expected["frechet_inception_distance"], abs=1e-6)
    assert precision == pytest.approx(expected["precision"], abs=1e-6)
    assert recall == pytest.approx(expected["recall"], abs=1e-6)


def test_precision_is_of_synthetic_images_and_recall_of_real_ones() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(200, 2)).astype(np.float32)
    narrow = rng.normal(scale=0.05, size=(200, 2)).astype(np.float32)
    precision, recall = precision_recall(real, narrow)
    assert precision > 0.95 > 0.2 > recall


@pytest.mark.parametrize(
    ("n_real", "n_synthetic", "expected"), [(50, 20, 10), (5, 7, 2), (10_000, 3_000, 1000), (4, 4, 2)]
)
def test_subsets_are_half_of_the_smaller_side_and_a_thousand_at_most(
    n_real: int, n_synthetic: int, expected: int
) -> None:
    assert kid_subset_size(n_real, n_synthetic) == expected


def test_too_few_images_are_refused_by_each_figure() -> None:
    few, many = np.zeros((3, 2), dtype=np.float32), np.zeros((9, 2), dtype=np.float32)
    with pytest.raises(TooFew, match="needs at least 4 images a side"):
        kid(few, many, 2)
    with pytest.raises(TooFew, match="needs at least 4 images a side"):
        precision_recall(many, few)
    wide = np.zeros((9, 10), dtype=np.float32)
    with pytest.raises(TooFew, match="needs at least 10 images a side, as many as there are features"):
        fid(wide, wide)
