"""The page itself: templates filled in, every text escaped, and a policy that lets it load and run nothing else."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from cytobench.reporting.page.site import MARK
from cytobench.reporting.page.view import View


def render(view: View) -> bytes:
    """The page as UTF-8. Autoescape is on; the style sheet and the script alone are written as they are."""
    style, script = _asset("report.css"), _asset("report.js")
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html").render(
        view=view, style=Markup(style), script=Markup(script), policy=policy(style, script), mark=Markup(MARK)
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


def _template(name: str) -> str:
    return files("cytobench.reporting.page").joinpath("templates", name).read_text(encoding="utf-8")
