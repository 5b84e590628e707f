"""An outside test set: images of the same classes from elsewhere, which every trial's model predicts as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cytobench._dataset import Dataset
from cytobench._text import did_you_mean, plain
from cytobench.data.listing import SHOWN
from cytobench.errors import UserError, option


@dataclass(frozen=True)
class ExternalTest:
    """A data set whose labels are those of the benchmark, without images that the benchmark has itself."""

    dataset: Dataset
    copies: int
    """How many images were left out because the benchmark's data set has them too (equal pixels)."""
    of_patients: int = 0
    """How many others were left out because they are of a group (patient, slide) that the data set has too."""

    @property
    def summary(self) -> str:
        """What it is, in words."""
        counts = self.dataset.table["label"].value_counts()
        lacks = [label for label in self.dataset.labels if label not in counts]
        images = with_gaps(f"{len(self.dataset)} images", lacks, self.copies, self.of_patients)
        return f"outside test set: {self.dataset.name}, {images}"


def with_gaps(images: str, lacks: Sequence[str], copies: int, of_patients: int) -> str:
    """What images there are, then the classes that are not, and how many copies and others were left out, in words."""
    without = f"; none of {', '.join(lacks)}" if lacks else ""
    left_out = f"; {copies} left out, the data set has them too" if copies else ""
    left_out += f"; {of_patients} left out, their patients are in the data set too" if of_patients else ""
    return f"{images}{without}{left_out}"


def as_external(outside: Dataset, dataset: Dataset, merge: Sequence[str], train_only: Sequence[str]) -> ExternalTest:
    """``outside`` as a test set for models of ``dataset``, whose classes were merged as ``merge`` says.

    A label may be the other name (code, class name) of a class, or one of merged ones. Classes of ``train_only`` are
    left out, as they are of every score; so are copies of the benchmark's images, and images of its groups: those that
    are called as one of its own, whatever their case and spaces, and those of which another image is
    such a copy. Raises UserError for a label that the benchmark has not, for fewer than two classes, and where nothing
    is left.
    """
    argument = option("external_test", outside.name)
    named = {label: _benchmark_label(label, outside, dataset, merge) for label in outside.labels}
    unknown = sorted(label for label, name in named.items() if name is None)
    if unknown:
        hint = did_you_mean(unknown[0], dataset.labels)
        raise UserError(
            f"{argument}: the data set has no class {unknown[0]!r}.{hint} Its classes: "
            f"{', '.join(dataset.labels)}. Rename the outside set's folders or labels, or leave the class out."
        )
    table = outside.table.assign(label=outside.table["label"].map(named))
    table = table[~table["label"].isin(list(train_only))]
    seen = table["digest"].isin(set(dataset.table["digest"]))
    known = {plain(group) for group in (*dataset.table["group"].dropna(), *table.loc[seen, "group"].dropna())}
    of_known = ~seen & table["group"].map(plain, na_action="ignore").isin(known)
    unseen = table[~seen & ~of_known].sort_values(["label", "path"], kind="stable", ignore_index=True)
    if unseen["label"].nunique() < 2:
        patients = _few(sorted(set(table.loc[of_known, "group"])))
        of_patients = f", {int(of_known.sum())} more are of its patients or slides ({patients})" if patients else ""
        rename = " If these patients are others, give their groups other names." if patients else ""
        raise UserError(
            f"{argument}: {int(seen.sum())} of {len(outside)} images are the data set's own{of_patients}, and "
            f"fewer than two classes are left. Give other images, of at least two classes.{rename}"
        )
    left = replace(outside, table=unseen, labels=dataset.labels, padding=())
    return ExternalTest(left, int(seen.sum()), int(of_known.sum()))


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _benchmark_label(label: str, outside: Dataset, dataset: Dataset, merge: Sequence[str]) -> str | None:
    """The benchmark's name of an outside class; None if it has none."""
    names = [label, *(name for name in (outside.codes.get(label), dataset.codes.get(label)) if name)]
    others = {code: name for name, code in dataset.codes.items()}
    for name in names:
        for merged_classes in merge:
            parts, _, merged = merged_classes.rpartition("=")
            if name in [part.strip() for part in parts.split(",")]:
                return merged.strip()
        if name in dataset.labels:
            return name
        if name in others:
            return others[name]
    return None
