"""Row 1 on a chain: what a stolen key can do to a Safe by itself is nothing, and what a delegation does is undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keeper.chainlab.anvil import Anvil
from keeper.chainlab.artifacts import load_own_artifact
from keeper.chainlab.calls import call_data, create, read, send
from keeper.chainlab.deploy_account import delegate_of, place_batch_account
from keeper.chainlab.deploy_safe import create_safe, packed_signatures, place_safe_contracts, transaction_hash
from keeper.chainlab.owners import OwnersAtHand
from keeper.errors import RpcError
from keeper.known_safe import BATCH_ACCOUNT
from keeper.model.safe import SafeTx
from keeper.world.chain.fees import Fees
from keeper.world.journal.opening import open_journal
from keeper.world.safe.calldata import approve_hash_calldata, execute_calldata
from keeper.world.signers.delegation import UndelegationLimits, sign_undelegation
from keeper.world.signers.keystore import KeystoreSigner
from tests.world.signers import batches, scene
from tests.world.signers.written import write_for
from tests.world.unpoliced import sign_anything

KEY, THIEF = scene.KEY, "0x" + "ba" * 20
OWNERS = OwnersAtHand.from_seed(5, 2)
TOKENS = 10**9
ANYTHING_RETURNS_TRUE = "0x600160005260206000f3"


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with Anvil() as made:
        made.set_balance(KEY.address, 10**20)
        yield made


def raw_send(anvil: Anvil, raw: bytes) -> dict[str, Any]:
    digest = anvil.rpc("eth_sendRawTransaction", "0x" + raw.hex())
    anvil.rpc("evm_mine")
    receipt: dict[str, Any] = anvil.rpc("eth_getTransactionReceipt", digest)
    return receipt


def nonce(anvil: Anvil) -> int:
    return int(anvil.rpc("eth_getTransactionCount", KEY.address, "latest"), 16)


def by_the_key(anvil: Anvil, to: str, data: bytes) -> dict[str, Any]:
    """Signed past the policy, as a thief would."""
    fields = {"type": 2, "chainId": 31337, "nonce": nonce(anvil), "to": to, "value": 0, "data": data, "gas": 500_000,
              "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1}  # fmt: skip
    return raw_send(anvil, sign_anything(KeystoreSigner(KEY), fields))


@pytest.mark.parametrize("is_owner", [False, True])
def test_01_with_the_key_alone_nothing_leaves_a_safe(anvil: Anvil, is_owner: bool) -> None:
    """A delegate's key signs for nobody; that of one of two owners is one of two signatures."""
    rpc = anvil.rpc
    place_safe_contracts(rpc)
    owners = [KEY.address, OWNERS.addresses[0]] if is_owner else list(OWNERS.addresses)
    safe = create_safe(rpc, owners, 2).lower()
    deployer = rpc("eth_accounts")[0]
    code, types = load_own_artifact("Token").bytecode, ("string", "string", "uint8")
    token = create(rpc, deployer, code, types, "Token", "TKN", 6).lower()
    send(rpc, deployer, token, call_data("mint(address,uint256)", safe, TOKENS))
    anvil.set_balance(safe, 10**18)

    def held() -> tuple[int, int]:
        (tokens,) = read(rpc, token, "balanceOf(address)", ("uint256",), safe)
        return int(tokens), int(rpc("eth_getBalance", safe, "latest"), 16)

    theft = bytes.fromhex(call_data("transfer(address,uint256)", THIEF, TOKENS)[2:])
    for tx in (SafeTx(31337, safe, token, 0, theft, 0, 0), SafeTx(31337, safe, THIEF, 10**18, b"", 0, 0)):
        digest = transaction_hash(rpc, safe, tx)
        own = bytes(KEY.unsafe_sign_hash(digest).signature)
        as_sender = bytes(12) + bytes.fromhex(scene.OWNER[2:]) + bytes(32) + b"\1"
        forged = {OWNERS.addresses[0]: own, OWNERS.addresses[1]: own}
        for signatures in (own, own + own, as_sender, as_sender + own, packed_signatures(forged), b""):
            assert by_the_key(anvil, safe, execute_calldata(tx, signatures))["status"] == "0x0"
        approved = by_the_key(anvil, safe, approve_hash_calldata(digest))["status"]
        assert approved == ("0x1" if is_owner else "0x0")
        assert by_the_key(anvil, safe, execute_calldata(tx, as_sender))["status"] == "0x0"
    pull = bytes.fromhex(call_data("transferFrom(address,address,uint256)", safe, THIEF, TOKENS)[2:])
    assert by_the_key(anvil, token, pull)["status"] == "0x0"
    for call in ("enableModule(address)", "setGuard(address)", "setFallbackHandler(address)"):
        assert by_the_key(anvil, safe, bytes.fromhex(call_data(call, THIEF)[2:]))["status"] == "0x0"
    assert held() == (TOKENS, 10**18)
    if is_owner:  # the control: with the other owner's consent it would
        confirmed = {KEY.address: bytes(KEY.unsafe_sign_hash(digest).signature)}
        confirmed |= OWNERS.confirmations(digest, OWNERS.addresses[0])
        assert by_the_key(anvil, safe, execute_calldata(tx, packed_signatures(confirmed)))["status"] == "0x1"


def test_01_a_delegated_account_acts_for_its_key_alone_and_is_itself_again(anvil: Anvil, tmp_path: Path) -> None:
    """The policed key delegates and acts in one transaction; a self-send takes a nonce as ever; then it is undone."""
    rpc, me = anvil.rpc, KEY.address
    place_batch_account(rpc)
    for token in (scene.TOKEN0, scene.TOKEN1):
        rpc("anvil_setCode", token, ANYTHING_RETURNS_TRUE)
    before = nonce(anvil)
    journal = open_journal(f"sqlite:///{tmp_path}/delegated.db", "atomic")
    written = write_for(journal, "delegated", batches.TIDY)
    made = batches.delegating(batches.TIDY, written.deadline, nonce=before, gas=300_000)
    mined = raw_send(anvil, written.ask(made).raw)
    journal.close()
    assert (mined["status"], mined["type"]) == ("0x1", "0x4")
    assert delegate_of(rpc, me) == BATCH_ACCOUNT.address and nonce(anvil) == before + 2

    empty = by_the_key(anvil, me, b"")
    assert (empty["status"], nonce(anvil)) == ("0x1", before + 3)
    bare = {"type": 2, "chainId": 31337, "nonce": before + 3, "to": me, "value": 0, "data": b"", "gas": 21_000,
            "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1}  # fmt: skip
    raw_send(anvil, sign_anything(KeystoreSigner(KEY), bare))
    assert nonce(anvil) == before + 4, "even with the least gas, where no code can run, the nonce is taken"
    stolen = batches.execute_batch(batches.calls(batches.TIDY, scene.OWNER, written.deadline))
    with pytest.raises(RpcError, match="not from self or EntryPoint"):
        rpc("eth_call", {"from": THIEF, "to": me, "data": "0x" + stolen.hex()}, "latest")

    dear = UndelegationLimits(tip_wei=1, gas_wei=10**16)
    ended = raw_send(anvil, sign_undelegation(KeystoreSigner(KEY), 31337, before + 4, Fees(10**11, 1), 60_000, dear))
    assert (ended["status"], ended["type"], nonce(anvil)) == ("0x1", "0x4", before + 6)
    assert delegate_of(rpc, me) is None and rpc("eth_getCode", me, "latest") == "0x"
