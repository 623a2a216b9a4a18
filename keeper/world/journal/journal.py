"""The durable record: decisions, plans and what came of them. Every public method is one committed transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from keeper.errors import TransientError
from keeper.model import canonical
from keeper.model.decision import Decision
from keeper.model.ledger import NATIVE, LedgerEntry
from keeper.model.memory import Memory, OpenSubmission, StrategyState
from keeper.model.outcome import Done, Failed, Held, Outcome, Pending, Simulated
from keeper.model.plan import Plan
from keeper.world.journal import decisions, outcomes, tables
from keeper.world.journal.bodies import BodyWriter
from keeper.world.journal.history_writer import HistoryWriter
from keeper.world.journal.location import Location
from keeper.world.journal.memory import memory
from keeper.world.journal.outcomes import Account
from keeper.world.journal.paper import PaperLog
from keeper.world.journal.pins import PinLog
from keeper.world.journal.proposals import ProposalLog
from keeper.world.journal.query import Query
from keeper.world.journal.reconciling import ReconciliationLog
from keeper.world.journal.resuming import Forgiven, forgive
from keeper.world.journal.safe_pins import SafePinLog
from keeper.world.journal.samples import StoredSamples
from keeper.world.journal.signing import SigningRecords
from keeper.world.journal.sql import insert_missing, insert_row, query_on
from keeper.world.journal.tape import StoredTape
from keeper.world.journal.transactions import TransactionLog


class SqlJournal:
    """The journal on SQLite or PostgreSQL; open it with ``opening.open_journal``.

    ``transactions`` records what is signed and sent, ``proposals`` what the owners of a Safe are asked for, ``signing``
    is what the signing policy goes by, ``pins`` the code of contracts, ``safe_pins`` what Safes were, ``samples`` keeps
    price samples, ``tape`` a pool's events, ``reconciliations`` what came of holding it against the chain, ``paper``
    what a paper wallet paid.
    """

    def __init__(self, engine: Engine, location: Location, mode: str) -> None:
        self._engine = engine
        self._histories = HistoryWriter()
        self._bodies = BodyWriter()
        self._accounts: set[tuple[int, str, str]] = set()
        self._latest: tuple[int, Decision] | None = None
        self.location = location
        self.mode = mode
        self.samples = StoredSamples(engine)
        self.reconciliations = ReconciliationLog(engine)
        self.transactions = TransactionLog(engine, on_taken_back=self.reconciliations.forget)
        self.proposals = ProposalLog(engine, on_taken_back=self.reconciliations.forget)
        self.signing = SigningRecords(engine)
        self.pins = PinLog(engine)
        self.safe_pins = SafePinLog(engine)
        self.paper = PaperLog(engine)

    def close(self) -> None:
        """Release the database; everything is durable already."""
        self._engine.dispose()

    def tape(self, chain_id: int, pool_address: str) -> StoredTape:
        """The tape of one pool."""
        return StoredTape(self._engine, chain_id, pool_address)

    @contextmanager
    def reading(self) -> Iterator[Query]:
        """For the questions of ``queries`` and ``decisions``, over one consistent view."""
        with self._engine.begin() as connection:
            yield query_on(connection)

    def memory(self, strategy: str) -> Memory:
        """What a decision may know of its own past."""
        with self.reading() as query:
            return memory(query, strategy)

    def record_settings(self, digest: str, body: bytes, artifacts: Mapping[str, bytes] | None = None) -> None:
        """Keep the settings that decisions name by ``digest``; canonical bytes, needed to make them again.

        ``artifacts`` are the files they name, by SHA-256 (hex); kept too, each once.
        """
        with self._engine.begin() as connection:
            for file_digest, file in (artifacts or {}).items():
                row = {"digest": file_digest, "body": file}
                connection.execute(insert_missing(connection, tables.artifacts), row)
            connection.execute(insert_missing(connection, tables.settings), {"digest": digest, "body": body})

    def record_decision(self, decision: Decision) -> int:
        """Write the decision. The first sight of a token opens the owner's account with a deposit of its balance."""
        try:
            with self._engine.begin() as connection:
                decision_id = self._insert_decision(connection, decision)
                opened = self._open_accounts(connection, decision)
                _remember(connection, decision)
        except BaseException:
            self._histories.forget()
            self._bodies.forget()
            raise
        self._accounts |= opened
        self._latest = (decision_id, decision)
        return decision_id

    def abandon(self, decision_id: int, held: Held) -> Held:
        """Keep why a decision to act was given up just before anything was prepared; it is seen in `keeper status`."""
        with self._engine.begin() as connection:
            decision = self._decision(connection, decision_id)
            reasons = "; ".join(f"{each.message} [{each.code}]" for each in held.objections)
            row = {
                "strategy": decision.strategy,
                "kind": "abandoned",
                "message": f"decision {decision_id}, {decision.plan.action}: {reasons}",
                "timestamp": decision.observation.block.timestamp,
            }
            connection.execute(insert(tables.events).values(row))
        return held

    def open_plan(self, decision_id: int, plan: Plan) -> OpenSubmission:
        """Write the plan and its next steps. TransientError if this block had its plan already, or one is open."""
        with self._engine.begin() as connection:
            decision = self._decision(connection, decision_id)
            block = decision.observation.block
            row = {
                "decision_id": decision_id,
                "strategy": decision.strategy,
                "chain_id": block.chain_id,
                "owner": decision.observation.wallet.owner.lower(),
                "block_hash": block.hash,
                "settings_digest": decision.settings_digest,
                "action": plan.action,
                "deadline_timestamp": plan.deadline_timestamp,
                "state": "open",
                "act": plan.act,
            }
            try:
                plan_id = insert_row(connection, tables.plans, row)
            except IntegrityError as error:
                raise TransientError(
                    f"{decision.strategy} has a plan open, or had one for block {block.number} already; "
                    "it waits for the next block"
                ) from error
            steps = [
                {
                    "plan_id": plan_id,
                    "ordinal": ordinal,
                    "kind": step.kind,
                    "state": "READY",
                    "body": canonical.encode(step).decode(),
                }
                for ordinal, step in enumerate(plan.next_steps)
            ]
            connection.execute(insert(tables.steps), steps)
        return OpenSubmission(plan_id, decision_id, decision.strategy, plan.deadline_timestamp)

    def close_plan(self, submission: OpenSubmission, outcome: Outcome) -> Outcome:
        """Write how the plan ended, with all that follows from it. A pending plan stays open, a closed one as it is."""
        if isinstance(outcome, (Pending, Held)):
            return outcome
        with self._engine.begin() as connection:
            decision = self._decision(connection, submission.decision_id)
            plan_id, strategy = submission.plan_id, submission.strategy
            table = tables.plans
            if connection.execute(select(table.c.state).where(table.c.id == plan_id)).scalar() != "open":
                return outcome  # closed already, with all that follows
            timestamp = _time_of(outcome, decision)
            if isinstance(outcome, Done):
                _write_done(connection, submission, decision, outcome, timestamp)
            cost = outcomes.cost_quote(query_on(connection), plan_id, decision, done=isinstance(outcome, Done))
            values = {"state": outcome.kind, "note": _note(outcome), "closed_timestamp": timestamp}
            mine = table.c.id == plan_id
            connection.execute(update(table).where(mine).values(**values, cost_quote=str(cost)))
            if isinstance(outcome, Done):
                _move_strategy(connection, strategy, decision.plan)
        return outcome

    def set_state(self, strategy: str, state: StrategyState, reason: str, timestamp: int) -> None:
        """Pause, exit or halt a strategy, on the record; a halt that is there for the same reason stays."""
        with self._engine.begin() as connection:
            _set_state(connection, strategy, state, reason, timestamp)

    def resume(self, strategy: str, reason: str, timestamp: int, state: StrategyState = "running") -> Forgiven:
        """Let a strategy run (or leave) again, whatever stopped it; returns what that forgives."""
        with self._engine.begin() as connection:
            forgiven = forgive(connection, strategy)
            _set_state(connection, strategy, state, reason, timestamp)
        return forgiven

    def record_event(self, strategy: str | None, kind: str, message: str, timestamp: int) -> None:
        """Keep an alert; ``timestamp`` is the caller's clock, UNIX seconds."""
        with self._engine.begin() as connection:
            row = {"strategy": strategy, "kind": kind, "message": message, "timestamp": timestamp}
            connection.execute(insert(tables.events).values(row))

    def _decision(self, connection: Connection, decision_id: int) -> Decision:
        if self._latest is not None and self._latest[0] == decision_id:
            return self._latest[1]
        return decisions.bare_decision(query_on(connection), decision_id)

    def _insert_decision(self, connection: Connection, decision: Decision) -> int:
        history_digest, samples = self._histories.store(connection, decision.observation)
        body = decisions.body_without_samples(decision)
        packed, keyframe_id = self._bodies.pack(decision.strategy, body)
        block = decision.observation.block
        row = {
            "strategy": decision.strategy,
            "chain_id": block.chain_id,
            "block_number": block.number,
            "block_hash": block.hash,
            "timestamp": block.timestamp,
            "action": decision.verdict.action,
            "objections": ",".join(objection.code for objection in decision.verdict.objections),
            "settings_digest": decision.settings_digest,
            "history_digest": history_digest,
            "digest": hashlib.sha256(decisions.with_samples(body, samples)).hexdigest(),
            "keyframe_id": keyframe_id,
            "body": packed,
        }
        decision_id = insert_row(connection, tables.decisions, row)
        self._bodies.written(decision.strategy, decision_id, body, keyframe_id)
        return decision_id

    def _open_accounts(self, connection: Connection, decision: Decision) -> set[tuple[int, str, str]]:
        observation = decision.observation
        block, wallet, owner = observation.block, observation.wallet, observation.wallet.owner.lower()
        balances = {
            observation.pool.token0.address.lower(): wallet.balance_0,
            observation.pool.token1.address.lower(): wallet.balance_1,
            NATIVE: wallet.native_wei,
        }
        unsure = {(block.chain_id, owner, token) for token in balances} - self._accounts
        # A token's opening deposit has one place in the ledger: writing it again changes nothing.
        deposits = tuple(
            LedgerEntry("deposit", token, balances[token], None, "", -1, block.number, block.timestamp)
            for _, _, token in sorted(unsure)
        )
        outcomes.write_entries(connection, Account(block.chain_id, owner, decision.strategy, None), deposits)
        return unsure


