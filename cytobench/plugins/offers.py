"""What plugins offer, by the name a user types: the plugin's own, or ``DISTRIBUTION:NAME``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from cytobench.contract import PluginSpec
from cytobench.errors import UserError

BUILT_IN = "cytobench"
"""The distribution whose plugins are built in; those of all others are third-party."""
Spec = TypeVar("Spec", bound=PluginSpec)


@dataclass(frozen=True)
class Offer(Generic[Spec]):
    """One spec, with the distribution that offers it and the version of that."""

    spec: Spec
    origin: str
    version: str
    packages: tuple[str, ...] = ()
    """The packages that its code lies in; none of a built-in one, which is known by its revision."""

    @property
    def built_in(self) -> bool:
        """Whether cytobench itself offers it."""
        return self.origin == BUILT_IN

    @property
    def qualified(self) -> str:
        """``DISTRIBUTION:NAME``, which no other distribution can offer."""
        return f"{self.origin}:{self.spec.name}"

    @property
    def identity(self) -> str:
        """What content addresses call it: two distributions with one name must never find each other's work."""
        return self.spec.name if self.built_in else self.qualified

    @cached_property
    def code(self) -> str:
        """The digest of the files of its packages, as they were when this was first asked for; empty if built in."""
        from cytobench.plugins.code import code_digest

        return code_digest(self.packages) if self.packages else ""

    @property
    def state(self) -> dict[str, Any]:
        """What content addresses say of what it computes: its revision, and of a third-party plugin its code."""
        return {"revision": self.spec.revision} | ({"code": self.code} if self.code else {})

    @property
    def distribution(self) -> str:
        """The distribution and its version, for messages."""
        return f"{self.origin} {self.version}".rstrip()

    def titled(self, typed: str, title: str) -> str:
        """What tables show: the title, with the distribution before it where the user typed that."""
        return f"{self.origin}:{title}" if typed == self.qualified else title


class Offers(Mapping[str, Offer[Spec]], Generic[Spec]):
    """Offers of one kind. Every ``DISTRIBUTION:NAME`` is found, and every name that one distribution alone offers.

    A name that several offer belongs to none of them, so that load order settles nothing: asking for it raises
    UserError, which says what to write. Iteration gives the names to type, sorted.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._by_name: dict[str, list[Offer[Spec]]] = {}

    def add(self, offer: Offer[Spec]) -> None:
        """Take another offer."""
        self._by_name.setdefault(offer.spec.name, []).append(offer)

    def __getitem__(self, name: str) -> Offer[Spec]:
        origin, _, unqualified = name.rpartition(":")
        matches = [offer for offer in self._by_name.get(unqualified, ()) if origin in ("", offer.origin)]
        if not matches:
            raise KeyError(name)
        if len(matches) > 1:
            message, remedy = contested(matches)
            raise UserError(f"{self._kind} {name}: {message}. {remedy}.")
        return matches[0]

    def __iter__(self) -> Iterator[str]:
        for name, offers in sorted(self._by_name.items()):
            origins = [offer.origin for offer in offers]
            if len(offers) == 1:
                yield name
            else:
                yield from sorted(offer.qualified for offer in offers if origins.count(offer.origin) == 1)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def contested(self) -> list[list[Offer[Spec]]]:
        """The offers of each name that is offered more than once."""
        return [offers for _, offers in sorted(self._by_name.items()) if len(offers) > 1]


def contested(offers: Sequence[Offer[Any]]) -> tuple[str, str]:
    """Why none of these has their common name, and what to do; without full stops."""
    origins = sorted({offer.distribution for offer in offers})
    if len({offer.origin for offer in offers}) == 1:
        return f"it is offered {len(offers)} times by {origins[0]}", "Its author must rename all but one"
    names = sorted({offer.qualified for offer in offers})
    return f"it is offered by {' and '.join(origins)}", f"Write {' or '.join(names)}"
