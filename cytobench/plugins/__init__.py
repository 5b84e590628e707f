"""Finding plugins: every entry point of the group ``cytobench``, each guarded, so that a broken one stays alone.

``discovery`` finds them and says which are asked for, ``loading`` imports them and calls their hooks, ``faults`` says
what is wrong with one and what to do, ``misfits`` whether hooks and specs are those of the contract, ``offers`` keeps
what they offer by name, ``factory`` imports and makes what is used. ``scaffold`` begins a new plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cytobench.plugins.loading import load_plugins
    from cytobench.plugins.offers import BUILT_IN, Offer, Offers
    from cytobench.plugins.registry import Loaded, Plugins, Problem

__all__ = ["BUILT_IN", "Loaded", "Offer", "Offers", "Plugins", "Problem", "load_plugins"]

_MODULES = {
    "load_plugins": "loading",
    **dict.fromkeys(("BUILT_IN", "Offer", "Offers"), "offers"),
    **dict.fromkeys(("Loaded", "Plugins", "Problem"), "registry"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: the command line lists what can be scaffolded without pluggy and pydantic."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
