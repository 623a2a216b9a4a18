"""Decisions as stored: canonical bytes, with the history's samples left out and put back on reading."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from keeper.errors import ConfigError, FatalError
from keeper.model import canonical
from keeper.model.decision import Decision
from keeper.world.journal.bodies import BodyReader
from keeper.world.journal.histories import HistoryReader, canonical_samples
from keeper.world.journal.query import Query

# Unescaped quotes cannot occur inside a JSON string, and no other field is an empty list of this name.
_GAP = b'"samples":[]'


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision as it was made: its settings and its canonical bytes are those of that moment."""

    id: int
    settings: bytes
    canonical: bytes
    decision: Decision


def body_without_samples(decision: Decision) -> bytes:
    """Canonical bytes of the decision, its history's samples replaced by an empty tuple."""
    observation = decision.observation
    bare = replace(observation, history=replace(observation.history, samples=()))
    return canonical.encode(replace(decision, observation=bare))


def with_samples(body: bytes, samples: bytes) -> bytes:
    """The full canonical bytes, from ``body_without_samples`` and the canonical samples."""
    head, gap, tail = body.partition(_GAP)
    if not gap:
        raise FatalError("a stored decision has no place for its price history: the journal is damaged")
    return b"".join((head, b'"samples":', samples, tail))


def decision(query: Query, decision_id: int) -> Decision:
    """The decision of that number, complete. ConfigError if there is none."""
    return _only(query, decision_id).decision


def decision_bytes(query: Query, decision_id: int) -> bytes:
    """Its canonical bytes, exactly those of the moment it was made. ConfigError if there is none."""
    return _only(query, decision_id).canonical


def bare_decision(query: Query, decision_id: int) -> Decision:
    """The decision without the samples of its history: enough to carry it out."""
    with _same_version(decision_id):
        return canonical.decode(Decision, BodyReader(query).body(decision_id))


@contextmanager
def _same_version(decision_id: int) -> Iterator[None]:
    """A form that this version does not know is another version's, not a defect."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"decision {decision_id} of this journal was written by another version of Range Keeper ({error}); read it "
            "with that version, or start a new journal with `journal:` in keeper.yaml"
        ) from error


def stored_decisions(query: Query, strategy: str | None = None) -> Iterator[StoredDecision]:
    """Every decision, oldest first, read one by one."""
    where, parameters = ("", ()) if strategy is None else ("WHERE strategy = ?", (strategy,))
    numbers = query(f"SELECT id FROM decisions {where} ORDER BY id", parameters)
    bodies, histories = BodyReader(query), HistoryReader(query)
    for (number,) in numbers:
        yield _read(query, bodies, histories, number)


def _only(query: Query, decision_id: int) -> StoredDecision:
    if not query("SELECT 1 FROM decisions WHERE id = ?", (decision_id,)):
        raise ConfigError(f"there is no decision {decision_id} in this journal; `keeper history` lists them")
    return _read(query, BodyReader(query), HistoryReader(query), decision_id)


def _read(query: Query, bodies: BodyReader, histories: HistoryReader, decision_id: int) -> StoredDecision:
    ((digest, history_digest, settings),) = query(
        "SELECT d.digest, d.history_digest, s.body FROM decisions d "
        "LEFT JOIN settings s ON s.digest = d.settings_digest WHERE d.id = ?",
        (decision_id,),
    )
    bare = bodies.body(decision_id)
    stored = histories.samples(history_digest)
    full = with_samples(bare, canonical_samples(stored))
    if hashlib.sha256(full).hexdigest() != digest:
        raise FatalError(f"decision {decision_id} does not match its digest: the journal is damaged; restore a backup")
    plain = json.loads(bare)
    with _same_version(decision_id):
        result: Decision = canonical.from_plain(Decision, plain)
    history = replace(result.observation.history, samples=tuple(each.sample for each in stored))
    complete = replace(result, observation=replace(result.observation, history=history))
    return StoredDecision(decision_id, settings or b"", full, complete)
