"""``tape.json``: what a folder of parts holds, of which pool, and whether all of it is there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

from keeper.errors import ConfigError
from keeper.model.observation import TickState
from keeper.model.price import Token
from keeper.world.tape.tape import Defect, Opening, Span, TapePool

NAME: Final = "tape.json"
FORMAT: Final = "range-keeper tape 1"
_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One parquet file of the folder; ``sha256`` is that of its bytes. Blocks and moments of its first and last row."""

    file: str
    rows: int
    from_block: int
    to_block: int
    from_timestamp: int
    to_timestamp: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """``source_digest`` is that of the tape which is being written here. ``digest``, ``span`` and ``defects`` are
    known once it is ``complete``. ``opening_missing`` says why there is no ``opening``."""

    kind: Literal["events", "bars"]
    pool: TapePool
    source_digest: str
    parts: tuple[Part, ...] = ()
    complete: bool = False
    digest: str = ""
    span: Span | None = None
    defects: tuple[Defect, ...] = ()
    step_seconds: int | None = None
    opening: Opening | None = None
    opening_missing: str | None = None
    closing: Opening | None = None

    @property
    def rows(self) -> int:
        """Of all parts."""
        return sum(part.rows for part in self.parts)

    def with_part(self, part: Part) -> Manifest:
        """With one more part at the end."""
        return replace(self, parts=(*self.parts, part))


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def to_json(manifest: Manifest) -> bytes:
    """The file's bytes: the same for the same tape, whenever and however it was written."""
    document = {
        "format": FORMAT,
        "kind": manifest.kind,
        "complete": manifest.complete,
        "digest": manifest.digest,
        "rows": manifest.rows,
        "pool": pool_document(manifest.pool),
        "span": None if manifest.span is None else _fields(manifest.span),
        "step_seconds": manifest.step_seconds,
        "defects": [_fields(defect) for defect in manifest.defects],
        "source_digest": manifest.source_digest,
        "parts": [_fields(part) for part in manifest.parts],
        "opening": None if manifest.opening is None else opening_document(manifest.opening),
        "opening_missing": manifest.opening_missing,
        "closing": None if manifest.closing is None else opening_document(manifest.closing),
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def read_manifest(folder: Path) -> Manifest:
    """ConfigError: there is none, or it is not one."""
    path = folder / NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ConfigError(f"is of format {document['format']!r}, not {FORMAT!r}: use a newer keeper",
                              path=str(path))  # fmt: skip
        span, step = document["span"], document["step_seconds"]
        parts = tuple(Part(**part) for part in document["parts"])
        _require_in_step(parts, int(document["rows"]), path)
        return Manifest(
            kind=document["kind"],
            pool=pool_of(document["pool"]),
            source_digest=document["source_digest"],
            parts=parts,
            complete=document["complete"],
            digest=document["digest"],
            span=None if span is None else Span(**span),
            defects=tuple(_defect(each) for each in document["defects"]),
            step_seconds=step,
            opening=None if document["opening"] is None else opening_of(document["opening"]),
            opening_missing=document["opening_missing"],
            closing=None if document["closing"] is None else opening_of(document["closing"]),
        )
    except FileNotFoundError:
        raise ConfigError(f"holds no tape: there is no {NAME} in it", path=str(folder)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {(error.strerror or str(error)).lower()}", path=str(path)) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"is damaged ({type(error).__name__}): fetch the tape again", path=str(path)) from None


def _require_in_step(parts: tuple[Part, ...], rows: int, path: Path) -> None:
    """ConfigError: a part was taken out, put in twice or moved, so that what each of them holds no longer follows."""
    if sum(part.rows for part in parts) != rows:
        raise ConfigError(
            f"says {rows} rows, its parts have {sum(part.rows for part in parts)}: one was taken out or put in; fetch "
            "the tape again, into another folder",
            path=str(path),
        )
    for before, after in pairwise(parts):
        if after.from_block < before.to_block or after.from_timestamp < before.to_timestamp:
            raise ConfigError(
                f"lists {after.file} after {before.file}, whose events are later: the parts were moved; fetch the tape "
                "again, into another folder",
                path=str(path),
            )


def pool_document(pool: TapePool) -> dict[str, Any]:
    """A pool as JSON."""
    return {
        "chain_id": pool.chain_id,
        "address": pool.address,
        "token0": None if pool.token0 is None else _fields(pool.token0),
        "token1": None if pool.token1 is None else _fields(pool.token1),
        "fee_pips": pool.fee_pips,
        "tick_spacing": pool.tick_spacing,
    }


def pool_of(document: dict[str, Any]) -> TapePool:
    """The pool that :func:`pool_document` made."""
    tokens = {name: None if document[name] is None else Token(**document[name]) for name in ("token0", "token1")}
    return TapePool(**{**document, **tokens})


def opening_document(opening: Opening) -> dict[str, Any]:
    """An opening as JSON: large integers as text, ticks as rows."""
    plain = {"block_number", "timestamp", "tick", "fee_protocol"}
    document = {name: value if name in plain else str(value) for name, value in _fields(opening).items()}
    document["ticks"] = [
        [tick.tick, str(tick.liquidity_gross), str(tick.liquidity_net),
         str(tick.fee_growth_outside_0_x128), str(tick.fee_growth_outside_1_x128)]
        for tick in opening.ticks
    ]  # fmt: skip
    return document


def opening_of(document: dict[str, Any]) -> Opening:
    """The opening that :func:`opening_document` made."""
    ticks = tuple(TickState(*(int(value) for value in row)) for row in document["ticks"])
    numbers = {name: int(value) for name, value in document.items() if name != "ticks"}
    return Opening(**numbers, ticks=ticks)


def _defect(document: dict[str, Any]) -> Defect:
    rows = document["rows"]
    return Defect(document["code"], document["sentence"], None if rows is None else (rows[0], rows[1]))


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
