"""A plugin of a stranger's that breaks in the ways it is told to."""

from cytobench.contract import CONTRACT, ClassifierSpec, ExtractorSpec, GeneratorSpec, hookimpl


@hookimpl
def cytobench_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="fragile-images",
            summary="Grey images, and what else it is told to do.",
            contract=CONTRACT,
            revision=1,
            factory="cytobench_fragile.generator:Fragile",
            fit_config="cytobench.contract:PluginConfig",
            sample_config="cytobench_fragile.generator:FragileConfig",
            scope="none",
        )
    ]


@hookimpl
def cytobench_classifiers() -> list[ClassifierSpec]:
    return [
        ClassifierSpec(
            name="fragile",
            summary="Guesses, and does what else it is told to.",
            contract=CONTRACT,
            revision=1,
            factory="cytobench_fragile.classifier:Fragile",
            config="cytobench_fragile.classifier:FragileConfig",
        )
    ]


@hookimpl
def cytobench_extractors() -> list[ExtractorSpec]:
    return [
        ExtractorSpec(
            name="fragile-features",
            summary="Crashes.",
            contract=CONTRACT,
            revision=1,
            factory="cytobench_fragile.extractor:Fragile",
            config="cytobench.contract:PluginConfig",
        )
    ]
