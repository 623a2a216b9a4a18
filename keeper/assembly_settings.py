"""A strategy's settings with every plug-in's defaults: what a decision was made with, and what their digest covers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keeper.config_strategies import PLUGIN_SECTIONS, plugin_settings
from keeper.config_variants import first_sentence, with_values
from keeper.errors import ConfigError
from keeper.policy.settings import StrategySettings


def completed(settings: StrategySettings) -> StrategySettings:
    """The settings with what is left out filled in. KeyError: a plug-in that is not there."""
    return settings.model_copy(update={name: _complete(name, getattr(settings, name)) for name in PLUGIN_SECTIONS})


def _complete(section: str, values: dict[str, Any]) -> dict[str, Any]:
    return plugin_settings(section, values["kind"]).model_validate(values).model_dump(mode="json")


def varied(settings: StrategySettings, values: Mapping[str, Any]) -> StrategySettings:
    """The strategy with other values at dotted keys (``range.k``), complete. ConfigError: it cannot have them."""
    changed = with_values(settings, values)
    try:
        return completed(changed)
    except ValueError as error:  # pydantic's, of a plug-in's own settings
        raise ConfigError(first_sentence(error)) from None
