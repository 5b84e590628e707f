"""The page itself: templates filled in, every text escaped, and a policy that lets it load and run nothing else."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from markupsafe import Markup

from cytobench.reporting.page.site import MARK
from cytobench.reporting.page.view import View
from cytobench.reporting.tables.html import fill


def render(view: View) -> bytes:
    """The page as UTF-8, every text escaped; the style sheet and the script alone are written as they are."""
    style, script = _asset("report.css"), _asset("report.js")
    page = fill(
        "page/templates/page.html",
        view=view,
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        mark=Markup(MARK),
    )
    return page.encode("utf-8")


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy: this style sheet and this script, by their digests, images of the page, no more."""
    return (
        f"default-src 'none'; img-src 'self' data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    return files("cytobench.reporting.page").joinpath("assets", name).read_text(encoding="utf-8")
