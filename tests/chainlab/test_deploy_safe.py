from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.chainlab.anvil import CHAIN_ID, Anvil
from keeper.chainlab.artifacts import load_artifact
from keeper.chainlab.calls import call_data, read
from keeper.chainlab.create2 import code_hash, create2_address, place
from keeper.chainlab.deploy_safe import (
    RELEASE,
    ZERO_ADDRESS,
    create_safe,
    creation_code,
    execute,
    owner_sign,
    place_safe_contracts,
    transaction_hash,
)
from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import KeeperError, RpcError
from keeper.known_safe import BATCH_ACCOUNT, DETERMINISTIC_DEPLOYER, SINGLETON_FACTORY, KnownContract
from keeper.model.safe import Operation, SafeTx

PUBLISHED = {
    "Safe.sol/Safe": RELEASE.singleton,
    "SafeL2.sol/SafeL2": RELEASE.singleton_l2,
    "proxies/SafeProxyFactory.sol/SafeProxyFactory": RELEASE.proxy_factory,
    "handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler": RELEASE.fallback_handler,
    "libraries/MultiSendCallOnly.sol/MultiSendCallOnly": RELEASE.multi_send_call_only,
}
KEYS = [keccak(text=f"owner {number}") for number in range(3)]
OWNERS = [Account.from_key(key).address for key in KEYS]
PAYEES = [f"0x{number:040x}" for number in (0xA11CE, 0xB0B)]
GUARD_SLOT = int.from_bytes(keccak(text="guard_manager.guard.address"))
HANDLER_SLOT = int.from_bytes(keccak(text="fallback_manager.handler.address"))


def safe_tx(
    safe: str, to: str, nonce: int, *, value_wei: int = 0, data: bytes = b"", operation: Operation = 0
) -> SafeTx:
    return SafeTx(CHAIN_ID, safe.lower(), to.lower(), value_wei, data, operation, nonce)


@pytest.fixture(scope="module")
def rpc() -> Iterator[Rpc]:
    with Anvil() as anvil:
        place_safe_contracts(anvil.rpc)
        yield anvil.rpc


@pytest.fixture(scope="module")
def safe(rpc: Rpc) -> str:
    made = create_safe(rpc, OWNERS, 2)
    rpc("anvil_setBalance", made, hex(10**18))
    return made


def _stored_address(rpc: Rpc, safe: str, slot: int) -> str:
    return to_checksum_address(rpc("eth_getStorageAt", safe, hex(slot), "latest")[-40:])


def _payments(*payments: tuple[str, int]) -> bytes:
    """As MultiSend packs them: operation, recipient, value, length of data."""
    packed = b"".join(bytes(1) + bytes.fromhex(to[2:]) + wei.to_bytes(32) + (0).to_bytes(32) for to, wei in payments)
    return bytes.fromhex(call_data("multiSend(bytes)", packed)[2:])


def _signed(rpc: Rpc, safe: str, fields: SafeTx, *signers: int) -> dict[str, bytes]:
    digest = transaction_hash(rpc, safe, fields)
    return {OWNERS[number]: owner_sign(digest, KEYS[number]) for number in signers}


def _nonce(rpc: Rpc, safe: str) -> int:
    return int(read(rpc, safe, "nonce()", ("uint256",))[0])


def test_create2_against_the_examples_of_eip_1014() -> None:
    assert create2_address(ZERO_ADDRESS, b"\0") == "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38"
    deadbeef = create2_address("0x00000000000000000000000000000000deadbeef", bytes.fromhex("deadbeef"),
                               bytes.fromhex("cafebabe").rjust(32, b"\0"))  # fmt: skip
    assert deadbeef == "0x60f3f640a8508fC6a86d45DF051962668E1e8AC7"


@pytest.mark.parametrize("contract", PUBLISHED)
def test_the_published_code_is_what_stands_on_public_chains(rpc: Rpc, contract: str) -> None:
    """An address that CREATE2 derives from a program is proof of that program."""
    known = PUBLISHED[contract]
    assert create2_address(SINGLETON_FACTORY, creation_code(contract)) == known.address
    assert code_hash(rpc, known.address) == known.code_hash


def test_placing_again_does_nothing(rpc: Rpc) -> None:
    before = rpc("eth_blockNumber")
    contracts = place_safe_contracts(rpc)
    assert rpc("eth_blockNumber") == before
    assert contracts.multi_send_call_only == "0x9641d764fc13c8B624c04430C7356C1C7C8102e2"


def test_both_factories_are_the_same_program(rpc: Rpc) -> None:
    assert code_hash(rpc, SINGLETON_FACTORY) == code_hash(rpc, DETERMINISTIC_DEPLOYER)
    assert code_hash(rpc, SINGLETON_FACTORY) != keccak(b"").hex()


