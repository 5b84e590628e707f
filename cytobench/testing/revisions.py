"""Outputs on record: did they change while the spec's revision did not?

``CACHE/conformance/KIND-NAME.json`` holds a digest for each plugin, revision, options, weights, versions of numerical
libraries and machine. A digest that was recorded stays: the warning goes on until the revision is raised or the file
removed.
"""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cytobench._keys import content_key
from cytobench.atomic import write_bytes
from cytobench.config.options import plain_settings
from cytobench.pipeline.environment import device_info
from cytobench.testing.checks import LeftOut, Warned
from cytobench.testing.state import threads
from cytobench.testing.subject import Offered, Subject
from cytobench.testing.toy import EDITION

LIBRARIES = ("torch", "numpy", "pillow", "diffusers", "timm", "open_clip_torch", "scikit-learn")
"""Their versions may change last digits, so outputs are compared only where these are the same."""


def compare(subject: Subject, digest: str) -> None:
    """Compare with the outputs on record.

    Raises :class:`~cytobench.testing.checks.Warned` where they differ, and
    :class:`~cytobench.testing.checks.LeftOut` where there are none; these are then the first.
    """
    target = subject.target
    file = subject.records / f"{target.kind}-{target.name}.json"
    key = content_key("conformance", _circumstances(subject))
    known = _read(file)
    revision = target.spec["revision"]
    if key not in known:
        today = datetime.now(UTC).date().isoformat()
        known[key] = {"digest": digest, "revision": revision, "when": today}
        write_bytes(file, json.dumps(known, indent=1).encode())
        raise LeftOut(f"no outputs of revision {revision} were on record for this machine; they are now")
    if known[key]["digest"] != digest:
        raise Warned(
            f"the outputs are not those of {known[key]['when']}, and the revision is still {revision}: raise it in the "
            f"spec if results on record no longer count. (Outputs on record: {file})"
        )


def _circumstances(subject: Subject) -> dict[str, Any]:
    target = subject.target
    parts: dict[str, Any] = {
        "edition": EDITION,
        "origin": target.origin,
        "revision": target.spec["revision"],
        "device": device_info(target.device),
        "machine": [platform.system(), platform.machine(), platform.python_version()],
        "threads": threads(),
        "versions": {name: _version(name) for name in LIBRARIES},
    }
    if isinstance(subject, Offered):
        parts["options"] = [plain_settings(config) for config in subject.configs]
        parts["assets"] = {name: asset.digest for name, asset in subject.assets.items()}
    return parts


def _read(file: Path) -> dict[str, Any]:
    """What is on record; nothing where the file is missing or damaged."""
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
