"""The embedded data set ``phantom``, its generator ``oracle``, and the pocket weights."""

from cytobench.contract import CONTRACT, DatasetSpec, GeneratorSpec, hookimpl


@hookimpl
def cytobench_datasets() -> list[DatasetSpec]:
    """``phantom`` and ``phantom-fresh``."""
    return [
        DatasetSpec(
            name="phantom",
            summary="A procedural blood smear of 15 classes, imbalanced like the Munich set; nothing to download.",
            contract=CONTRACT,
            revision=2,
            factory="cytobench_phantom.embedded:open_phantom",
            public=True,
            drawn=True,
            preset="pocket",
            synthetic=(0, 20),
        ),
        DatasetSpec(
            name="phantom-fresh",
            summary="20 more cells of each class of phantom, none of them in it; to test models of phantom on.",
            contract=CONTRACT,
            revision=1,
            factory="cytobench_phantom.embedded:open_fresh",
            public=True,
            drawn=True,
            preset="pocket",
            synthetic=(0, 20),
        ),
    ]


@hookimpl
def cytobench_generators() -> list[GeneratorSpec]:
    """``oracle``."""
    return [
        GeneratorSpec(
            name="oracle",
            summary="Fresh draws of the phantom's true distribution: the ceiling, on phantom alone.",
            contract=CONTRACT,
            revision=2,
            factory="cytobench_phantom.oracle:Oracle",
            fit_config="cytobench.contract:PluginConfig",
            sample_config="cytobench_phantom.oracle:OracleConfig",
            scope="none",
            datasets=("phantom",),
            role="oracle",
        )
    ]
