"""JSON Schemas of ``keeper.yaml`` and of strategies, for editors: plug-in sections are a choice by ``kind``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keeper import plugins
from keeper.config import KeeperConfig
from keeper.config_execution import Execution, Safe
from keeper.config_strategies import PLUGIN_SECTIONS, plugin_settings
from keeper.policy.settings import StrategySettings

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def strategy_schema() -> dict[str, Any]:
    """The schema of ``strategies/NAME.yaml``."""
    schema = StrategySettings.model_json_schema()
    for section in PLUGIN_SECTIONS:
        kinds = plugins.available(section)
        schema["properties"][section] |= {"oneOf": [_plugged(schema, section, kind) for kind in kinds]}
        for noise in ("type", "additionalProperties"):
            schema["properties"][section].pop(noise, None)
    schema["properties"]["venue"]["enum"] = plugins.available("venue")
    for section, model in (("execution", Execution), ("safe", Safe)):
        own = model.model_json_schema()
        schema["$defs"] |= own.pop("$defs", {})
        schema["properties"][section] = {"anyOf": [own, {"type": "null"}], "default": None}
    return {"$schema": DRAFT, "title": "Range Keeper strategy"} | schema


def keeper_schema() -> dict[str, Any]:
    """The schema of ``keeper.yaml``."""
    return {"$schema": DRAFT, "title": "Range Keeper configuration"} | KeeperConfig.model_json_schema()


SCHEMAS = {"strategy": strategy_schema, "keeper": keeper_schema}


def schema_text(name: str) -> str:
    """The text of ``docs/schema/NAME.json``."""
    return json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema into the folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in SCHEMAS:
        file = folder / f"{name}.json"
        file.write_text(schema_text(name), encoding="utf-8")
        files.append(file)
    return files


def _plugged(schema: dict[str, Any], section: str, kind: str) -> dict[str, Any]:
    template = f"#/$defs/{section}_{kind}_{{model}}"
    own = plugin_settings(section, kind).model_json_schema(ref_template=template)
    for name, definition in own.pop("$defs", {}).items():
        schema.setdefault("$defs", {})[f"{section}_{kind}_{name}"] = definition
    own["title"] = kind
    own["properties"]["kind"] = {"const": kind}
    own["required"] = sorted({*own.get("required", ()), "kind"})
    return own
