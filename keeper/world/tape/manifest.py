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
from keeper.redaction import printable
from keeper.world.tape import manifest_fields as fields
from keeper.world.tape.tape import Defect, Opening, Span, TapePool

NAME: Final = "tape.json"
FORMAT: Final = "range-keeper tape 1"
# What reading JSON that somebody else wrote may end in.
NOT_A_DOCUMENT: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError)
_PIECE_BYTES: Final = 1 << 20
_LONGEST_REASON: Final = 160


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
    """ConfigError: there is none, or a field of it cannot be."""
    path = folder / NAME
    try:
        document = fields.json_of(path)
        if document["format"] != FORMAT:
            raise ConfigError(f"is of format {str(document['format'])[:40]!r}, not {FORMAT!r}: use a newer keeper",
                              path=str(path))  # fmt: skip
        return _manifest_of(document)
    except FileNotFoundError:
        raise ConfigError(f"holds no tape: there is no {NAME} in it", path=str(folder)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {(error.strerror or str(error)).lower()}", path=str(path)) from None
    except NOT_A_DOCUMENT as error:
        raise ConfigError(f"is damaged ({wrong(error)}): fetch the tape again", path=str(path)) from None


def wrong(error: Exception) -> str:
    """What is wrong with a document, in few words."""
    if isinstance(error, KeyError):
        return f"no {error.args[0]}"
    if type(error) is ValueError and len(str(error)) <= _LONGEST_REASON:
        return printable(str(error))
    return type(error).__name__


def _manifest_of(document: dict[str, Any]) -> Manifest:
    if document["kind"] not in ("events", "bars"):
        raise ValueError(f"kind {str(document['kind'])[:40]!r}")
    if not isinstance(document["complete"], bool):
        raise ValueError("complete is neither true nor false")
    span, step, missing = document["span"], document["step_seconds"], document["opening_missing"]
    found = Manifest(
        kind=document["kind"],
        pool=pool_of(document["pool"]),
        source_digest=fields.text("source_digest", document["source_digest"]),
        parts=tuple(_part(part) for part in document["parts"]),
        complete=document["complete"],
        digest=fields.text("digest", document["digest"]),
        span=None if span is None else span_of(span),
        defects=tuple(_defect(each) for each in document["defects"]),
        step_seconds=None if step is None else fields.number("step_seconds", step),
        opening=None if document["opening"] is None else opening_of(document["opening"]),
        opening_missing=None if missing is None else printable(fields.text("opening_missing", missing)),
        closing=None if document["closing"] is None else opening_of(document["closing"]),
    )
    _require_consistent(found, document["rows"])
    return found


def _require_consistent(found: Manifest, rows: Any) -> None:
    if fields.within("rows", rows, 0, fields.WORD) != found.rows:
        raise ValueError(f"rows {rows}, but its parts hold {found.rows}")
    if found.complete and (found.span is None or not fields.digest("digest", found.digest)):
        raise ValueError("complete without a span")
    if found.kind == "bars" and len(found.parts) != 1:
        raise ValueError(f"bars in {len(found.parts)} parts")
    for before, part in pairwise(found.parts):
        if part.from_block < before.to_block or part.from_timestamp < before.to_timestamp:
            raise ValueError(f"{part.file} is out of order")
    if found.span is not None and found.parts:
        within = found.span.from_timestamp <= found.parts[0].from_timestamp
        if not within or found.parts[-1].to_timestamp > found.span.to_timestamp:
            raise ValueError("parts lie outside of the span")


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
    """The pool that :func:`pool_document` made. ValueError: it can be none."""
    plain = {
        name: None if document[name] is None else fields.number(name, document[name])
        for name in ("chain_id", "fee_pips", "tick_spacing")
    }
    given = document["address"]
    return TapePool(
        **plain,
        address=None if given is None else fields.address("address", given),
        token0=_token(document["token0"]),
        token1=_token(document["token1"]),
    )


def span_of(document: dict[str, Any]) -> Span:
    """ValueError: it ends before it begins, or is none."""
    return Span(**fields.ordered(document, "span"))


def _token(document: dict[str, Any] | None) -> Token | None:
    # Whoever made the token chose its symbol, and it is shown on terminals.
    if document is None:
        return None
    symbol = printable(fields.text("symbol", document["symbol"]))
    return Token(fields.address("token", document["address"]), symbol, fields.number("decimals", document["decimals"]))


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
    """The opening that :func:`opening_document` made. ValueError: no pool can be so."""
    ticks: list[TickState] = []
    for row in document["ticks"]:
        ticks.append(TickState(*fields.tick_row(row, ticks[-1].tick if ticks else -fields.WORD)))
    numbers = {name: fields.number(name, value) for name, value in document.items() if name != "ticks"}
    return Opening(**numbers, ticks=tuple(ticks))


def _part(document: dict[str, Any]) -> Part:
    rows = fields.within("parts: rows", document["rows"], 1, fields.WORD)
    sha256 = fields.digest("parts: sha256", document["sha256"])
    return Part(fields.part_name(document["file"]), rows, **fields.ordered(document, "a part"), sha256=sha256)


def _defect(document: dict[str, Any]) -> Defect:
    rows = document["rows"]
    between = None if rows is None else (fields.within("defects", rows[0], 0, fields.WORD),
                                         fields.within("defects", rows[1], 0, fields.WORD))  # fmt: skip
    code, sentence = fields.text("defects", document["code"]), fields.text("defects", document["sentence"])
    return Defect(printable(code), printable(sentence), between)


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
