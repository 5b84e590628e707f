"""The extractor ``inception``: torch-fidelity's Inception-v3, with weights that the user has."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench.contract import ExtractorSpec, hookimpl

INCEPTION = ExtractorSpec(
    name="inception",
    summary="torch-fidelity's Inception-v3 (--set inception.weights=PATH), 2048 features: the usual FID",
    contract=1,
    revision=1,
    factory="cytobench_inception.extractor:InceptionExtractor",
    config="cytobench_inception.config:InceptionConfig",
)


@hookimpl
def cytobench_extractors() -> Sequence[ExtractorSpec]:
    """The extractors of this plugin."""
    return [INCEPTION]
