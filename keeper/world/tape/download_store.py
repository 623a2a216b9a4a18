"""What of a download is there already: its plan, and one small file for every run of blocks that was read."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from keeper.errors import ConfigError
from keeper.world.tape.checks_pool import joined
from keeper.world.tape.download_logs import Chunk
from keeper.world.tape.download_proof import Proof, active_liquidity
from keeper.world.tape.events import EventBatch, TapeEvent
from keeper.world.tape.importers import OWN_EVENTS
from keeper.world.tape.manifest import (
    NOT_A_DOCUMENT,
    opening_document,
    opening_of,
    pool_document,
    pool_of,
    span_of,
    wrong,
)
from keeper.world.tape.manifest_fields import json_of
from keeper.world.tape.opening import UNFINISHED, EventFile, FiledEvents, examined
from keeper.world.tape.reading import event_batches
from keeper.world.tape.tape import Defect, Opening, Span, TapePool
from keeper.world.tape.writing_files import make_folder, write_durably

_FOLDER: Final = "partial"
_PLAN: Final = "plan.json"
_NAME: Final = re.compile(r"(\d{12})-(\d{12})\.(proven|unproven|unexplained)\.parquet")
_NO_STATE: Final = Defect(
    "unproven",
    "the node gave no state of these blocks: that it left no log out was judged by the swaps alone, which do not tell "
    "of a missing swap that crossed a tick, nor of a missing flash or collect",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is being downloaded, and what was read of it at the start. ``closing`` is the pool at the last block, its
    ticks left out."""

    pool: TapePool
    span: Span
    last_hash: str
    opening: Opening | None
    opening_missing: str | None
    closing: Opening | None


@dataclass(frozen=True, slots=True)
class Piece:
    """One file: all events of some blocks, both ends included."""

    path: Path
    first_block: int
    last_block: int
    proof: Proof


class PieceStore:
    """The files of an unfinished download, in a folder inside the tape's own."""

    def __init__(self, folder: Path) -> None:
        self.tape_folder = folder
        self.folder = folder / _FOLDER

    def plan(self) -> Plan | None:
        """What was planned; None where nothing was. ConfigError: the plan is damaged."""
        path = self.folder / _PLAN
        if not path.exists():
            return None
        try:
            document = json_of(path)
            states = {name: None if document[name] is None else opening_of(document[name])
                      for name in ("opening", "closing")}  # fmt: skip
            return Plan(
                pool_of(document["pool"]), span_of(document["span"]), document["last_hash"], states["opening"],
                document["opening_missing"], states["closing"],
            )  # fmt: skip
        except (OSError, *NOT_A_DOCUMENT) as error:
            raise ConfigError(
                f"is damaged ({wrong(error)}): delete the folder {_FOLDER} and download again", path=str(path)
            ) from None

    def begin(self, plan: Plan) -> None:
        """Keep the plan. ConfigError: it cannot be written."""
        make_folder(self.folder)
        document = {
            "pool": pool_document(plan.pool),
            "span": {name: getattr(plan.span, name) for name in plan.span.__dataclass_fields__},
            "last_hash": plan.last_hash,
            "opening": None if plan.opening is None else opening_document(plan.opening),
            "opening_missing": plan.opening_missing,
            "closing": None if plan.closing is None else opening_document(plan.closing),
        }
        write_durably(self.folder / _PLAN, (json.dumps(document, indent=1) + "\n").encode())

    def write(self, chunk: Chunk) -> None:
        """Keep what was read. ConfigError: it cannot be written."""
        proof = Proof.UNPROVEN if chunk.proof is Proof.WRONG_PRICE else chunk.proof
        name = f"{chunk.first.number:012d}-{chunk.last.number:012d}.{proof.value}.parquet"
        write_durably(self.folder / name, _parquet(EventBatch.of(chunk.events)))

    def pieces(self) -> list[Piece]:
        """What is there, in the order of the chain."""
        found = []
        for path in self.folder.glob("*.parquet"):
            match = _NAME.fullmatch(path.name)
            if match is not None:
                found.append(Piece(path, int(match[1]), int(match[2]), Proof(match[3])))
        return sorted(found, key=lambda piece: piece.first_block)

    def missing(self, span: Span) -> list[tuple[int, int]]:
        """The runs of blocks that are still to be read."""
        at, holes = span.from_block, []
        for piece in self.pieces():
            if piece.first_block > at:
                holes.append((at, piece.first_block - 1))
            at = max(at, piece.last_block + 1)
        return [*holes, (at, span.to_block)] if at <= span.to_block else holes

    def drop(self, first_block: int, last_block: int) -> bool:
        """Forget the pieces between the blocks that are not proven; whether there were any."""
        dropped = False
        for piece in self.pieces():
            between = piece.first_block <= last_block and piece.last_block >= first_block
            if between and piece.proof is not Proof.PROVEN:
                piece.path.unlink()
                dropped = True
        return dropped

    def clear(self) -> None:
        """Everything is in the tape now. The plan goes last: until then a killed clearing is known for one."""
        for path in sorted(self.folder.glob("*.parquet")):
            path.unlink()
        for path in self.folder.glob(".*"):
            path.unlink()
        with contextlib.suppress(OSError):
            (self.folder / _PLAN).unlink()
            self.folder.rmdir()


