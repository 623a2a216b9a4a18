"""Keys that do nothing, yet or in this mode: whoever writes one is told so, never left to believe in it."""

from __future__ import annotations

from typing import Any

from keeper.config_yaml import Document, Place

AVAILABLE_MODES = ("dry", "wallet", "atomic", "safe", "proposal_file")

# Place -> the value which asks for nothing; an empty value never does.
_OF_KEEPER: dict[Place, Any] = dict.fromkeys((("alerts",), ("dashboard",), ("metrics",)))
_OF_SIGNER = {"keystore": ("url", "address", "timeout_seconds"), "remote": ("path", "password_env")}
_OF_FILES_ALONE = ("propose_by", "service_url", "api_key_env", "execute")


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


def warn_of_unused_by_mode(document: Document, mode: str) -> None:
    """Note the keys of the sections ``safe`` and ``execution`` that a mode does nothing with."""
    safe, execution = document.values.get("safe"), document.values.get("execution")
    if isinstance(safe, dict) and mode in ("wallet", "atomic"):
        document.warn(("safe",), f"safe is not used with mode {mode}")
    elif isinstance(safe, dict) and mode == "proposal_file":
        for key in _OF_FILES_ALONE:
            if safe.get(key):
                document.warn(("safe", key), f"safe.{key} is not used with mode {mode}")
    if isinstance(execution, dict) and execution.get("delegate") and mode not in ("atomic", "dry"):
        document.warn(("execution", "delegate"), f"execution.delegate is not used with mode {mode}")


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
