"""Keys that are part of the format and do nothing yet: whoever writes one is told so, never left to believe in it."""

from __future__ import annotations

from typing import Any

from keeper.config_yaml import Document, Place

AVAILABLE_MODES = ("dry", "wallet")

# Place -> the value which asks for nothing; an empty value never does.
_OF_KEEPER: dict[Place, Any] = dict.fromkeys((("safe",), ("alerts",), ("dashboard",), ("metrics",)))
_OF_SIGNER = {"keystore": ("url", "address", "timeout_seconds"), "remote": ("path", "password_env")}
_OF_STRATEGY: dict[Place, Any] = {("safe",): None}


def warn_of_unused_in_keeper(document: Document) -> None:
    """Note the keys of ``keeper.yaml`` that this version does nothing with."""
    _warn(document, _OF_KEEPER)
    signer = document.values.get("signer")
    kind = signer.get("kind", "keystore") if isinstance(signer, dict) else "keystore"
    for key in _OF_SIGNER.get(kind, ()):
        if isinstance(signer, dict) and signer.get(key):
            document.warn(("signer", key), f"signer.{key} is not used with kind {kind}")
    chains = document.values.get("chains")
    for name, chain in (chains if isinstance(chains, dict) else {}).items():
        contracts = chain.get("contracts") if isinstance(chain, dict) else None
        if isinstance(contracts, dict) and contracts.get("quoter"):
            _warn(document, {("chains", name, "contracts", "quoter"): None})


def warn_of_unused_in_strategy(document: Document) -> None:
    """Note the keys of a strategy that this version does nothing with."""
    _warn(document, _OF_STRATEGY)


def mode_refusal(mode: str) -> str | None:
    """Why a mode that the format knows cannot be used, and what to write instead; None where it can."""
    if mode in AVAILABLE_MODES:
        return None
    return f"mode {mode} is not available in this version; use {' or '.join(AVAILABLE_MODES)}"


def _warn(document: Document, places: dict[Place, Any]) -> None:
    for place, idle in places.items():
        value: Any = document.values
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        if value and value != idle:
            document.warn(place, f"{'.'.join(map(str, place))} is not used by this version")
