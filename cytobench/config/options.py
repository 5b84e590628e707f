"""Plugin configurations: defaults, then the preset's values, then what the user set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cytobench._text import nearest
from cytobench.config.validation import explain
from cytobench.contract import ClassifierSpec, ExtractorSpec, GeneratorSpec, PluginConfig
from cytobench.errors import CytobenchError, UserError, setting
from cytobench.plugins.factory import load


def generator_configs(
    spec: GeneratorSpec, preset: str, values: Mapping[str, Any], name: str | None = None, distribution: str = ""
) -> tuple[PluginConfig, PluginConfig]:
    """The fit and the sample configuration of a generator; each key of ``values`` belongs to one of them.

    ``name`` is what messages call it, by default the plugin's name; ``distribution`` is whose fault a bad class is.
    """
    called = name or spec.name
    plugin = _owned(spec.name, distribution)
    fit_class, sample_class = _config_class(spec.fit_config, plugin), _config_class(spec.sample_config, plugin)
    both = set(fit_class.model_fields) & set(sample_class.model_fields)
    if both:
        raise CytobenchError(f"plugin {plugin}: fit and sample configuration both have {', '.join(sorted(both))}.")
    for_sample = {key: value for key, value in values.items() if key in sample_class.model_fields}
    for_fit = {key: value for key, value in values.items() if key not in for_sample}
    known = [*fit_class.model_fields, *sample_class.model_fields]
    return (
        _configure(fit_class, called, preset, for_fit, known),
        _configure(sample_class, called, preset, for_sample, known),
    )


def classifier_config(
    spec: ClassifierSpec, preset: str, values: Mapping[str, Any], name: str | None = None, distribution: str = ""
) -> PluginConfig:
    """The configuration of a classifier; ``name`` and ``distribution`` as of :func:`generator_configs`."""
    config_class = _config_class(spec.config, _owned(spec.name, distribution))
    return _configure(config_class, name or spec.name, preset, values, list(config_class.model_fields))


def generator_keys(spec: GeneratorSpec, distribution: str = "") -> frozenset[str]:
    """What can be set of a generator; ``distribution`` as of :func:`generator_configs`."""
    called = _owned(spec.name, distribution)
    classes = (_config_class(name, called) for name in (spec.fit_config, spec.sample_config))
    return frozenset(key for config_class in classes for key in config_class.model_fields)


def classifier_keys(spec: ClassifierSpec, distribution: str = "") -> frozenset[str]:
    """What can be set of a classifier; ``distribution`` as of :func:`generator_configs`."""
    return frozenset(_config_class(spec.config, _owned(spec.name, distribution)).model_fields)


def extractor_config(
    spec: ExtractorSpec, preset: str, values: Mapping[str, Any], distribution: str = ""
) -> PluginConfig:
    """The configuration of an extractor; ``distribution`` as of :func:`generator_configs`."""
    config_class = _config_class(spec.config, _owned(spec.name, distribution))
    return _configure(config_class, spec.name, preset, values, list(config_class.model_fields))


def classifier_title(spec: ClassifierSpec, config: PluginConfig) -> str:
    """The name tables show: the spec's ``title`` with the configuration's values, or its name."""
    return _title(spec, config)


def extractor_title(spec: ExtractorSpec, config: PluginConfig) -> str:
    """The name tables show, as :func:`classifier_title`."""
    return _title(spec, config)


def outcome(config: PluginConfig) -> dict[str, Any]:
    """The configuration without the fields that name an asset: its digest says what it is, wherever it lies."""
    named = {*config.assets(), *config.optional_assets}
    return {name: value for name, value in plain_settings(config).items() if name not in named}


def _title(spec: ClassifierSpec | ExtractorSpec, config: PluginConfig) -> str:
    return spec.title.format_map(config.model_dump()) if spec.title else spec.name


def plain_settings(config: PluginConfig) -> dict[str, Any]:
    """The settings as values that JSON can hold, without ``immaterial`` and fields of ``added`` at their default."""
    fields = type(config).model_fields
    silent = {
        name for name in config.added
        if getattr(config, name) == fields[name].get_default(call_default_factory=True)
    } | config.immaterial  # fmt: skip
    return {name: value for name, value in config.model_dump(mode="json").items() if name not in silent}


def _owned(plugin: str, distribution: str) -> str:
    return f"{plugin} ({distribution})" if distribution else plugin


def _config_class(name: str, plugin: str) -> type[PluginConfig]:
    try:
        config_class = load(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's module may raise anything on import, or call sys.exit
        raise CytobenchError(f"plugin {plugin}: {name} cannot be loaded: {type(error).__name__}: {error}") from error
    if not (isinstance(config_class, type) and issubclass(config_class, PluginConfig)):
        raise CytobenchError(f"plugin {plugin}: {name} is no PluginConfig.")
    return config_class


def _configure(
    config_class: type[PluginConfig], plugin: str, preset: str, values: Mapping[str, Any], known: list[str]
) -> PluginConfig:
    unknown = [key for key in values if key not in known]
    if unknown:
        near = nearest(unknown[0], known)
        hint = f" Did you mean {plugin}.{near}?" if near else ""
        listing = ", ".join(sorted(known)) or "none"
        raise UserError(f"{setting(plugin, unknown[0])}: no such key.{hint} Keys of {plugin}: {listing}.")
    try:
        return config_class(**{**config_class.presets.get(preset, {}), **values})
    except ValidationError as error:
        way = f"Set it with {setting(plugin, 'KEY', 'VALUE')}."
        raise UserError(f"{plugin}: {explain(error, config_class)} {way}") from error
