"""A strategy with other values at some of its keys, checked as if it had been written so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from keeper.errors import ConfigError
from keeper.policy.settings import StrategySettings


def with_values(settings: StrategySettings, values: Mapping[str, Any]) -> StrategySettings:
    """``values`` by dotted key (``range.k``). Plug-ins' own settings are checked by whoever completes them.

    Raises:
        ConfigError: a key that the strategy has not, or values it cannot have; one sentence.
    """
    body = settings.model_dump(mode="json")
    for key, value in values.items():
        *path, last = key.split(".")
        section: Any = body
        for part in path:
            section = section.get(part) if isinstance(section, dict) else None
        if not isinstance(section, dict) or last not in section:
            raise ConfigError(f"the strategy has no setting {key!r} that could be changed")
        section[last] = value
    try:
        return StrategySettings.model_validate(body)
    except ValidationError as error:
        raise ConfigError(first_sentence(error)) from None


def first_sentence(error: ValueError) -> str:
    """The first of pydantic's complaints, with the key."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
