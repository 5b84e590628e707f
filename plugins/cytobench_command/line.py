"""Command lines as users write them: split without a shell, checked, and what identifies their programs."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from cytobench.assets import AssetReference
from cytobench.errors import UserError
from cytobench_command.program import TimeLimit, last_lines, run_program

VERSION_SECONDS = 30.0
"""How long a program may take to tell its version."""

_PLACE = re.compile(r"\{([a-z_]+)\}")
_SCRIPT = re.compile(r"\.(py|R|r|jl|sh|pl|rb|js|m|jar)$")


def split_line(line: str) -> list[str]:
    """The arguments, as a POSIX shell would split them; nothing else of a shell is there. Raises ValueError."""
    try:
        arguments = shlex.split(line)
    except ValueError as error:
        raise ValueError(f"cannot be split into arguments: {error}") from error
    if not arguments:
        raise ValueError("is empty: write a program and its arguments")
    return arguments


def check_line(line: str, places: Sequence[str]) -> str:
    """The line on one line, if it can be split and its places in braces are known. Raises ValueError otherwise."""
    line = line.strip().replace("\n", " ")
    split_line(line)
    used = _PLACE.findall(line)
    known = ", ".join(f"{{{place}}}" for place in places)
    unknown = [place for place in used if place not in places]
    if unknown:
        raise ValueError(f"has {{{unknown[0]}}}, which is no place to fill in. Known: {known}")
    if not used:
        raise ValueError(f"tells the program nothing: put {{request}} among its arguments. Known places: {known}")
    return line


def fill_line(line: str, values: Mapping[str, str]) -> list[str]:
    """The arguments with each ``{place}`` filled in. A value with spaces stays one argument."""
    return [_PLACE.sub(lambda place: values.get(place[1], place[0]), argument) for argument in split_line(line)]


def named_files(line: str) -> dict[int, str]:
    """The existing files that arguments name, alone or after ``=``, by the number of the argument; 0 is the program.

    A program without ``/`` is looked for among the installed ones, so that it names no file here.
    """
    files = {}
    for number, argument in enumerate(split_line(line)):
        if number == 0 and "/" not in argument:
            continue
        for text in (argument, argument.partition("=")[2]):
            if text and Path(text).is_file():
                files[number] = text
                break
    return files


def file_references(option: str, line: str) -> dict[str, AssetReference]:
    """The named files as assets, ``fit[1]`` and so on."""
    return {f"{option}[{number}]": AssetReference(text) for number, text in named_files(line).items()}


def check_files(option: str, line: str) -> None:
    """Raise UserError if the program, or the script that it is to run, is not here."""
    program, *rest = split_line(line)
    if shutil.which(program) is None:
        if Path(program).is_file():
            raise UserError(f"command.{option}: {program} may not be executed. chmod +x it, or name its interpreter.")
        where = "is no such file" if "/" in program else "is not installed (looked for in PATH)"
        raise UserError(f"command.{option}: the program {program} {where}. Give its path, or install it.")
    script = next((argument for argument in rest if not argument.startswith("-")), "")
    if _SCRIPT.search(script) and not _PLACE.search(script) and not Path(script).is_file():
        raise UserError(
            f"command.{option}: there is no file {script} in {Path.cwd()}. Run cytobench where it is, or give its path."
        )


def program_version(option: str, line: str) -> str | None:
    """What the program says to ``--version``; None if it ends with an error.

    Raises UserError if it does not end in :data:`VERSION_SECONDS`.
    """
    code, text = _run_to_end([split_line(line)[0], "--version"], f"command.{option}")
    return text if code == 0 else None


def version_output(line: str) -> str:
    """What a command of the option ``version`` says. Raises UserError if it fails."""
    check_files("version", line)
    code, text = _run_to_end(split_line(line), "command.version")
    if code != 0:
        raise UserError(f"command.version: {line} ended with exit code {code}: {text or 'it said nothing'}")
    return text


def _run_to_end(arguments: Sequence[str], option: str) -> tuple[int, str]:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        try:
            code = run_program(arguments, log, VERSION_SECONDS)
        except TimeLimit as error:
            raise UserError(
                f"{option}: {shlex.join(arguments)} had not ended after {VERSION_SECONDS:.0f} s. A version must be "
                "told at once: let the program end at --version, with any exit code."
            ) from error
        return code, last_lines(log, 10_000)
