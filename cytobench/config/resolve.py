"""From a declared benchmark to one ready to run: plugins found, configurations validated, weights located."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cytobench._home import expanded
from cytobench._text import did_you_mean
from cytobench.assets import AssetReference
from cytobench.config.benchmark import Analysis, Benchmark, PromptPair, Variant
from cytobench.config.grid import Arm, ReadyClassifier, ReadyExtractor, ReadyGenerator, Trial, make_arms
from cytobench.config.options import (
    classifier_config,
    classifier_keys,
    classifier_title,
    extractor_config,
    extractor_title,
    generator_configs,
    generator_keys,
    plain_settings,
)
from cytobench.config.requirements import find_needs
from cytobench.config.variants import check_variants, counts_of, find_classifier, find_generator, settings_of
from cytobench.contract import PluginConfig, SampleConfig
from cytobench.data.choice import RANDOM, Choice, find_choice
from cytobench.data.class_names import OTHER_NAMES
from cytobench.data.dataset import Dataset
from cytobench.data.external import ExternalTest, as_external
from cytobench.data.open import open_dataset
from cytobench.data.prompts import ClassPrompts, prompts_for
from cytobench.data.seen import DECLARATIONS, read_seen
from cytobench.errors import CytobenchError, UserError, option, setting
from cytobench.metrics.built_in import OF_ALL_CLASSES
from cytobench.metrics.metric import Metric
from cytobench.plugins import Plugins
from cytobench.plugins.metrics import find_metric, kept_metrics, of_class
from cytobench.protocols import Protocol, find_protocol
from cytobench.storage.cache import cache_folder

PRESETS = ("paper", "pocket")


@dataclass(frozen=True)
class Resolved:
    """A run with nothing left open: ``benchmark`` has every default filled in and runs it again."""

    benchmark: Benchmark
    dataset: Dataset
    protocol: Protocol
    generators: Sequence[ReadyGenerator]
    classifiers: Sequence[ReadyClassifier]
    prompts: Mapping[str, ClassPrompts]
    prompt_origins: Mapping[str, str]
    extractors: Sequence[ReadyExtractor] = ()
    seen: tuple[int, ...] = ()
    """Rows of the data set that generators made elsewhere have seen; they are in training alone."""
    external: ExternalTest | None = None
    """The outside test set."""
    choice: Choice = RANDOM
    """How shots are chosen."""
    metrics: tuple[Metric, ...] = OF_ALL_CLASSES
    """What records keep."""

    @property
    def evaluated(self) -> list[str]:
        """The classes that scores are about, in column order."""
        return [label for label in self.dataset.labels if label not in self.benchmark.train_only]

    @property
    def arms(self) -> list[Arm]:
        """The rows of the leaderboard."""
        benchmark = self.benchmark
        return make_arms(self.generators, self.classifiers, benchmark.synthetic or (), benchmark.shots)

    @property
    def trials(self) -> list[Trial]:
        """Every trial, repeat by repeat and fold by fold, so that all rows can be compared early."""
        benchmark, arms = self.benchmark, self.arms
        return [
            Trial(arm, fold, repeat)
            for repeat in range(benchmark.repeats)
            for fold in benchmark.fold or ()
            for arm in arms
        ]


def default_preset(dataset: str, plugins: Plugins) -> str:
    """The preset a data set declares; ``paper`` for every folder or manifest."""
    offer = plugins.datasets.get(dataset)
    return offer.spec.preset if offer else "paper"


def _preset(benchmark: Benchmark, plugins: Plugins) -> str:
    return checked_preset(benchmark.preset or default_preset(benchmark.dataset, plugins))


def checked_preset(preset: str) -> str:
    """The preset, if there is one of this name. Raises UserError with the nearest one otherwise."""
    if preset not in PRESETS:
        hint, known = did_you_mean(preset, PRESETS), ", ".join(PRESETS)
        raise UserError(f"{option('preset', preset)}: no such preset.{hint} Known: {known}.")
    return preset


def resolve(benchmark: Benchmark, plugins: Plugins, recorded_device: str | None = None) -> Resolved:
    """Fill in every default and check everything that can be checked before work starts.

    ``recorded_device`` is the device an existing results folder was made on; it is kept unless the user named one.
    Raises UserError for a user's mistake.
    """
    protocol = find_protocol(benchmark.protocol)
    preset = _preset(benchmark, plugins)
    _check_names(benchmark, plugins)
    offer = plugins.datasets.get(benchmark.dataset)
    synthetic = benchmark.synthetic or (offer.spec.synthetic if offer else (0, 100))
    if protocol.synthetic_only:
        synthetic = _without_none(benchmark, protocol, synthetic)
    if not benchmark.generator:
        if any(n > 0 for n in benchmark.synthetic or ()):
            known = ", ".join(plugins.generators)
            raise UserError(f"{option('synthetic', max(synthetic))} needs a {option('generator')}. Installed: {known}.")
        if benchmark.extractor:
            asked = option("extractor", benchmark.extractor[0])
            raise UserError(f"{asked} needs a {option('generator')} whose images it can measure.")
        synthetic = (0,)
    elif 0 in benchmark.shots:
        raise UserError(f"{option('shots', 0)}: a generator is tuned on at least 1 image.")
    dataset = declared_dataset(benchmark, plugins)
    generators = [ready_generator(name, benchmark, plugins, preset) for name in benchmark.generator]
    classifiers = [_classifier(name, benchmark, plugins, preset) for name in benchmark.classifier]
    extractors = [_extractor(name, benchmark, plugins, preset) for name in benchmark.extractor]
    for name in (*benchmark.generator, *benchmark.classifier):
        _check_counts(name, benchmark, synthetic)
    seen = _seen(benchmark, dataset, protocol, generators)
    fold = tuple(range(benchmark.folds)) if benchmark.fold is None else benchmark.fold
    if any(number >= benchmark.folds for number in fold):
        parts = option("folds", benchmark.folds)
        raise UserError(f"{option('fold', max(fold))}: with {parts} folds are 0 to {benchmark.folds - 1}.")
    train_only = tuple(dataset.label_of(name) for name in benchmark.train_only)
    _check_metric(benchmark.analysis, [label for label in dataset.labels if label not in train_only], plugins)
    declared = {label: pair.model_dump(exclude_none=True) for label, pair in benchmark.prompts.items()}
    prompts, origins = prompts_for(dataset, declared)
    used = (*benchmark.generator, *benchmark.classifier)
    configs: list[tuple[PluginConfig, ...]] = [(ready.fit_config, ready.sample_config) for ready in generators]
    configs += [(ready.config,) for ready in classifiers]
    settings: dict[str, dict[str, Any]] = {}
    for name, chosen in zip(used, configs, strict=True):  # a generator and a classifier may share a name
        settings[name] = settings.get(name, {}) | _settings(*chosen)
    for name, extractor in zip(benchmark.extractor, extractors, strict=True):
        settings[name] = _settings(extractor.config) | settings.get(name, {})
    variants = {name: variant for name, variant in benchmark.variants.items() if name in used}
    resolved = benchmark.model_copy(
        update={
            "protocol": protocol.name,
            "preset": preset,
            "synthetic": tuple(synthetic),
            "fold": fold,
            "train_only": train_only,
            "device": named_device(benchmark.device) or recorded_device or default_device(),
            "set": settings,
            "variants": {
                name: Variant(plugin=variant.plugin, synthetic=variant.synthetic) for name, variant in variants.items()
            },
            "prompts": {
                label: PromptPair(generator=pair.generator, classifier=pair.classifier)
                for label, pair in prompts.items()
            },
        }
    )
    return Resolved(
        benchmark=resolved,
        dataset=dataset,
        protocol=protocol,
        generators=generators,
        classifiers=classifiers,
        prompts=prompts,
        prompt_origins=origins,
        extractors=extractors,
        seen=seen,
        external=_external(resolved, dataset, plugins),
        choice=find_choice(benchmark.select, dataset, cache_folder()),
        metrics=kept_metrics(plugins),
    )


def _check_metric(analysis: Analysis, evaluated: Sequence[str], plugins: Plugins) -> None:
    """Raise UserError unless the declared metric is on offer, and of a class that counts if it is of one."""
    called = f"analysis.metric = {analysis.metric!r}"
    of_class(find_metric(analysis.metric, lambda: plugins, called), evaluated, OTHER_NAMES, called)


def default_device() -> str:
    """The accelerator of this machine, or ``cpu``."""
    import torch

    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return "cpu" if accelerator is None else str(accelerator)


def named_device(name: str | None) -> str | None:
    """The device the user named, if this machine has it. Raises UserError otherwise."""
    if name is None or name == "cpu":
        return name
    import torch

    accelerator = torch.accelerator.current_accelerator(check_available=True)
    try:
        wanted = torch.device(name)
    except RuntimeError as error:
        asked = option("device", name)
        raise UserError(f"{asked}: torch knows no such device. Write cpu, cuda, cuda:1 or mps.") from error
    present = "no accelerator" if accelerator is None else f"{torch.accelerator.device_count()} of {accelerator.type}"
    same_kind = accelerator is not None and wanted.type == accelerator.type
    if wanted.type != "cpu" and not (same_kind and (wanted.index or 0) < torch.accelerator.device_count()):
        ways_out = f"Leave {option('device')} out or write {option('device', 'cpu')}."
        raise UserError(f"{option('device', name)}: this machine has {present}. {ways_out}")
    return name


def declared_dataset(benchmark: Benchmark, plugins: Plugins, anew: bool = False) -> Dataset:
    """The data set of a benchmark, with its classes merged and its images limited as declared.

    With ``anew`` every image is decoded, whatever the cache remembers of it. Raises as
    :func:`~cytobench.data.open.open_dataset` does.
    """
    dataset = open_named(benchmark.dataset, plugins, anew)
    for wanted in benchmark.merge:
        dataset = dataset.merge(wanted)
    return dataset if benchmark.limit is None else dataset.limit(benchmark.limit)


def open_named(dataset: str, plugins: Plugins, anew: bool = False) -> Dataset:
    """The data set of this name or path, as it is. Raises as :func:`~cytobench.data.open.open_dataset` does."""
    return open_dataset(dataset, plugins.datasets, cache_folder(), anew)


def _external(benchmark: Benchmark, dataset: Dataset, plugins: Plugins) -> ExternalTest | None:
    """The outside test set. Raises UserError where its labels are not those of the data set."""
    if benchmark.external_test is None:
        return None
    outside = open_named(benchmark.external_test, plugins)
    return as_external(outside, dataset, benchmark.merge, benchmark.train_only)


def asset_references(benchmark: Benchmark, plugins: Plugins) -> dict[str, AssetReference]:
    """What the plugins of a benchmark ask for, by option (``clip.weights``). Nothing is looked for yet.

    Raises UserError for an unknown plugin, preset or option, as :func:`resolve` does.
    """
    preset = _preset(benchmark, plugins)
    _check_names(benchmark, plugins)
    configs = [
        (name, config)
        for name in benchmark.generator
        for config in _generator_configs(name, benchmark, plugins, preset)
    ]
    configs += [(name, _classifier_config(name, benchmark, plugins, preset)) for name in benchmark.classifier]
    configs += [(name, _extractor_config(name, benchmark, plugins, preset)) for name in benchmark.extractor]
    return {
        f"{name}.{field}": reference for name, config in configs for field, reference in config.assets().items()
    }


def ready_generator(name: str, benchmark: Benchmark, plugins: Plugins, preset: str) -> ReadyGenerator:
    fit, sample = _generator_configs(name, benchmark, plugins, preset)
    offer = find_generator(name, benchmark, plugins)
    return ReadyGenerator(
        offer, name, fit, sample, find_needs(fit, name), find_needs(sample, name), counts_of(name, benchmark)
    )


def _generator_configs(
    name: str, benchmark: Benchmark, plugins: Plugins, preset: str
) -> tuple[PluginConfig, SampleConfig]:
    offer = find_generator(name, benchmark, plugins)
    if offer.spec.datasets and not _names_of(benchmark.dataset, plugins) & {*offer.spec.datasets}:
        only = ", ".join(offer.spec.datasets)
        asked = option("dataset", benchmark.dataset)
        raise UserError(f"{option('generator', name)} works on {only} alone, not on {asked}.")
    if offer.spec.datasets and benchmark.merge:
        classes = f"the classes of {benchmark.dataset}"
        raise UserError(f"{option('generator', name)} draws {classes} as they are: leave {option('merge')} out.")
    values = _values(name, benchmark, plugins, "generator")
    fit, sample = generator_configs(offer.spec, preset, values, name, offer.distribution)
    if not isinstance(sample, SampleConfig):
        raise CytobenchError(f"plugin {name} ({offer.distribution}): {offer.spec.sample_config} is no SampleConfig.")
    return fit, sample


def _names_of(dataset: str, plugins: Plugins) -> set[str]:
    """What a generator may call a data set: its name, alone or with its distribution."""
    offer = plugins.datasets.get(dataset)
    return {dataset} if offer is None else {offer.spec.name, offer.qualified}


def _classifier(name: str, benchmark: Benchmark, plugins: Plugins, preset: str) -> ReadyClassifier:
    offer = find_classifier(name, benchmark, plugins)
    config = _classifier_config(name, benchmark, plugins, preset)
    title = name if name in benchmark.variants else offer.titled(name, classifier_title(offer.spec, config))
    return ReadyClassifier(offer, title, config, find_needs(config, name), counts_of(name, benchmark))


def _classifier_config(name: str, benchmark: Benchmark, plugins: Plugins, preset: str) -> PluginConfig:
    offer = find_classifier(name, benchmark, plugins)
    values = _values(name, benchmark, plugins, "classifier")
    return classifier_config(offer.spec, preset, values, name, offer.distribution)


def _values(
    name: str, benchmark: Benchmark, plugins: Plugins, kind: Literal["generator", "classifier"]
) -> dict[str, Any]:
    """What is set under a name: if a run has both a generator and a classifier of it, without the other's own keys."""
    values = settings_of(name, benchmark)
    if not (name in benchmark.generator and name in benchmark.classifier):
        return values
    generator, classifier = find_generator(name, benchmark, plugins), find_classifier(name, benchmark, plugins)
    keys = {
        "generator": generator_keys(generator.spec, generator.distribution),
        "classifier": classifier_keys(classifier.spec, classifier.distribution),
    }
    keys_of_kind = keys.pop(kind)
    (others,) = keys.values()
    return {key: value for key, value in values.items() if key in keys_of_kind or key not in others}


