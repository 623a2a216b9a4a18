"""Schema 4: proposals to the owners of a Safe, what a Safe was when first relied on, transactions of two nonces."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "4"
down_revision: Final = "3"

_ZERO: Final = sa.text("0")


def upgrade() -> None:
    """Every row stays as it is; what is new begins empty, or at nothing."""
    op.add_column("transactions", sa.Column("nonces", sa.Integer, nullable=False, server_default=sa.text("1")))
    op.create_table(
        "safe_pins",
        sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("safe", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    integers = ("chain_id", "nonce", "gas_limit", "signed_timestamp")
    op.create_table(
        "undelegations",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in integers),
        *(_column(name, sa.Text) for name in ("sender", "state", "max_fee_wei", "max_priority_fee_wei", "hash")),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "proposals",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("step_id", number, sa.ForeignKey("steps.id"), nullable=False),
        *(_column(name, kind) for name, kind in _NEEDED.items()),
        sa.Column("signature", sa.LargeBinary),
        *(_column(name, sa.Text, "") for name in ("proposer", "place", "report", "note")),
        *(_column(name, sa.Integer, _ZERO) for name in ("confirmations", "threshold")),
        _column("debit_quote", sa.Text, "0"),
        *(sa.Column(name, sa.Text) for name in ("transaction_hash", "block_hash", "gas_wei")),
        *(sa.Column(name, sa.BigInteger) for name in ("block_number", "block_timestamp")),
        sa.Column("receipt", sa.LargeBinary),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("ix_proposals_step_id", "proposals", ["step_id"])
    op.create_index("proposals_of_nonce", "proposals", ["chain_id", "safe", "nonce"])


_NEEDED: Final[dict[str, Any]] = {
    "chain_id": sa.BigInteger,
    "safe": sa.Text,
    "nonce": sa.BigInteger,
    "hash": sa.Text,
    "body": sa.LargeBinary,
    "kind": sa.Text,
    "state": sa.Text,
    "signed_timestamp": sa.BigInteger,
    "deadline_timestamp": sa.BigInteger,
}


def _column(name: str, kind: Any, default: Any = None) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=default)
