"""What a Safe is at a block, from the real contract; and what is no Safe."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak

from keeper.chainlab.calls import call_data
from keeper.chainlab.deploy_safe import create_safe
from keeper.errors import ConfigError, RpcError, TransientError
from keeper.known_safe import SAFE_RELEASES
from keeper.model.safe import SafeTx, rejection
from keeper.world.chain.multicall import MULTICALL3
from keeper.world.safe.calldata import approve_hash_calldata, execute_calldata, packed_signatures
from keeper.world.safe.contract import FALLBACK_HANDLER_SLOT, GUARD_SLOT, SafeReader
from keeper.world.safe.hashing import safe_tx_hash
from tests.safe.treasury import Treasury, sign

RELEASE = SAFE_RELEASES["1.4.1"]
NOBODY = "0x" + "99" * 20


def test_slots_are_hashes_of_their_names() -> None:
    assert "0x" + keccak(text="guard_manager.guard.address").hex() == GUARD_SLOT
    assert "0x" + keccak(text="fallback_manager.handler.address").hex() == FALLBACK_HANDLER_SLOT


def test_the_state_of_a_new_safe(treasury: Treasury) -> None:
    state = treasury.reader.state(treasury.head())
    assert (state.nonce, state.threshold, state.version) == (0, 2, "1.4.1")
    assert state.owners == tuple(each.address.lower() for each in treasury.owners)
    assert (state.modules, state.guard) == ((), None)
    assert state.fallback_handler == RELEASE.fallback_handler.address.lower()
    assert state.singleton == RELEASE.singleton.address.lower()
    assert state.proxy_code_hash == "0x" + RELEASE.proxy_code_hash
    assert state.singleton_code_hash == "0x" + RELEASE.singleton.code_hash
    assert state.multisend_code_hash == "0x" + RELEASE.multi_send_call_only.code_hash


CHANGES: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = [
    ("owner", "addOwnerWithThreshold(address,uint256)", (NOBODY, 2), {}),
    ("threshold", "changeThreshold(uint256)", (3,), {"threshold": 3}),
    ("module", "enableModule(address)", (NOBODY,), {"modules": (NOBODY,)}),
    ("handler", "setFallbackHandler(address)", (NOBODY,), {"fallback_handler": NOBODY}),
]


@pytest.mark.parametrize(("name", "signature", "arguments", "expected"), CHANGES, ids=[each[0] for each in CHANGES])
def test_every_change_is_seen_at_its_block_and_not_before(
    treasury: Treasury, name: str, signature: str, arguments: tuple[Any, ...], expected: dict[str, Any]
) -> None:
    reader, before = treasury.reader, treasury.head()
    was = reader.state(before)
    treasury.by_itself(bytes.fromhex(call_data(signature, *arguments)[2:]))
    now = reader.state(treasury.head())
    if name == "owner":
        assert now.owners == (NOBODY, *was.owners)
    for field, value in expected.items():
        assert getattr(now, field) == value
    assert now != was
    assert reader.state(before) == was


def test_guard_and_singleton_come_from_storage(treasury: Treasury) -> None:
    """A guard that the contract would refuse, and a singleton under the same Safe: no function of it tells of them."""
    reader = treasury.reader
    was = reader.state(treasury.head())
    word = "0x" + "00" * 12 + NOBODY[2:]
    treasury.anvil.rpc("anvil_setStorageAt", treasury.safe, GUARD_SLOT, word)
    code = treasury.anvil.rpc("eth_getCode", RELEASE.singleton.address, "latest")
    treasury.anvil.rpc("anvil_setCode", NOBODY, code + "00")
    treasury.anvil.rpc("anvil_setStorageAt", treasury.safe, "0x0", word)
    treasury.anvil.mine()
    now = reader.state(treasury.head())
    assert (now.guard, now.singleton) == (NOBODY, NOBODY)
    assert now.singleton_code_hash not in (was.singleton_code_hash, was.proxy_code_hash)
    assert (now.owners, now.threshold) == (was.owners, was.threshold)


def test_changed_code_is_seen_at_the_singleton_and_at_the_batch_contract(treasury: Treasury) -> None:
    reader = treasury.reader
    was = reader.state(treasury.head())
    for address in (RELEASE.singleton.address, RELEASE.multi_send_call_only.address):
        code = treasury.anvil.rpc("eth_getCode", address, "latest")
        treasury.anvil.rpc("anvil_setCode", address, code + "00")
    treasury.anvil.mine()
    now = reader.state(treasury.head())
    assert now.singleton_code_hash != was.singleton_code_hash
    assert now.multisend_code_hash != was.multisend_code_hash
    assert now.proxy_code_hash == was.proxy_code_hash


def test_every_page_of_modules(treasury: Treasury) -> None:
    modules = tuple(f"0x{number:040x}" for number in range(0x1000, 0x1000 + 107))
    for module in modules:
        treasury.by_itself(bytes.fromhex(call_data("enableModule(address)", module)[2:]))
    assert treasury.reader.state(treasury.head()).modules == modules[::-1]


def test_what_is_no_safe_is_told_so(treasury: Treasury) -> None:
    for address in (NOBODY, MULTICALL3, RELEASE.singleton.address, RELEASE.multi_send_call_only.address):
        with pytest.raises(ConfigError, match=r"not a Safe that can be used.*correct `safe\.address`"):
            SafeReader(treasury.node, MULTICALL3, address).state(treasury.head())


def test_another_version_is_refused(treasury: Treasury) -> None:
    """VERSION() of the singleton answers "1.5.0"."""
    code = str(treasury.anvil.rpc("eth_getCode", RELEASE.singleton.address, "latest"))
    was, now = b"1.4.1".hex(), b"1.5.0".hex()
    assert was in code
    treasury.anvil.rpc("anvil_setCode", RELEASE.singleton.address, code.replace(was, now))
    treasury.anvil.mine()
    with pytest.raises(ConfigError, match=r"version 1\.5\.0.*1\.3\.0 and 1\.4\.1"):
        treasury.reader.state(treasury.head())


def test_a_block_that_is_gone_is_not_read(treasury: Treasury) -> None:
    with pytest.raises(TransientError):
        treasury.reader.state("0x" + "12" * 32)


def test_the_layer_two_singleton_is_a_safe_too(treasury: Treasury) -> None:
    owners = [each.address for each in treasury.owners]
    safe = create_safe(treasury.anvil.rpc, owners, 1, salt_nonce=5, l2=True)
    state = SafeReader(treasury.node, MULTICALL3, safe).state(treasury.head())
    assert (state.singleton, state.threshold) == (RELEASE.singleton_l2.address.lower(), 1)


def test_executed_with_signatures_with_an_approval_and_by_an_owner(treasury: Treasury) -> None:
    reader = treasury.reader
    first, second, _ = treasury.owners
    by_hand = {each.address.lower(): sign(each, safe_tx_hash(treasury.payment(0))) for each in (first, second)}
    treasury.send("0x" + execute_calldata(treasury.payment(0), packed_signatures(by_hand)).hex())
    tx = treasury.payment(1)
    digest = safe_tx_hash(tx)
    treasury.send("0x" + approve_hash_calldata(digest).hex(), first.address)
    owners = [each.address for each in treasury.owners]
    assert reader.approvals(digest, owners, treasury.head()) == {first.address.lower()}
    mixed = {first.address.lower(): None, second.address.lower(): sign(second, digest)}
    treasury.send("0x" + execute_calldata(tx, packed_signatures(mixed)).hex())
    tx = treasury.payment(2)
    own = {first.address.lower(): sign(first, safe_tx_hash(tx)), second.address.lower(): None}
    treasury.send("0x" + execute_calldata(tx, packed_signatures(own)).hex(), second.address)
    assert reader.state(treasury.head()).nonce == 3


def test_a_rejection_uses_up_its_nonce_and_does_nothing(treasury: Treasury) -> None:
    tx = rejection(31337, treasury.safe.lower(), 0)
    before = treasury.anvil.rpc("eth_getBalance", treasury.safe, "latest")
    assert tx.is_rejection
    treasury.execute(tx)
    assert treasury.reader.state(treasury.head()).nonce == 1
    assert treasury.anvil.rpc("eth_getBalance", treasury.safe, "latest") == before


def test_one_signature_is_not_enough_and_the_nonce_is_part_of_what_is_signed(treasury: Treasury) -> None:
    with pytest.raises(RpcError):
        treasury.execute(treasury.payment(0), treasury.owners[:1])
    with pytest.raises(RpcError):
        treasury.execute(treasury.payment(1))
    treasury.execute(treasury.payment(0))


def test_the_contract_says_the_hash(treasury: Treasury) -> None:
    tx = treasury.payment(41, wei=3)
    assert treasury.reader.transaction_hash(tx) == safe_tx_hash(tx)
    other = SafeTx(31337, NOBODY, NOBODY, 0, b"", 0, 0)
    with pytest.raises(ValueError, match="not one of"):
        treasury.reader.transaction_hash(other)
