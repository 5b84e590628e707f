"""A metric as scores and tables know it: that of a spec, of all classes or of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cytobench.contract import MetricFunction, MetricSpec


@dataclass(frozen=True)
class Metric:
    """``name`` is what users type and files hold: ``f1_macro``, of one class ``recall:EOS``."""

    name: str
    spec: MetricSpec
    load: Callable[[], MetricFunction] = field(compare=False, repr=False)
    """Imports the function."""
    label: str | None = None
    """The class that it is of; None for all."""
    distribution: str = ""
    """The installed distribution whose plugin offers it, and its version; empty for a built-in one."""
    version: str = ""
    code: str = ""
    """The digest of that plugin's code, SHA-256 in hex; empty for a built-in one, or where it is not known."""
    digits: int = 3
    """Digits that tables print, and by which ranks are shared."""

    @property
    def title(self) -> str:
        """Its name in tables: ``macro F1``, ``recall of EOS``."""
        title = self.spec.title or self.spec.name
        return title if self.label is None else f"{title} of {self.label}"

    @property
    def higher_is_better(self) -> bool:
        """Which of two values is the better one."""
        return self.spec.higher_is_better

    @property
    def span(self) -> float | None:
        """How far apart two values can be; None where there is no bound."""
        low, high = self.spec.range
        return None if low is None or high is None else high - low

    def goodness(self, value: float) -> float:
        """The value, or its negative where lower is better: of two rows the better one has the greater."""
        return value if self.higher_is_better else -value
