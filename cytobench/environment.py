"""What a record says of the machine and the software behind it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

PACKAGES = (
    "cytobench",
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "peft",
    "timm",
    "open_clip_torch",
    "torch-fidelity",
    "scikit-learn",
    "scikit-image",
    "numpy",
    "pandas",
    "pyarrow",
    "pillow",
)


@cache
def environment() -> dict[str, Any]:
    """Python, platform, package versions (none is imported) and the git commit of the installed cytobench."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "git_commit": git_commit(),
    }


def git_commit() -> str | None:
    """The commit of the source tree that cytobench is installed from, with ``+`` if changed; never the current folder's."""
    try:
        direct = distribution("cytobench").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    about = json.loads(direct) if direct else {}
    recorded = about.get("vcs_info", {}).get("commit_id")
    if recorded:
        return str(recorded)
    if not about.get("dir_info", {}).get("editable"):
        return None
    root = Path(unquote(urlparse(about["url"]).path))
    if not (root / ".git").exists():
        return None
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return None if commit is None else commit + ("+" if changed else "")


@cache
def device_info(device: str) -> dict[str, str | None]:
    """Kind, name and driver of a torch device; torch is imported only for an accelerator."""
    kind = device.split(":")[0]
    if kind == "cpu":
        return {"kind": "cpu", "name": _cpu_name(), "driver": None}
    import torch

    if kind == "cuda":
        return {"kind": kind, "name": torch.cuda.get_device_name(device), "driver": _nvidia_driver()}
    return {"kind": kind, "name": f"{kind} ({platform.machine()})", "driver": None}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {_cores()} cores"
    return f"{platform.processor() or platform.machine()}, {_cores()} cores"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _nvidia_driver() -> str | None:
    file = Path("/proc/driver/nvidia/version")
    return file.read_text().splitlines()[0] if file.exists() else None
