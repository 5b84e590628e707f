"""What a record says of the software and the machine behind it."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

from cytobench.plugins.discovery import installed, named
from cytobench.storage.records.software import PACKAGES, of_note


@cache
def environment() -> dict[str, Any]:
    """``python``, ``platform``, ``packages`` (versions by name; none is imported) and ``git_commit``."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
        "git_commit": git_commit(),
    }


def loaded_software() -> dict[str, str]:
    """Versions of Python and of the packages that this process has imported and that can change a figure."""
    imported = [package for module, package in PACKAGES.items() if module in sys.modules]
    versions = {name: _version(name) for name in imported}
    known = {name: number for name, number in versions.items() if number is not None}
    return of_note(known, platform.python_version())


def threads() -> int:
    """How many threads this process computes with: torch's where it is imported, else what the system allows."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(asked) if asked.isdecimal() and int(asked) else _cores()


def package_versions() -> dict[str, str]:
    """Installed versions of cytobench, of what it depends on, and of the distributions that offer plugins."""
    names = {"cytobench", *_dependencies()}
    names |= {named(entry)[0] for entry, _ in installed()}
    versions = {name: _version(name) for name in sorted(names, key=str.lower)}
    return {name: number for name, number in versions.items() if number is not None}


def git_commit() -> str | None:
    """The commit of the cytobench that runs, with ``+`` where its code differs from it; None if unknown.

    Known for an installation from a repository's address, and for one that runs from its own source tree.
    The current folder plays no part.
    """
    try:
        direct = distribution("cytobench").read_text("direct_url.json")
    except PackageNotFoundError:
        direct = None
    recorded = json.loads(direct).get("vcs_info", {}).get("commit_id") if direct else None
    return str(recorded) if recorded else source_commit(Path(__file__).resolve().parents[2])


def source_commit(root: Path) -> str | None:
    """The commit of a folder that is cytobench's own source tree, ``+`` if changed; None for any other."""
    if not (root / ".git").exists() or _project(root / "pyproject.toml") != "cytobench":
        return None
    commit = _git(root, "rev-parse", "HEAD")
    # Results that a run writes into the tree do not change the code that wrote them.
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "cytobench", "plugins")
    return commit and commit + ("+" if changed else "")


@cache
def device_info(device: str) -> dict[str, str | None]:
    """``kind``, ``name`` and ``driver`` of a torch device; torch is imported only for an accelerator."""
    kind = device.partition(":")[0]
    if kind == "cpu":
        return {"kind": "cpu", "name": _cpu_name(), "driver": None}
    import torch

    if kind == "cuda":
        return {"kind": kind, "name": torch.cuda.get_device_name(device), "driver": _nvidia_driver()}
    return {"kind": kind, "name": f"{kind} ({platform.machine()})", "driver": None}


def _dependencies() -> list[str]:
    try:
        requirements = distribution("cytobench").requires or []
    except PackageNotFoundError:
        return []
    needed = [line for line in requirements if "extra ==" not in line]
    return [match.group() for line in needed if (match := re.match(r"[\w.-]+", line))]


@cache
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _project(file: Path) -> str | None:
    try:
        return str(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"])
    except (OSError, ValueError, KeyError):
        return None


def _git(root: Path, *arguments: str) -> str | None:
    """What git says in a folder; GIT_DIR and its kind must not lead it elsewhere."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, env=variables, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_name() -> str:
    """The model and how many cores may be used: both decide how fast it is."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    cores = _cores()
    return f"{model}, {cores} core{'' if cores == 1 else 's'}"


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _nvidia_driver() -> str | None:
    file = Path("/proc/driver/nvidia/version")
    text = file.read_text(errors="replace") if file.exists() else ""
    match = re.search(r"Kernel Module\D*?\s(\d[\d.]+)", text)
    return match.group(1) if match else None