def _set_state(connection: Connection, strategy: str, state: StrategyState, reason: str, timestamp: int) -> None:
    table = tables.strategies
    connection.execute(insert_missing(connection, table), {"name": strategy})
    now = connection.execute(select(table.c.state, table.c.reason).where(table.c.name == strategy)).one()
    if tuple(now) == (state, reason) and state == "halted":
        return
    connection.execute(update(table).where(table.c.name == strategy).values(state=state, reason=reason))
    event = {"strategy": strategy, "kind": state, "message": reason, "timestamp": timestamp}
    connection.execute(insert(tables.events).values(event))


def _remember(connection: Connection, decision: Decision) -> None:
    """The regime for the next decision; and an exit that finds nothing left to take out is complete."""
    table = tables.strategies
    connection.execute(insert_missing(connection, table), {"name": decision.strategy})
    regime, timestamp = decision.regime, decision.observation.block.timestamp
    values = {"regime_label": regime.label, "regime_since": regime.since_timestamp, "last_timestamp": timestamp}
    mine = table.c.name == decision.strategy
    connection.execute(update(table).where(mine).values(values))
    if decision.memory.state == "exiting" and not decision.plan.steps and not decision.observation.positions:
        connection.execute(update(table).where(mine, table.c.state == "exiting").values(state="exited"))


