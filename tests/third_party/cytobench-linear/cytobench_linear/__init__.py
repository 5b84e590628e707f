"""The classifier ``linear``: logistic regression on simple features."""

from cytobench.contract import CONTRACT, ClassifierSpec, hookimpl


@hookimpl
def cytobench_classifiers() -> list[ClassifierSpec]:
    return [
        ClassifierSpec(
            name="linear",
            summary="Logistic regression (scikit-learn) on colours and a thumbnail of the cell.",
            contract=CONTRACT,
            revision=1,
            factory="cytobench_linear.classifier:Linear",
            config="cytobench_linear.config:LinearConfig",
            title="linear-{side}px",
        )
    ]
