from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_account import Account

from keeper.chainlab.anvil import Anvil
from keeper.chainlab.calls import call_data, read
from keeper.chainlab.deploy_safe import create_safe, place_safe_contracts, transaction_hash
from keeper.chainlab.jsonrpc import Rpc
from keeper.chainlab.owners import OwnersAtHand
from keeper.errors import KeeperError, RpcError
from tests.chainlab.test_deploy_safe import safe_tx

OWNERS = OwnersAtHand.from_seed(5)
PAYEE = "0x00000000000000000000000000000000000a11ce"


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with Anvil() as anvil:
        place_safe_contracts(anvil.rpc)
        yield anvil


@pytest.fixture
def rpc(node: Anvil) -> Iterator[Rpc]:
    snapshot = node.snapshot()
    yield node.rpc
    node.revert(snapshot)


@pytest.fixture
def safe(rpc: Rpc) -> str:
    made = create_safe(rpc, OWNERS.addresses, 2)
    rpc("anvil_setBalance", made, hex(1000))
    return made


def _balance_wei(rpc: Rpc, address: str) -> int:
    return int(rpc("eth_getBalance", address, "latest"), 16)


def test_owners_are_the_seeds_and_keep_their_keys_to_themselves() -> None:
    assert OwnersAtHand.from_seed(5, 4).addresses[:3] == OWNERS.addresses
    assert len(set(OWNERS.addresses)) == 3
    assert not set(OwnersAtHand.from_seed(6).addresses) & set(OWNERS.addresses)
    assert all(key.hex() not in repr(OWNERS) and repr(key) not in repr(OWNERS) for key in OWNERS.keys)
    digest = bytes(range(32))
    for address, signature in OWNERS.confirmations(digest).items():
        assert Account._recover_hash(digest, signature=signature) == address
    assert list(OWNERS.confirmations(digest, OWNERS.addresses[2])) == [OWNERS.addresses[2]]


def test_two_owners_sign_and_a_third_party_executes(rpc: Rpc, safe: str) -> None:
    executor = rpc("eth_accounts")[4]
    fields = safe_tx(safe, PAYEE, nonce=0, value_wei=7)
    claimed = transaction_hash(rpc, safe, fields)
    receipt = OWNERS.confirm_and_execute(rpc, safe, fields, executor, safe_tx_hash=claimed)
    assert receipt["from"] == executor.lower() and receipt["to"] == safe.lower()
    assert _balance_wei(rpc, PAYEE) == 7
    signatures = rpc("eth_getTransactionByHash", receipt["transactionHash"])["input"]
    signed = [address for address, item in OWNERS.confirmations(claimed).items() if item.hex() in signatures]
    assert signed == list(OWNERS.addresses[:2])
    with pytest.raises(RpcError, match="GS026"):  # the nonce is used: the Safe hashes with its next one
        OWNERS.confirm_and_execute(rpc, safe, fields, executor)
    OWNERS.confirm_and_execute(rpc, safe, replace(fields, nonce=1), executor)
    assert _balance_wei(rpc, PAYEE) == 14


def test_nobody_signs_a_hash_that_the_safe_does_not_confirm(rpc: Rpc, safe: str) -> None:
    fields = safe_tx(safe, PAYEE, nonce=0, value_wei=7)
    other = transaction_hash(rpc, safe, replace(fields, value_wei=8))
    with pytest.raises(KeeperError, match="nobody signs"):
        OWNERS.confirm_and_execute(rpc, safe, fields, rpc("eth_accounts")[4], safe_tx_hash=other)
    assert _balance_wei(rpc, PAYEE) == 0


def test_the_owners_are_those_of_now(rpc: Rpc, safe: str) -> None:
    """A removed owner does not sign, and a raised threshold is met or said to be out of reach."""
    executor = rpc("eth_accounts")[4]
    first, second, _ = OWNERS.addresses
    remove = bytes.fromhex(call_data("removeOwner(address,address,uint256)", first, second, 2)[2:])
    OWNERS.confirm_and_execute(rpc, safe, safe_tx(safe, safe, nonce=0, data=remove), executor)
    OWNERS.confirm_and_execute(rpc, safe, safe_tx(safe, PAYEE, nonce=1, value_wei=7), executor)
    assert _balance_wei(rpc, PAYEE) == 7
    stranger = rpc("eth_accounts")[6]
    add = bytes.fromhex(call_data("addOwnerWithThreshold(address,uint256)", stranger, 3)[2:])
    OWNERS.confirm_and_execute(rpc, safe, safe_tx(safe, safe, nonce=2, data=add), executor)
    assert read(rpc, safe, "getThreshold()", ("uint256",)) == (3,)
    with pytest.raises(KeeperError, match="wants 3 owners' signatures, and only 2 are at hand"):
        OWNERS.confirm_and_execute(rpc, safe, safe_tx(safe, PAYEE, nonce=3), executor)
