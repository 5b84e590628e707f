"""The licences that a scaffold offers, by their SPDX identifiers (https://spdx.org/licenses)."""

from __future__ import annotations

DEFAULT_LICENCE = "MIT"
SHORT = ("MIT", "BSD-3-Clause")
"""Those whose text is written: it is a page, and ours to fill in."""
LICENCES = (*SHORT, "Apache-2.0", "GPL-3.0-or-later")


def licence_note(licence: str) -> str:
    """A sentence for the README on where the licence's text is."""
    if licence in SHORT:
        return f"Licence: {licence}, see `LICENSE`."
    return f"Licence: {licence}. Before you publish, put its text (https://spdx.org/licenses/{licence}) into `LICENSE`."
