"""The shapes of the hands: what the cycle may ask of the world, whoever does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from keeper.model.decision import Decision
from keeper.model.ledger import Effects
from keeper.model.memory import Memory, OpenSubmission
from keeper.model.observation import Block, ImpliedQuote, MissingInput, Observation, OracleQuote
from keeper.model.outcome import Held, Outcome
from keeper.model.plan import Plan, Step


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction's target, data and value, before nonce and fees."""

    to: str
    data: bytes
    value_wei: int = 0


class Observer(Protocol):
    """Reads everything a decision may know, at one block hash."""

    def observe(self) -> Observation: ...


class OracleFeed(Protocol):
    """A price from outside the pool, as it stands at one block. Never raises: what is amiss is said in the answer."""

    def quote(self, block: Block) -> OracleQuote | MissingInput: ...


class ImpliedFeed(Protocol):
    """Volatility that options imply, as known at a moment (UNIX seconds): quotes, and what is missing. Never raises."""

    def quotes(self, now_timestamp: int) -> tuple[tuple[ImpliedQuote, ...], tuple[MissingInput, ...]]: ...


class Executor(Protocol):
    """Carries out the next steps of a plan. ``submit`` persists before it acts; ``settle`` is the only recovery."""

    def submit(self, submission: OpenSubmission, plan: Plan) -> Outcome: ...

    def settle(self, submission: OpenSubmission) -> Outcome: ...


class Journal(Protocol):
    """The durable record. Every method is one committed transaction."""

    def memory(self, strategy: str) -> Memory: ...

    def record_decision(self, decision: Decision) -> int: ...

    def abandon(self, decision_id: int, held: Held) -> Held: ...

    def open_plan(self, decision_id: int, plan: Plan) -> OpenSubmission: ...

    def close_plan(self, submission: OpenSubmission, outcome: Outcome) -> Outcome: ...


class Venue(Protocol):
    """A family of pools: how its contracts are told to do a step, and what a receipt of theirs means."""

    def call(self, step: Step, owner: str, deadline_timestamp: int) -> Call: ...

    def effects(self, receipt: Mapping[str, Any], owner: str, timestamp: int) -> Effects: ...


class Signer(Protocol):
    """Holds a key. ``sign`` returns the raw signed transaction."""

    @property
    def address(self) -> str: ...

    def sign(self, transaction: Mapping[str, Any]) -> bytes: ...


class Node(Protocol):
    """A JSON-RPC endpoint (or several behind one face) with deadlines, bounded retries and failover."""

    def request(self, method: str, params: Sequence[Any]) -> Any: ...

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]: ...

    def send_raw_transaction(self, raw: bytes) -> str: ...
