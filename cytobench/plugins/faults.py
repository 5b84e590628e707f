"""What went wrong in a plugin, and what to do, each in one sentence for its user."""

from __future__ import annotations

from importlib.metadata import EntryPoint, PackageNotFoundError, version
from textwrap import shorten
from types import ModuleType
from typing import NamedTuple

from cytobench.errors import option
from cytobench.plugins.discovery import Source
from cytobench.plugins.offers import BUILT_IN

REPORT = "Tell its author"
_LONGEST = 300
"""Characters of a stranger's message that are shown; ``cytobench plugins --verbose`` has it whole."""


class Fault(NamedTuple):
    """Why a plugin cannot be used and what to do, without full stops."""

    message: str
    remedy: str


def describe(error: BaseException) -> str:
    """``raised KeyError: 'weights'``, in one line."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({'' if error.code is None else repr(error.code)})"
    try:
        text = str(error)
    except Exception:  # a stranger's exception may break in its own text
        text = "(it has no text)"
    return shorten(f"raised {type(error).__name__}: {text}", _LONGEST, placeholder=" ...")


def way_out(source: Source) -> str:
    """What to do about a plugin that is wrong in itself."""
    if not source.packaged:
        return "Correct it"
    if source.origin == BUILT_IN:
        return f"Install {BUILT_IN} anew"
    return f"Upgrade it (pip install -U {source.origin}), tell its author, or uninstall it"


def import_fault(source: Source, error: BaseException) -> Fault:
    """Why a plugin cannot be imported: its entry point, a package that is missing, another cytobench, or itself."""
    if source.packaged and EntryPoint.pattern.match(source.value) is None:
        return Fault(f"its entry point {source.value!r} is not of the form module or module:name", way_out(source))
    module, _, attribute = (part.strip() for part in source.value.partition(":"))
    what = "its entry point" if source.packaged else option("modules")
    if isinstance(error, ModuleNotFoundError) and error.name:
        if f"{module}.".startswith(f"{error.name}."):
            return Fault(f"{what} names {source.value}, and there is no module {error.name}", way_out(source))
        if not _of_cytobench(error.name):
            return Fault(
                f"it needs the module {error.name}, which is not installed",
                f"Install it: pip install {_packages(error.name, source.requires)}",
            )
    message = f"importing {source.value} {describe(error)}"
    if isinstance(error, ImportError) and error.name and _of_cytobench(error.name):
        return Fault(message, other_version(source))
    if isinstance(error, AttributeError) and attribute and _is_module(error.obj, module):
        return Fault(f"{what} names {source.value}, and {module} has no {error.name}", way_out(source))
    return Fault(message, way_out(source))


def other_version(source: Source) -> str:
    """What to do about a plugin that was written for another cytobench."""
    names = f"{source.origin} {BUILT_IN}" if source.packaged else BUILT_IN
    return f"It is written for another cytobench than {version(BUILT_IN)}: upgrade both (pip install -U {names})"


def contract_fault(source: Source, name: str, wanted: int, ours: int) -> Fault:
    """A spec of another contract than the host's."""
    host = f"this cytobench {version(BUILT_IN)} has {ours}"
    message = f"{name} is written for plugin contract {wanted}; {host}"
    if wanted > ours:
        return Fault(message, f"Upgrade cytobench (pip install -U {BUILT_IN}), or take an older {source.origin}")
    return Fault(message, f"Upgrade it (pip install -U {source.origin})" if source.packaged else "Correct it")


def _of_cytobench(module: str) -> bool:
    return module.partition(".")[0] == BUILT_IN


def _is_module(value: object, name: str) -> bool:
    return isinstance(value, ModuleType) and value.__name__ == name


def _packages(module: str, requires: tuple[str, ...]) -> str:
    """What pip must install for a module: the declared requirement of its name, else all that are missing.

    The name of a package need not be that of its module (scikit-learn is sklearn), so that declared ones come first.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    missing = {}
    for line in requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and not _installed(requirement.name):
            missing[canonicalize_name(requirement.name)] = f"'{requirement.name}{requirement.specifier}'"
    top = module.partition(".")[0]
    of_this_name = missing.get(canonicalize_name(top))
    if of_this_name is not None or missing:
        return of_this_name or " ".join(missing.values())
    return f"{top}, or the package that has this module under another name (its distribution does not declare it)"


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
