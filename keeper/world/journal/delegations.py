"""What the journal knows of accounts that run a contract's code (EIP-7702): set by a transaction of the keeper's, and
not taken back by it since. The chain has the last word; ``keeper check --online`` asks it."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.world.journal.query import Query

_SET_CODE = b"\x04"


@dataclass(frozen=True, slots=True)
class Delegation:
    """``account`` runs the code of ``delegate`` (checksum addresses) since the block of that UNIX time."""

    chain_id: int
    account: str
    delegate: str
    since_timestamp: int | None


def delegations(query: Query) -> list[Delegation]:
    """The last one of each key, by chain and account. A reverted transaction sets its delegation all the same."""
    rows = query(
        "SELECT t.chain_id, t.sender, a.raw, t.block_timestamp FROM transactions t "
        "JOIN attempts a ON a.transaction_id = t.id "
        "WHERE t.nonces = 2 AND t.state IN ('FINAL_OK', 'FINAL_REVERTED') AND t.nonce > COALESCE((SELECT max(u.nonce) "
        "FROM undelegations u WHERE u.chain_id = t.chain_id AND u.sender = t.sender AND u.state = 'FINAL'), -1) "
        "ORDER BY t.nonce, a.id"
    )
    found = {(row[0], row[1]): row for row in rows if bytes(row[2])[:1] == _SET_CODE}
    return [_delegation(*row) for _, row in sorted(found.items())]


def _delegation(chain_id: int, sender: str, raw: bytes, timestamp: int | None) -> Delegation:
    from keeper.world.chain import codec  # for the few that have one: `keeper status` must start at once
    from keeper.world.chain.delegation import as_signed
    from keeper.world.protocols import Call

    delegate = as_signed(Call(sender, b""), bytes(raw)).delegate
    assert delegate is not None
    return Delegation(chain_id, codec.checksum(sender), delegate, timestamp)
