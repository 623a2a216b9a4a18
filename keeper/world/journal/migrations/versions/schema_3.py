"""Schema 3: signers with a state, pinned code, reconciliations; a signature's debits; positions that were adopted."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "3"
down_revision: Final = "2"


def upgrade() -> None:
    """Every row stays as it is; what is new begins empty, or at nothing."""
    _create_tables()
    op.add_column("strategies", sa.Column("resumed_plan_id", sa.BigInteger, nullable=False, server_default=_ZERO))
    op.add_column("strategies", sa.Column("accepts_difference", sa.Boolean, nullable=False, server_default=_FALSE))
    op.add_column("transactions", sa.Column("signed_timestamp", sa.BigInteger, nullable=False, server_default=_ZERO))
    for name in ("debit_gas_wei", "debit_quote"):
        op.add_column("transactions", sa.Column(name, sa.Text, nullable=False, server_default="0"))
    op.drop_index("ix_transactions_step_id", "transactions")
    op.create_index("one_transaction_per_step", "transactions", ["step_id"], unique=True)
    op.create_index("transactions_of_sender", "transactions", ["chain_id", "sender", "signed_timestamp"])
    op.add_column("attempts", sa.Column("signed_timestamp", sa.BigInteger, nullable=False, server_default=_ZERO))
    op.add_column("attempts", sa.Column("route", sa.Text, nullable=False, server_default="public"))
    with op.batch_alter_table("positions") as positions:
        positions.alter_column("opened_plan_id", existing_type=sa.BigInteger, nullable=True)
        positions.add_column(sa.Column("ending", sa.Text))


_ZERO: Final = sa.text("0")
_FALSE: Final = sa.text("false")


def _create_tables() -> None:
    # The first journals of schema 2 were made without it.
    op.create_table(
        "artifacts",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "signers",
        _key("chain_id", sa.BigInteger()),
        _key("address", sa.Text()),
        sa.Column("state", sa.Text, nullable=False, server_default="running"),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("first_nonce", sa.BigInteger),
    )
    op.create_table(
        "code_pins",
        _key("chain_id", sa.BigInteger()),
        _key("address", sa.Text()),
        sa.Column("code_hash", sa.Text, nullable=False),
        sa.Column("implementation", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "reconciliations",
        _key("chain_id", sa.BigInteger()),
        _key("owner", sa.Text()),
        _key("strategy", sa.Text()),
        sa.Column("block_number", sa.BigInteger, nullable=False),
        sa.Column("block_hash", sa.Text, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
    )


def _key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)
