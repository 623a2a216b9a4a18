"""A transaction of the treasury on the service, as its first owner brings it there."""

from __future__ import annotations

from keeper.model.safe import SafeTx
from keeper.world.protocols import Call
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.service import SafeService
from tests.safe.treasury import Treasury, sign

ORIGIN = '{"name":"range-keeper","note":"rebalance 12"}'


def proposed(treasury: Treasury, client: SafeService, tx: SafeTx, number: int = 0) -> bytes:
    digest = safe_tx_hash(tx)
    owner = treasury.owners[number]
    client.propose(tx, digest, owner.address, sign(owner, digest), ORIGIN)
    return digest


def two_calls(treasury: Treasury, nonce: int = 0) -> SafeTx:
    return treasury.tx([Call("0x" + "12" * 20, b"\x01\x02", 3), Call("0x" + "34" * 20, b"", 2**60)], nonce)