def events_of(store: PieceStore, plan: Plan, pieces: Sequence[Piece], pool: TapePool) -> FiledEvents:
    """The events of the pieces, looked at as those of any tape. ConfigError as ``open_tape``."""
    notes = [
        Defect("balance", f"in block {piece.first_block} the pool's balances changed by more than its logs tell: a "
                          "transfer straight to it, or a log that the node left out")
        for piece in pieces if piece.proof is Proof.UNEXPLAINED
    ]  # fmt: skip
    if any(piece.proof is Proof.UNPROVEN for piece in pieces):
        notes.append(_NO_STATE)
    files = tuple(EventFile(piece.path) for piece in pieces)
    last = pieces[-1].last_block
    span = plan.span
    if last < span.to_block:
        notes.append(
            Defect(UNFINISHED, f"the download is not finished: blocks {last + 1} to {span.to_block} are missing; run "
                               "the same command again")
        )  # fmt: skip
    tape = examined(files, store.tape_folder, pool, span=span, opening=plan.opening, closing=plan.closing,
                    more_defects=tuple(notes))  # fmt: skip
    if last == span.to_block:
        return tape
    moment = max((int(batch.timestamp[-1]) for batch in tape.batches()), default=span.from_timestamp)
    return replace(tape, span=replace(span, to_block=last, to_timestamp=moment), closing=None)


def last_state(pieces: Sequence[Piece]) -> tuple[int, int, int, int] | None:
    """Price, tick and active liquidity that the events end with, and the block of the last one that had a price; None
    where none had."""
    later: list[TapeEvent] = []
    for piece in reversed(pieces):
        events = [batch.event(at) for batch in event_batches(piece.path, OWN_EVENTS) for at in range(len(batch))]
        later = events + later
        last = next((at for at in reversed(range(len(later))) if later[at].sqrt_price_x96), None)
        if last is not None:
            end = later[last]
            active = active_liquidity(end.liquidity, end.tick, later[last + 1 :])
            return end.sqrt_price_x96, end.tick, active, end.block_number
    return None


def open_unfinished(folder: Path, given: TapePool | None) -> FiledEvents | None:
    """What an unfinished download has so far, from its first block up to the first hole; None: there is none.

    Raises:
        ConfigError: nothing is there yet, or as ``open_tape``.
    """
    store = PieceStore(folder)
    plan = store.plan()
    if plan is None:
        return None
    whole: list[Piece] = []
    for piece in store.pieces():
        if piece.first_block != (whole[-1].last_block + 1 if whole else plan.span.from_block):
            break
        whole.append(piece)
    if not whole:
        raise ConfigError("the download has not got any blocks yet: run the same command again", path=str(folder))
    return events_of(store, plan, whole, joined(given, plan.pool, folder))


def _parquet(batch: EventBatch) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    from keeper.world.tape.writing_tables import event_table

    sink = pa.BufferOutputStream()
    parquet.write_table(event_table(batch), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data
