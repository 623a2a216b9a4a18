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
from keeper.model.safe import SafeTx
from keeper.world.signers.passed import Passed, PassedMessage


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction's target, data and value, before nonce and fees.

    ``delegate``: the contract whose code the sender's own account is set to run first (EIP-7702); None leaves it.
    """

    to: str
    data: bytes
    value_wei: int = 0
    delegate: str | None = None


class Observer(Protocol):
    """Reads everything a decision may know, at one block hash."""

    def observe(self) -> Observation: ...


class Reconciler(Protocol):
    """Holds the journal against what was observed, before anything is decided from either."""

    def reconcile(self, observation: Observation) -> bool:
        """Write down what differs. True when the journal's memory of the strategy is another now.

        Raises:
            HaltedError: something is not explained; the halt is in the journal already.
            TransientError: the node lags behind the journal, or does not answer.
        """
        ...


class OracleFeed(Protocol):
    """A price from outside the pool, as it stands at one block. Never raises: what is amiss is said in the answer."""

    def quote(self, block: Block) -> OracleQuote | MissingInput: ...


class ImpliedFeed(Protocol):
    """Volatility that options imply, as known at a moment (UNIX seconds): quotes, and what is missing. Never raises."""

    def quotes(self, now_timestamp: int) -> tuple[tuple[ImpliedQuote, ...], tuple[MissingInput, ...]]: ...


class Executor(Protocol):
    """Carries out the next steps of a plan. ``submit`` persists before it acts; ``settle`` finishes what was begun.

    ``recover`` comes before anything else of a cycle: what the chain has taken back since is brought to its end again.
    It gives the outcome of the cycle where that is not finished, else None.
    """

    def recover(self, strategy: str) -> Outcome | None: ...

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
    """Holds a key. It signs what the signing policy has passed, and nothing else."""

    @property
    def address(self) -> str: ...

    def sign(self, passed: Passed) -> bytes:
        """The raw signed transaction of the passed bytes."""
        ...

    def sign_message(self, passed: PassedMessage) -> bytes:
        """65 bytes (r, s, v of 27 or 28) over the Keccak-256 of the passed preimage: a SafeTx, or an authorization of
        EIP-7702. ConfigError where this kind of signer cannot sign such a thing."""
        ...


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a signature is asked for: the durable step it carries out, or (``cancels``) to take its nonce back; for a
    Safe, to reject what was proposed at its nonce."""

    step_id: int
    head_timestamp: int
    cancels: bool = False


@dataclass(frozen=True, slots=True)
class Signed:
    """Signed bytes, and what they count against the limits: raw units of the quote token that they may swap."""

    raw: bytes
    debit_quote: int


class LastLook(Protocol):
    """The signing policy before a signer: default deny."""

    @property
    def address(self) -> str: ...

    def sign(self, transaction: Mapping[str, Any], purpose: Purpose) -> Signed:
        """Sign an EIP-1559 transaction that the policy lets through; ``transaction`` holds every field by web3's name.

        Raises:
            SigningRefusedError: it does not; nothing was signed.
            SigningLimitError: it would, were it cheaper or later; nothing was signed.
            TransientError: a remote signer did not answer; nothing was signed that is known of.
        """
        ...


class SafeLook(Protocol):
    """The signing policy before the key of an owner of a Safe, or of a delegate: default deny."""

    @property
    def address(self) -> str: ...

    def sign_safe(self, transaction: SafeTx, purpose: Purpose) -> Signed:
        """The signature (``raw``: 65 bytes) of a Safe's transaction that the policy lets through.

        Raises:
            SigningRefusedError: it does not; nothing was signed.
            SigningLimitError: it would, were it cheaper or later; nothing was signed.
            TransientError: a remote signer did not answer; nothing was signed that is known of.
        """
        ...


class Rehearsal(Protocol):
    """Tries a transaction on the newest state before it is signed."""

    def gas_units(self, step: Step | None, call: Call) -> int:
        """The gas it takes, without margin. ``step`` is what it must do to the balances; None: a self-send.

        Raises:
            RehearsalFailedError: it would revert, or do something else than the step says.
            HaltedError: a contract is not the one it was.
            TransientError: the node did not answer.
        """
        ...


class PinnedContracts(Protocol):
    """The code that the keeper relies on, ``chain.code_pins.CodePins`` for one."""

    def check(self) -> None:
        """HaltedError if any of it is not what it was."""
        ...


class Node(Protocol):
    """A JSON-RPC endpoint (or several behind one face) with deadlines, bounded retries and failover."""

    def request(self, method: str, params: Sequence[Any]) -> Any: ...

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]: ...

    def send_raw_transaction(self, raw: bytes) -> str: ...
