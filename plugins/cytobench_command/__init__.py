"""Programs as plugins: the generator ``command`` and the classifier ``command`` run whatever the user names."""

from cytobench.contract import CONTRACT, ClassifierSpec, GeneratorSpec, hookimpl


@hookimpl
def cytobench_generators() -> list[GeneratorSpec]:
    """``command``."""
    return [
        GeneratorSpec(
            name="command",
            summary='A program of yours: --set command.fit="... {request}" --set command.sample="... {request}".',
            contract=CONTRACT,
            revision=1,
            factory="cytobench_command.generator:CommandGenerator",
            fit_config="cytobench_command.config:CommandFitConfig",
            sample_config="cytobench_command.config:CommandSampleConfig",
            scope="class",
        )
    ]


@hookimpl
def cytobench_classifiers() -> list[ClassifierSpec]:
    """``command``."""
    return [
        ClassifierSpec(
            name="command",
            summary='A program of yours: --set command.train="... {request}" --set command.predict="... {request}".',
            contract=CONTRACT,
            revision=1,
            factory="cytobench_command.classifier:CommandClassifier",
            config="cytobench_command.config:CommandTrainConfig",
        )
    ]
