"""Templates filled in and written as a distribution, whole or not at all."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template

from cytobench.atomic import making_folder
from cytobench.contract import Role
from cytobench.errors import UserError, option
from cytobench.plugins.scaffold.kinds import KINDS, WITH_ROLE
from cytobench.plugins.scaffold.licences import SHORT, licence_note
from cytobench.plugins.scaffold.names import Names

SUFFIX = ".template"
PACKAGE = "package"
"""The folder of templates that stands for the import package."""


def scaffold(names: Names, kind: str, licence: str, folder: Path, role: Role | None = None) -> Path:
    """Write the distribution ``folder/cytobench-NAME`` and return its path.

    ``role`` is for kinds that have one, by default ``candidate``. Raises UserError where one is given for another kind,
    where something of that name is there already, and where the folder cannot be written.
    """
    target = folder / names.distribution
    if role is not None and kind not in WITH_ROLE:
        raise UserError(f"{option('role', role)}: {kind}s have no role, but {'s and '.join(WITH_ROLE)}s.")
    texts = distribution_files(names, kind, licence, role or "candidate")
    try:
        if target.exists() or target.is_symlink():
            raise UserError(
                f"{target} is there already. Move it away, or choose another name, or a folder with {option('out')}."
            )
        with making_folder(folder, f".{names.distribution}-") as unfinished:
            for name, text in texts.items():
                file = unfinished / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8", newline="\n")
            unfinished.chmod(0o755)
            os.rename(unfinished, target)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{target}: {reason}. Name a folder that can be written with {option('out')}.") from None
    return target


def distribution_files(names: Names, kind: str, licence: str, role: Role = "candidate") -> dict[str, str]:
    """The texts of the distribution by path, relative and with "/"."""
    values = placeholders(names, kind, licence) | {"role": role}
    root = files("cytobench.plugins.scaffold") / "templates"
    texts = {}
    for tree in ("distribution", kind):
        for path, text in _templates(root / tree, PurePosixPath()):
            parts = [names.package if part == PACKAGE else part for part in path.parts]
            texts["/".join(parts)] = Template(text).substitute(values)
    if licence in SHORT:
        texts["LICENSE"] = Template((root / "licences" / f"{licence}{SUFFIX}").read_text("utf-8")).substitute(values)
    return dict(sorted(texts.items()))


def placeholders(names: Names, kind: str, licence: str) -> dict[str, str]:
    """What templates say as ``$word``."""
    details = KINDS[kind]
    requirements = (f"cytobench>={version('cytobench')}", *details.libraries)
    words = {
        "name": names.name,
        "distribution": names.distribution,
        "package": names.package,
        "identifier": names.identifier,
        "licence": licence,
        "year": str(datetime.now(UTC).year),
    }
    return words | {
        "about": details.about,
        "description": details.about.rstrip("."),
        "dependencies": ", ".join(f'"{requirement}"' for requirement in requirements),
        "files": "\n".join(f"| `{names.package}/{file}` | {what} |" for file, what in details.modules.items()),
        "try": "\n".join(_filled(details.commands, words)),
        "licence_note": licence_note(licence),
    }


def next_commands(names: Names, kind: str, target: Path) -> list[str]:
    """What to type after a scaffold."""
    words = {"name": names.name}
    return [
        f"cd {shlex.quote(str(target))}",
        "pip install --editable '.[dev]'",
        "pytest",
        f"cytobench plugin check {names.name}",
        *_filled(KINDS[kind].commands, words),
    ]


def _filled(texts: tuple[str, ...], words: Mapping[str, str]) -> list[str]:
    return [Template(text).substitute(words) for text in texts]


def _templates(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    """The templates below a folder: the path of what each makes, and its text."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, path / entry.name)
        elif entry.name.endswith(SUFFIX):
            yield path / entry.name.removesuffix(SUFFIX), entry.read_text("utf-8")
