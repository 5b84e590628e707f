"""What a machine has for cytobench: software, devices, folders, and which presets' weights are here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cytobench._home import expanded
from cytobench.assets import AssetReference
from cytobench.config.options import classifier_config, extractor_config, generator_configs
from cytobench.contract import ExtractorSpec, GeneratorSpec, PluginConfig
from cytobench.errors import UserError, setting
from cytobench.pipeline.environment import device_info, environment
from cytobench.plugins import Offer, Offers, Plugins
from cytobench.plugins.faults import REPORT, describe
from cytobench.storage.cache import cache_folder

PRESETS = ("pocket", "paper")


def diagnose(plugins: Plugins) -> dict[str, Any]:
    """Everything ``cytobench doctor`` says, ready for JSON. Touches no network and changes nothing."""
    problems = [str(problem) for problem in plugins.problems]
    return {
        **environment(),
        "devices": devices(),
        "folders": folders(),
        "plugins": [
            {"plugin": entry.plugin, "distribution": entry.origin, "version": entry.version, "built_in": entry.built_in}
            for entry in plugins.loaded.values()
        ],
        "weights": weights(plugins, problems),
        "problems": problems,
    }


def devices() -> list[dict[str, Any]]:
    """The CPU and the accelerators, with their memory in MiB where it is known; the default one is marked."""
    import torch

    accelerator = torch.accelerator.current_accelerator(check_available=True)
    rows: list[dict[str, Any]] = [
        {"device": "cpu", **device_info("cpu"), "memory_mib": _memory(), "default": accelerator is None}
    ]
    if accelerator is not None:
        for number in range(torch.accelerator.device_count()):
            device = f"{accelerator.type}:{number}"
            on_cuda = accelerator.type == "cuda"
            memory = torch.cuda.get_device_properties(number).total_memory / 2**20 if on_cuda else None
            rows.append(
                {"device": device, **device_info(device), "memory_mib": memory, "default": number == 0}
            )
    return rows


def folders() -> dict[str, dict[str, Any]]:
    """Where data and weights are kept, and the free space there in GiB."""
    from huggingface_hub import constants

    places = {
        "current folder": Path.cwd(),
        "data cache": cache_folder(),
        "Hugging Face cache": Path(constants.HF_HUB_CACHE),
    }
    return {name: {"path": str(path), "free_gib": _free(path)} for name, path in places.items()}


def weights(plugins: Plugins, problems: list[str]) -> list[dict[str, Any]]:
    """For each plugin and preset the weights it asks for, whether they are here, and else the ways out.

    What a classifier and an extractor of one name both ask for is told once. A plugin whose configuration is broken is
    added to ``problems``.
    """
    kinds: list[Offers[Any]] = [plugins.generators, plugins.classifiers, plugins.extractors]
    rows: list[dict[str, Any]] = []
    for preset in PRESETS:
        for name, offer in (pair for offers in kinds for pair in offers.items()):
            try:
                asked = [asset for config in _configs(offer, preset) for asset in _assets(name, offer, preset, config)]
            except UserError:  # it must be told something first, as `folder` its path
                continue
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a stranger's configuration may raise anything
                problems.append(f"{name} ({offer.distribution}), preset {preset}: {describe(error)}. {REPORT}.")
            else:
                rows += [asset for asset in asked if asset not in rows]
    return rows


def _configs(offer: Offer[Any], preset: str) -> tuple[PluginConfig, ...]:
    spec = offer.spec
    if isinstance(spec, GeneratorSpec):
        return generator_configs(spec, preset, {}, distribution=offer.distribution)
    if isinstance(spec, ExtractorSpec):
        return (extractor_config(spec, preset, {}, distribution=offer.distribution),)
    return (classifier_config(spec, preset, {}, distribution=offer.distribution),)


def _assets(plugin: str, offer: Offer[Any], preset: str, config: PluginConfig) -> Iterator[dict[str, Any]]:
    for name, reference in config.assets().items():
        place = locate(reference)
        yield {
            "plugin": plugin,
            "distribution": offer.origin,
            "built_in": offer.built_in,
            "preset": preset,
            "asset": name,
            "source": reference.source,
            "path": str(place) if place else None,
            "ways_out": None if place else _ways_out(reference, plugin, name),
        }


def _ways_out(reference: AssetReference, plugin: str, key: str) -> str:
    asked = setting(plugin, key, "PATH")
    if reference.source.startswith("package:"):
        return f"install that package anew, it lacks the file; or {asked}"
    return (
        f"{asked} names a local copy; a run with internet fetches it into the Hugging Face cache "
        f"(HF_HOME), which can be copied here; {reference.last_way_out}"
    )


def locate(reference: AssetReference) -> Path | None:
    """Where an asset lies on this machine; None if it would have to be fetched. Nothing is fetched."""
    source = reference.source
    if source.startswith("package:"):
        package, _, inner = source.removeprefix("package:").partition("/")
        spec = find_spec(package)
        roots = list(spec.submodule_search_locations or ()) if spec else []
        place = Path(roots[0]) / inner if roots else None
    elif expanded(source).exists():
        place = expanded(source)
    else:
        place = _in_hub_cache(source)
    if place is None or not place.exists():
        return None
    complete = place.is_file() or any(True for pattern in reference.patterns for _ in place.glob(pattern))
    return place if complete else None


def _in_hub_cache(source: str) -> Path | None:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source, local_files_only=True))
    except Exception:  # the Hub client raises many unrelated types; each means "not here"
        return None


def _free(path: Path) -> float:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free / 2**30


def _memory() -> float | None:
    names: Mapping[str, int] = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
