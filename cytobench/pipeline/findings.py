"""What a run tells of its data before work begins, and what its records keep of that."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench._dataset import Finding
from cytobench.config.resolve import Resolved
from cytobench.data.findings import IMAGES_ONLY, NO_PATIENT, dataset_findings, grouping
from cytobench.pipeline.plan import Planner
from cytobench.protocols.evenness import uneven_folds


class Findings:
    """All findings about the data of a run: those of the data set, of the outside test set, and of its divisions."""

    def __init__(self, resolved: Resolved) -> None:
        self._of_data = [*dataset_findings(resolved.dataset), *_of_outside_test_set(resolved)]
        self._of_seeds: dict[int, list[Finding]] = {}

    def of(self, planner: Planner) -> list[Finding]:
        """Those behind the trials of one repeat."""
        if planner.seed not in self._of_seeds:
            self._of_seeds[planner.seed] = _of_division(planner)
        return [*self._of_data, *self._of_seeds[planner.seed]]

    def of_run(self, planners: Sequence[Planner]) -> list[Finding]:
        """Those of all repeats, each once."""
        return list(dict.fromkeys(finding for planner in planners for finding in self.of(planner)))


def _of_division(planner: Planner) -> list[Finding]:
    """Whether the folds are uneven, divided without synthetic images."""
    seed = planner.seed if planner.repeats > 1 else None
    return uneven_folds(planner.dataset, planner.divide(0), planner.train_only, seed)


def _of_outside_test_set(resolved: Resolved) -> list[Finding]:
    """Those of the outside test set's files, and whether its patients are not known where those of the data set are."""
    if resolved.external is None:
        return []
    outside = resolved.external.dataset
    findings = list(outside.findings)
    missing = int(outside.table["group"].isna().sum())
    if missing and grouping(resolved.dataset.table) != IMAGES_ONLY:
        text = f"{missing} of {len(outside)} images name no patient, and may be of one in training."
        findings.append(Finding(NO_PATIENT, text))
    return [Finding(f"outside_{finding.kind}", f"Outside test set: {finding.text}") for finding in findings]