def _without_none(benchmark: Benchmark, protocol: Protocol, synthetic: Sequence[int]) -> tuple[int, ...]:
    """The numbers of synthetic images above 0: without any, nothing would train."""
    alone = f"{option('protocol', protocol.name)} trains on synthetic images alone"
    if not benchmark.generator:
        raise UserError(f"{alone}: name a {option('generator')}.")
    if 0 in (benchmark.synthetic or ()):
        raise UserError(f"{alone}: leave {option('synthetic', 0)} out.")
    return tuple(n for n in synthetic if n)


def _extractor(name: str, benchmark: Benchmark, plugins: Plugins, preset: str) -> ReadyExtractor:
    config = _extractor_config(name, benchmark, plugins, preset)
    offer = plugins.extractor(name)
    title = offer.titled(name, extractor_title(offer.spec, config))
    return ReadyExtractor(offer, title, config, find_needs(config, name))


def _extractor_config(name: str, benchmark: Benchmark, plugins: Plugins, preset: str) -> PluginConfig:
    offer, values = plugins.extractor(name), benchmark.set.get(name, {})
    if name in (*benchmark.generator, *benchmark.classifier):
        # A plugin of the same name in the run has keys of its own; those that both know are meant for both.
        known = type(extractor_config(offer.spec, preset, {}, offer.distribution)).model_fields
        values = {key: value for key, value in values.items() if key in known}
    return extractor_config(offer.spec, preset, values, offer.distribution)


