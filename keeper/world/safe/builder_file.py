"""The file that Safe's Transaction Builder imports, and beside it the same in words.

Format and checksum: ``apps/tx-builder`` of Safe's web app (``typings/models.ts``, ``lib/checksum.ts``). The Builder
warns where the checksum does not fit, so that owners see when somebody edited the file.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from eth_utils.crypto import keccak

from keeper.errors import ConfigError
from keeper.world.chain import codec
from keeper.world.protocols import Call

BUILDER_VERSION: Final = "1.18.0"
"""The version of the Builder whose files these look like."""

_MODE: Final = 0o644


def builder_document(
    chain_id: int, safe: str, calls: Sequence[Call], *, name: str, description: str, created_milliseconds: int
) -> dict[str, Any]:
    """What the Builder imports. It puts several calls into one batch by itself, in this order."""
    document: dict[str, Any] = {
        "version": "1.0",
        "chainId": str(chain_id),
        "createdAt": created_milliseconds,
        "meta": {
            "name": name,
            "description": description,
            "txBuilderVersion": BUILDER_VERSION,
            "createdFromSafeAddress": codec.checksum(safe),
            "createdFromOwnerAddress": "",
        },
        "transactions": [
            {
                "to": codec.checksum(call.to),
                "value": str(call.value_wei),
                "data": "0x" + call.data.hex(),
                "contractMethod": None,
                "contractInputsValues": None,
            }
            for call in calls
        ],
    }
    document["meta"]["checksum"] = checksum(document)
    return document


def checksum(document: dict[str, Any]) -> str:
    """Keccak-256 of the document as ``lib/checksum.ts`` writes it: its own field left out, the name as null."""
    meta = {**{key: value for key, value in document["meta"].items() if key != "checksum"}, "name": None}
    return "0x" + keccak(text=_serialized({**document, "meta": meta})).hex()


def write_files(folder: Path, stem: str, document: dict[str, Any], words: str) -> Path:
    """``stem.json`` to import and ``stem.md`` to read, each whole or not at all; the path of the first.

    The words are there first: whoever finds a file to import finds what it does.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    target = folder / f"{stem}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{stem}.md", words)
        _write(target, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"a proposal cannot be written ({reason}); mend the folder", path=str(folder)) from None
    return target


def _write(path: Path, text: str) -> None:
    """Beside its place, onto the disk, then into its place: a reader sees the old file or the new one."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(number, _MODE)
            os.fsync(number)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _serialized(value: Any) -> str:
    """``serializeJSONObject`` of ``lib/checksum.ts``: sorted keys in front, values after them."""
    if isinstance(value, list):
        return f"[{','.join(map(_serialized, value))}]"
    if isinstance(value, dict):
        keys = sorted(value)
        return "{" + _json(keys) + "".join(f"{_serialized(value[key])}," for key in keys) + "}"
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
