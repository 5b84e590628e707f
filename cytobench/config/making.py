"""Whether what plugins offer can be made: their heavy parts imported, their objects made with the defaults."""

from __future__ import annotations

import traceback
from typing import Any

from cytobench.config.options import classifier_config, extractor_config, generator_configs
from cytobench.contract import DatasetSpec, ExtractorSpec, GeneratorSpec, MetricSpec, PluginConfig
from cytobench.errors import UserError
from cytobench.plugins.diverted import prints_to_stderr
from cytobench.plugins.factory import load
from cytobench.plugins.faults import REPORT, describe
from cytobench.plugins.kinds import KINDS
from cytobench.plugins.offers import Offer
from cytobench.plugins.registry import Plugins, Problem


def check_factories(plugins: Plugins) -> None:
    """Add a problem for every offer that cannot be made with the defaults of the preset ``paper``.

    Of data sets, which might draw images, and of metrics the function is imported and not called. An offer that must be
    told something first (``folder.path``) is left out.
    """
    for kind in KINDS:
        for name, offer in plugins.offers(kind).items():
            try:
                with prints_to_stderr():
                    _make(offer)
            except UserError:
                continue
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a stranger's code may raise anything, or call sys.exit
                stack = "".join(traceback.format_exception(error))
                message = f"making {offer.spec.factory} {describe(error)}"
                plugins.problems.append(Problem(name, offer.origin, offer.version, message, REPORT, name, stack))


def _make(offer: Offer[Any]) -> None:
    spec = offer.spec
    factory = load(spec.factory)
    configs: tuple[PluginConfig, ...]
    if isinstance(spec, DatasetSpec | MetricSpec):
        return
    if isinstance(spec, GeneratorSpec):
        configs = generator_configs(spec, "paper", {}, distribution=offer.distribution)
    elif isinstance(spec, ExtractorSpec):
        configs = (extractor_config(spec, "paper", {}, distribution=offer.distribution),)
    else:
        configs = (classifier_config(spec, "paper", {}, distribution=offer.distribution),)
    factory(*configs)
