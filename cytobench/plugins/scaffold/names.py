"""The names of a new plugin: what users type, its distribution, its import package."""

from __future__ import annotations

import keyword
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from packaging.utils import InvalidName, canonicalize_name

from cytobench.errors import UserError
from cytobench.plugins import Plugins
from cytobench.plugins.kinds import KINDS

PREFIX = "cytobench-"
LONGEST = 40
"""Characters of a name: it stands in tables, file names and import lines."""


@dataclass(frozen=True)
class Names:
    """``name`` is what users type, in the normal form of PyPI (PEP 503): ``blood-mix``."""

    name: str

    @classmethod
    def of(cls, name: str) -> Names:
        """The names that follow from what a user typed.

        Raises UserError for a name that PyPI does not take (PEP 508) or writes another way (PEP 503), that begins as
        the distribution's does, or that Python has for itself.
        """
        try:
            normal = canonicalize_name(name, validate=True)
        except InvalidName:
            raise _wrong(name, "PyPI takes letters, digits and hyphens between them, such as blood-mix") from None
        if normal != name:
            raise _wrong(name, f"PyPI writes it {normal}; write it so, too")
        if name.startswith(PREFIX):
            raise _wrong(name, f"write {name.removeprefix(PREFIX)}; its distribution is called {name}")
        if len(name) > LONGEST:
            raise _wrong(name, f"it has {len(name)} characters; {LONGEST} are the most, for it stands in every table")
        names = cls(name)
        if keyword.iskeyword(names.identifier) or keyword.issoftkeyword(names.identifier):
            raise _taken(name, "it is a word of Python's own")
        if names.identifier in sys.stdlib_module_names:
            raise _taken(name, "a module of Python's standard library is called so")
        return names

    @property
    def distribution(self) -> str:
        """What is installed: ``cytobench-blood-mix``."""
        return PREFIX + self.name

    @property
    def identifier(self) -> str:
        """For functions: ``blood_mix``."""
        return self.name.replace("-", "_")

    @property
    def package(self) -> str:
        """What is imported: ``cytobench_blood_mix``."""
        return self.distribution.replace("-", "_")

    def check_free(self, plugins: Plugins) -> None:
        """Raise UserError where an installed plugin, distribution or module has one of the names."""
        for kind in KINDS:
            for offer in plugins.offers(kind).values():
                if offer.spec.name == self.name:
                    raise _taken(self.name, f"{offer.distribution} offers a {kind.name} of this name")
        for loaded in plugins.loaded.values():
            if loaded.plugin == self.name:
                raise _taken(self.name, f"a plugin of this name is installed, of {loaded.origin}")
        try:
            raise _taken(self.name, f"{self.distribution} {version(self.distribution)} is installed")
        except PackageNotFoundError:
            pass
        if find_spec(self.package) is not None:
            raise _taken(self.name, f"a module {self.package} is installed")


def _taken(name: str, by: str) -> UserError:
    return _wrong(name, f"{by}; choose another one")


def _wrong(name: str, reason: str) -> UserError:
    return UserError(f"plugin new {name}: {reason}.")
