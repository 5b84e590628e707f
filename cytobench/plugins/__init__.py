"""Finding plugins: every entry point of the group ``cytobench``, each guarded, so that a broken one stays alone.

``discovery`` finds them and says which are asked for, ``loading`` imports them and calls their hooks, ``faults`` says
what is wrong with one and what to do, ``misfits`` whether hooks and specs are those of the contract, ``offers`` keeps
what they offer by name. ``making``, which ``cytobench plugins --check`` alone uses, imports their heavy parts.
"""

from cytobench.plugins.loading import load_plugins
from cytobench.plugins.offers import BUILT_IN, Offer, Offers
from cytobench.plugins.registry import Loaded, Plugins, Problem

__all__ = ["BUILT_IN", "Loaded", "Offer", "Offers", "Plugins", "Problem", "load_plugins"]
