"""Controls: what a generator and a classifier must beat before anyone believes in them."""

from cytobench.contract import CONTRACT, ClassifierSpec, GeneratorSpec, hookimpl


@hookimpl
def cytobench_generators() -> list[GeneratorSpec]:
    """``repeat`` and ``folder``."""
    return [
        GeneratorSpec(
            name="repeat",
            summary="The shots themselves, repeated: does a generator beat copying?",
            contract=CONTRACT,
            revision=1,
            factory="cytobench_controls.repeat:Repeat",
            fit_config="cytobench.contract:PluginConfig",
            sample_config="cytobench.contract:SampleConfig",
            scope="class",
            seeded=False,
            role="control",
            images_are="copies of the shots",
        ),
        GeneratorSpec(
            name="folder",
            summary="Images made elsewhere: --set folder.path=DIR, with DIR/LABEL/ or DIR/fold0/LABEL/.",
            contract=CONTRACT,
            revision=1,
            factory="cytobench_controls.folder:Folder",
            fit_config="cytobench_controls.folder:FolderConfig",
            sample_config="cytobench_controls.folder:FolderSampleConfig",
            scope="none",
            per_fold=True,
            seeded=False,
        ),
    ]


@hookimpl
def cytobench_classifiers() -> list[ClassifierSpec]:
    """``random``."""
    return [
        ClassifierSpec(
            name="random",
            summary="Uniform guesses: the floor of every table.",
            contract=CONTRACT,
            revision=1,
            factory="cytobench_controls.random:Random",
            config="cytobench_controls.random:RandomConfig",
            learns=False,
            role="control",
        )
    ]