def _seen(
    benchmark: Benchmark, dataset: Dataset, protocol: Protocol, generators: Sequence[ReadyGenerator]
) -> tuple[int, ...]:
    declared = benchmark.trained_on
    if declared is None:
        return ()
    asked = option("trained_on", declared)
    if not any(ready.made_elsewhere for ready in generators):
        names = ", ".join(ready.name for ready in generators) or "none"
        raise UserError(f"{asked}: no generator of this run was made elsewhere ({names}).")
    if declared in DECLARATIONS:
        return ()
    if protocol.pooled:
        raise UserError(f"{asked}: protocol {protocol.name} tests on synthetic images too; use strict.")
    return tuple(read_seen(expanded(declared), dataset))


def _check_names(benchmark: Benchmark, plugins: Plugins) -> None:
    check_variants(benchmark, plugins)
    used = {*benchmark.generator, *benchmark.classifier, *benchmark.extractor}
    for name in benchmark.set:
        if name not in used:
            raise UserError(f"{setting(name, '…')}: {name} is not part of this run ({', '.join(sorted(used))}).")


def _check_counts(name: str, benchmark: Benchmark, synthetic: Sequence[int]) -> None:
    counts = counts_of(name, benchmark)
    usable = [n for n in synthetic if n > 0] if name in benchmark.generator else synthetic
    if counts is not None and not set(counts) & set(usable):
        raise UserError(
            f"variants.{name}.synthetic {list(counts)}: none of the run's numbers of synthetic images for it, "
            f"{', '.join(map(str, usable)) or 'none'}. Change it, or {option('synthetic')}."
        )


def _settings(*configs: PluginConfig) -> dict[str, Any]:
    return {
        key: value
        for config in configs
        for key, value in plain_settings(config).items()
        if value is not None
    }