def test_code_that_is_not_the_known_one_is_refused(rpc: Rpc) -> None:
    code = creation_code("libraries/MultiSend.sol/MultiSend")
    with pytest.raises(KeeperError, match="belongs at"):
        place(rpc, SINGLETON_FACTORY, code, RELEASE.multi_send_call_only)
    other = KnownContract(create2_address(SINGLETON_FACTORY, code), RELEASE.singleton.code_hash)
    with pytest.raises(KeeperError, match=r"hashes to .*, not 1fe2df85"):
        place(rpc, SINGLETON_FACTORY, code, other)
    account = load_artifact("@account-abstraction/contracts/artifacts/Simple7702Account.json").bytecode
    with pytest.raises(KeeperError, match="belongs at"):
        place(rpc, SINGLETON_FACTORY, account, BATCH_ACCOUNT)


@pytest.mark.parametrize("l2", [False, True])
def test_a_new_safe_is_what_was_asked_for(rpc: Rpc, l2: bool) -> None:
    made = create_safe(rpc, OWNERS, 3, salt_nonce=7, l2=l2)
    singleton = RELEASE.singleton_l2 if l2 else RELEASE.singleton
    assert code_hash(rpc, made) == RELEASE.proxy_code_hash
    assert _stored_address(rpc, made, 0) == singleton.address
    assert _stored_address(rpc, made, HANDLER_SLOT) == RELEASE.fallback_handler.address
    assert _stored_address(rpc, made, GUARD_SLOT) == ZERO_ADDRESS
    assert read(rpc, made, "VERSION()", ("string",)) == ("1.4.1",)
    assert read(rpc, made, "getOwners()", ("address[]",))[0] == tuple(owner.lower() for owner in OWNERS)
    assert read(rpc, made, "getThreshold()", ("uint256",)) == (3,)
    first = "0x" + (1).to_bytes(20).hex()
    assert read(rpc, made, "getModulesPaginated(address,uint256)", ("address[]", "address"), first, 9)[0] == ()
    with pytest.raises(RpcError, match="reverted"):
        create_safe(rpc, OWNERS, 3, salt_nonce=7, l2=l2)


def test_a_safes_address_follows_from_owners_threshold_and_salt(rpc: Rpc) -> None:
    made = create_safe(rpc, OWNERS[:2], 1, salt_nonce=2**200)
    setup = call_data(
        "setup(address[],uint256,address,bytes,address,address,uint256,address)", OWNERS[:2], 1, ZERO_ADDRESS, b"",
        RELEASE.fallback_handler.address, ZERO_ADDRESS, 0, ZERO_ADDRESS,
    )  # fmt: skip
    salt = keccak(keccak(hexstr=setup) + (2**200).to_bytes(32))
    proxy = creation_code("proxies/SafeProxy.sol/SafeProxy") + encode(("address",), (RELEASE.singleton.address,))
    assert made == create2_address(RELEASE.proxy_factory.address, proxy, salt)


def test_two_owners_pay_two_in_one_transaction(rpc: Rpc, safe: str) -> None:
    before = [int(rpc("eth_getBalance", payee, "latest"), 16) for payee in PAYEES]
    fields = safe_tx(
        safe, RELEASE.multi_send_call_only.address, _nonce(rpc, safe),
        data=_payments((PAYEES[0], 3), (PAYEES[1], 4)), operation=1,
    )  # fmt: skip
    receipt = execute(rpc, safe, fields, _signed(rpc, safe, fields, 2, 0), rpc("eth_accounts")[5])
    after = [int(rpc("eth_getBalance", payee, "latest"), 16) for payee in PAYEES]
    assert [new - old for new, old in zip(after, before, strict=True)] == [3, 4]
    succeeded = "0x" + keccak(text="ExecutionSuccess(bytes32,uint256)").hex()
    assert [log["topics"] for log in receipt["logs"]] == [[succeeded, "0x" + transaction_hash(rpc, safe, fields).hex()]]
    assert _nonce(rpc, safe) == fields.nonce + 1


def test_a_safe_says_why_it_refuses(rpc: Rpc, safe: str) -> None:
    sender, nonce = rpc("eth_accounts")[5], _nonce(rpc, safe)
    fields = safe_tx(safe, PAYEES[0], nonce, value_wei=1)
    signed = _signed(rpc, safe, fields, 0, 1)
    with pytest.raises(RpcError, match="GS020"):  # too few
        execute(rpc, safe, fields, _signed(rpc, safe, fields, 1), sender)
    with pytest.raises(RpcError, match="GS026"):  # of another transaction
        execute(rpc, safe, replace(fields, value_wei=2), signed, sender)
    stranger = keccak(text="stranger")
    forged = signed | {OWNERS[0]: owner_sign(transaction_hash(rpc, safe, fields), stranger)}
    with pytest.raises(RpcError, match="GS026"):
        execute(rpc, safe, fields, forged, sender)
    dear = replace(fields, value_wei=10**30)
    with pytest.raises(RpcError, match="GS013"):  # what it does fails
        execute(rpc, safe, dear, _signed(rpc, safe, dear, 0, 1), sender)
    assert _nonce(rpc, safe) == nonce
    execute(rpc, safe, fields, signed, sender)
    assert _nonce(rpc, safe) == nonce + 1
