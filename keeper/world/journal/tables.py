"""The journal's tables, the same on SQLite and PostgreSQL.

Integers that may pass 64 bits (amounts, liquidity, prices, fees) are decimal TEXT. The unique indexes are the
journal's share of safety: one plan per strategy, block and settings; one open plan per strategy; one transaction
per step and per nonce; one ledger line per log.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()

# SQLite gives automatic row ids to INTEGER keys alone; PostgreSQL's INTEGER would end at 2^31.
Id = BigInteger().with_variant(Integer(), "sqlite")


def _identity() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

settings = Table(
    "settings", metadata, Column("digest", Text, primary_key=True), Column("body", LargeBinary, nullable=False)
)

# The files that settings were made with (a model's weights), by SHA-256: what replay rebuilds a strategy from.
artifacts = Table(
    "artifacts", metadata, Column("digest", Text, primary_key=True), Column("body", LargeBinary, nullable=False)
)

strategies = Table(
    "strategies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False, server_default="running"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("in_transition", Boolean, nullable=False, server_default=text("false")),
    Column("regime_label", Text),
    Column("regime_since", BigInteger),
    Column("last_timestamp", BigInteger),
    # What an operator's `resume` forgives: failures of plans up to this one, differences of the next reconciliation.
    Column("resumed_plan_id", BigInteger, nullable=False, server_default=text("0")),
    Column("accepts_difference", Boolean, nullable=False, server_default=text("false")),
)

# A key on a chain. ``first_nonce`` is what it had sent before the keeper's first transaction.
signers = Table(
    "signers",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", Text, primary_key=True),
    Column("state", Text, nullable=False, server_default="running"),  # or halted
    Column("reason", Text, nullable=False, server_default=""),
    Column("first_nonce", BigInteger),
)

# The code that stood at a contract's address when it was first used; for a proxy also what it led to.
code_pins = Table(
    "code_pins",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address", Text, primary_key=True),
    Column("code_hash", Text, nullable=False),
    Column("implementation", Text, nullable=False, server_default=""),
)

# The block up to which an owner's balances are explained by the ledger.
reconciliations = Table(
    "reconciliations",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, primary_key=True),
    Column("strategy", Text, primary_key=True),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    _identity(),
    Column("strategy", Text, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("objections", Text, nullable=False),  # their codes, comma separated; empty when it was carried out
    Column("settings_digest", Text, nullable=False),
    Column("history_digest", Text, nullable=False),
    Column("digest", Text, nullable=False),  # SHA-256 of the full canonical bytes, history included
    Column("keyframe_id", Id, ForeignKey("decisions.id")),
    Column("body", LargeBinary, nullable=False),  # canonical bytes without the history's samples; see ``bodies``
    Index("decisions_of_strategy", "strategy", "id"),
)

plans = Table(
    "plans",
    metadata,
    _identity(),
    Column("decision_id", Id, ForeignKey("decisions.id"), nullable=False),
    Column("strategy", Text, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("block_hash", Text, nullable=False),
    Column("settings_digest", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("deadline_timestamp", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # open, then the kind of its outcome
    Column("note", Text, nullable=False, server_default=""),
    Column("act", Text, nullable=False),  # the step that ends it: exit, swap, mint, ...
    Column("closed_timestamp", BigInteger),
    Column("cost_quote", Text),  # gas that was paid, and the fee and impact of a swap that was made
    Index("one_plan_per_block", "chain_id", "strategy", "owner", "block_hash", "settings_digest", unique=True),
    Index(
        "one_open_plan",
        "strategy",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

steps = Table(
    "steps",
    metadata,
    _identity(),
    Column("plan_id", Id, ForeignKey("plans.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),  # READY, DONE, FAILED
    Column("body", Text, nullable=False),
    Index("one_step", "plan_id", "ordinal", unique=True),
)

transactions = Table(
    "transactions",
    metadata,
    _identity(),
    Column("step_id", Id, ForeignKey("steps.id"), nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("sender", Text, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    # What the limits count, written with the signature: the chain's time, the most its gas can cost, what it swaps.
    Column("signed_timestamp", BigInteger, nullable=False, server_default=text("0")),
    Column("debit_gas_wei", Text, nullable=False, server_default="0"),
    Column("debit_quote", Text, nullable=False, server_default="0"),
    # How many nonces it takes: a self-sponsored authorization of EIP-7702 takes the next one too.
    Column("nonces", Integer, nullable=False, server_default=text("1")),
    Column("block_number", BigInteger),
    Column("block_timestamp", BigInteger),
    Column("block_hash", Text),
    Column("receipt", LargeBinary),  # zlib of the node's JSON, once included: the evidence
    Index("one_transaction_per_step", "step_id", unique=True),
    Index("transactions_of_sender", "chain_id", "sender", "signed_timestamp"),
    Index("one_transaction_per_nonce", "chain_id", "sender", "nonce", unique=True),
)

attempts = Table(
    "attempts",
    metadata,
    _identity(),
    Column("transaction_id", Id, ForeignKey("transactions.id"), nullable=False, index=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("raw", LargeBinary, nullable=False),
    Column("gas_limit", BigInteger, nullable=False),
    Column("max_fee_wei", Text, nullable=False),
    Column("max_priority_fee_wei", Text, nullable=False),
    Column("signed_timestamp", BigInteger, nullable=False, server_default=text("0")),  # the chain's time
    Column("cancels", Boolean, nullable=False),
    Column("route", Text, nullable=False, server_default="public"),  # or private: a relay alone
)

# An operator's taking back of what a key's account delegates to (EIP-7702), each attempt a row; it belongs to no plan
# and takes its nonce and the next. States: SIGNED, then FINAL, or REPLACED by another transaction of the nonce.
undelegations = Table(
    "undelegations",
    metadata,
    _identity(),
    *(Column(name, BigInteger, nullable=False) for name in ("chain_id", "nonce", "gas_limit", "signed_timestamp")),
    *(Column(name, Text, nullable=False) for name in ("sender", "state", "max_fee_wei", "max_priority_fee_wei")),
    Column("hash", Text, nullable=False, unique=True),
    Column("raw", LargeBinary, nullable=False),
)

# What was proposed to the owners of a Safe for a step, or to reject that on the same nonce.
# States: HASHED, PROPOSED, READY, EXECUTED, then FINAL, REPLACED, REJECTED or EXPIRED; see ``proposals``.
proposals = Table(
    "proposals",
    metadata,
    _identity(),
    Column("step_id", Id, ForeignKey("steps.id"), nullable=False, index=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("safe", Text, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # the safeTxHash
    Column("body", LargeBinary, nullable=False),  # canonical JSON of every signed field, calldata as hex
    Column("kind", Text, nullable=False),  # act, or rejection
    Column("state", Text, nullable=False),
    Column("proposer", Text, nullable=False, server_default=""),  # empty: nobody signed, a file was written
    Column("signature", LargeBinary),
    Column("signed_timestamp", BigInteger, nullable=False),  # the chain's time
    Column("deadline_timestamp", BigInteger, nullable=False),
    Column("debit_quote", Text, nullable=False, server_default="0"),
    Column("place", Text, nullable=False, server_default=""),  # where owners find it: a service, a file, the chain
    Column("report", Text, nullable=False, server_default=""),  # what a simulation with the owners' consent showed
    Column("confirmations", Integer, nullable=False, server_default=text("0")),
    Column("threshold", Integer, nullable=False, server_default=text("0")),
    Column("note", Text, nullable=False, server_default=""),
    # Of the transaction that executed it; for a replaced or rejected one, of what was executed in its place.
    Column("transaction_hash", Text),
    Column("block_number", BigInteger),
    Column("block_hash", Text),
    Column("block_timestamp", BigInteger),
    Column("gas_wei", Text),  # what its executor paid
    Column("receipt", LargeBinary),
    Index("proposals_of_nonce", "chain_id", "safe", "nonce"),
)

# What a Safe was when the keeper first relied on it: owners, threshold, modules, guard, handler, code.
safe_pins = Table(
    "safe_pins",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("safe", Text, primary_key=True),
    Column("body", Text, nullable=False),  # canonical JSON
)

ledger = Table(
    "ledger",
    metadata,
    _identity(),
    Column("chain_id", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("plan_id", Id, ForeignKey("plans.id"), index=True),
    Column("kind", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("amount", Text, nullable=False),
    Column("token_id", Text),
    Column("transaction_hash", Text, nullable=False),
    Column("log_index", Integer, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Index("one_line_per_log", "chain_id", "owner", "transaction_hash", "log_index", "kind", "token", unique=True),
    Index("ledger_of_token", "chain_id", "owner", "token"),
)

positions = Table(
    "positions",
    metadata,
    _identity(),
    Column("chain_id", BigInteger, nullable=False),
    Column("pool", Text, nullable=False),
    Column("token_id", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("lower_tick", Integer, nullable=False),
    Column("upper_tick", Integer, nullable=False),
    Column("trigger_lower_tick", Integer, nullable=False),
    Column("trigger_upper_tick", Integer, nullable=False),
    Column("share_ppm", Integer, nullable=False),
    Column("liquidity", Text, nullable=False),
    Column("amount_0", Text, nullable=False),
    Column("amount_1", Text, nullable=False),
    Column("opened_timestamp", BigInteger, nullable=False),
    Column("opened_plan_id", Id, ForeignKey("plans.id")),  # empty: adopted
    Column("closed_timestamp", BigInteger),
    Column("closed_plan_id", Id, ForeignKey("plans.id")),
    Column("ending", Text),  # why it was closed, where no plan of ours did it: moved or burned by somebody else
    Index("one_position", "chain_id", "pool", "token_id", unique=True),
    Index("positions_of_strategy", "strategy", "closed_timestamp"),
)

events = Table(
    "events",
    metadata,
    _identity(),
    Column("strategy", Text),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
)