def _write_done(
    connection: Connection, submission: OpenSubmission, decision: Decision, outcome: Done, timestamp: int
) -> None:
    observation = decision.observation
    account = Account(observation.block.chain_id, observation.wallet.owner, submission.strategy, submission.plan_id)
    outcomes.write_effects(connection, account, decision, outcome.effects, timestamp)
    table = tables.steps
    connection.execute(update(table).where(table.c.plan_id == submission.plan_id).values(state="DONE"))


def _move_strategy(connection: Connection, strategy: str, plan: Plan) -> None:
    table = tables.strategies
    mine = table.c.name == strategy
    before = bool(connection.execute(select(table.c.in_transition).where(mine)).scalar())
    connection.execute(update(table).where(mine).values(in_transition=outcomes.transition_after(plan, before)))
    if plan.action == "exit" and plan.next_steps == plan.steps:
        connection.execute(update(table).where(mine, table.c.state == "exiting").values(state="exited"))


def _time_of(outcome: Done | Failed | Simulated, decision: Decision) -> int:
    times = [entry.timestamp for entry in outcome.effects.entries] if isinstance(outcome, Done) else []
    return max(times, default=decision.observation.block.timestamp)


def _note(outcome: Done | Failed | Simulated) -> str:
    if isinstance(outcome, Failed):
        return outcome.reason
    return outcome.report if isinstance(outcome, Simulated) else ""
