"""What the chain does with an EOA that delegates to the batch account: the facts that the atomic executor rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from keeper.chainlab.anvil import CHAIN_ID, Anvil, AnvilOptions
from keeper.chainlab.artifacts import load_artifact
from keeper.chainlab.calls import call_data
from keeper.chainlab.create2 import code_hash, create2_address
from keeper.chainlab.deploy_account import delegate_of, delegation_code, place_batch_account
from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import RpcError
from keeper.known_safe import BATCH_ACCOUNT, DETERMINISTIC_DEPLOYER

KEY = keccak(text="an account that delegates")
ME = Account.from_key(KEY).address
NOBODY = "0x" + 40 * "0"
PAYEES = [f"0x{number:040x}" for number in (0xDEAD_0001, 0xDEAD_0002)]
GAS = 300_000
EMPTY_ACCOUNT_COST_GAS = 25_000  # EIP-7702: charged for each authorization in advance
EXISTING_ACCOUNT_COST_GAS = 12_500  # what remains of it when the account exists
_BATCH = "executeBatch((address,uint256,bytes)[])"


def _batch(*payments_wei: int) -> str:
    return call_data(_BATCH, [(to, wei, b"") for to, wei in zip(PAYEES, payments_wei, strict=True)])


@dataclass(frozen=True, slots=True)
class Sent:
    status: int
    kind: int
    gas: int


@dataclass(frozen=True, slots=True)
class Delegator:
    """The account acting upon itself."""

    rpc: Rpc

    @property
    def nonce(self) -> int:
        return int(self.rpc("eth_getTransactionCount", ME, "latest"), 16)

    @property
    def code(self) -> str:
        return str(self.rpc("eth_getCode", ME, "latest"))

    def paid_wei(self) -> list[int]:
        return [int(self.rpc("eth_getBalance", payee, "latest"), 16) for payee in PAYEES]

    def send(self, data: str, *authorizations: Any) -> Sent:
        """To itself: type 4 with authorizations, else type 2."""
        transaction = {
            "chainId": CHAIN_ID, "nonce": self.nonce, "to": ME, "value": 0, "data": data, "gas": GAS,
            "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1,
        }  # fmt: skip
        if authorizations:
            transaction["authorizationList"] = list(authorizations)
        signed = Account.sign_transaction(transaction, KEY)
        digest = self.rpc("eth_sendRawTransaction", signed.raw_transaction.to_0x_hex())
        self.rpc("evm_mine")
        receipt = self.rpc("eth_getTransactionReceipt", digest)
        return Sent(*(int(receipt[name], 16) for name in ("status", "type", "gasUsed")))

    def authorize(self, delegate: str, nonce: int) -> Any:
        return Account.sign_authorization({"chainId": CHAIN_ID, "address": delegate, "nonce": nonce}, KEY)


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with Anvil() as anvil:
        place_batch_account(anvil.rpc)
        anvil.set_balance(ME, 10**19)
        yield anvil


@pytest.fixture
def me(node: Anvil) -> Iterator[Delegator]:
    snapshot = node.snapshot()
    yield Delegator(node.rpc)
    node.revert(snapshot)


def test_the_published_code_is_what_stands_on_public_chains(me: Delegator) -> None:
    code = load_artifact("@account-abstraction/contracts/artifacts/Simple7702Account.json").bytecode
    assert create2_address(DETERMINISTIC_DEPLOYER, code) == BATCH_ACCOUNT.address
    assert code_hash(me.rpc, BATCH_ACCOUNT.address) == BATCH_ACCOUNT.code_hash
    before = me.rpc("eth_blockNumber")
    assert place_batch_account(me.rpc) == "0xe6Cae83BdE06E4c305530e199D7217f42808555B"
    assert me.rpc("eth_blockNumber") == before


def test_one_transaction_delegates_and_acts(me: Delegator) -> None:
    assert delegate_of(me.rpc, ME) is None
    first = me.send(_batch(5, 6), me.authorize(BATCH_ACCOUNT.address, me.nonce + 1))
    assert (first.status, first.kind) == (1, 4)
    assert me.paid_wei() == [5, 6]
    assert me.nonce == 2
    assert me.code == "0xef0100e6cae83bde06e4c305530e199d7217f42808555b" == delegation_code(BATCH_ACCOUNT.address)
    assert delegate_of(me.rpc, ME) == BATCH_ACCOUNT.address
    assert delegate_of(me.rpc, BATCH_ACCOUNT.address) is None

    second = me.send(_batch(5, 6))
    assert (second.status, second.kind, me.nonce) == (1, 2, 3)
    assert me.paid_wei() == [10, 12]

    again = me.send(_batch(5, 6), me.authorize(BATCH_ACCOUNT.address, me.nonce + 1))
    assert again.gas - second.gas == EXISTING_ACCOUNT_COST_GAS

    last = me.send("0x", me.authorize(NOBODY, me.nonce + 1))
    assert (last.status, last.kind, me.code, me.nonce) == (1, 4, "0x", 7)
    assert delegate_of(me.rpc, ME) is None


def test_a_wrong_nonce_in_the_authorization_succeeds_and_does_nothing(me: Delegator) -> None:
    """The trap: status 1 proves nothing, because a call of an account without code does."""
    sent = me.send(_batch(5, 6), me.authorize(BATCH_ACCOUNT.address, me.nonce))
    assert (sent.status, me.code, me.paid_wei(), me.nonce) == (1, "0x", [0, 0], 1)


def test_a_failed_batch_undoes_its_calls_but_not_the_delegation(me: Delegator) -> None:
    sent = me.send(_batch(5, 10**30), me.authorize(BATCH_ACCOUNT.address, me.nonce + 1))
    assert (sent.status, me.paid_wei(), me.nonce) == (0, [0, 0], 2)
    assert delegate_of(me.rpc, ME) == BATCH_ACCOUNT.address


def test_nobody_else_can_use_the_delegation(me: Delegator) -> None:
    me.send("0x", me.authorize(BATCH_ACCOUNT.address, me.nonce + 1))
    stranger = me.rpc("eth_accounts")[3]
    with pytest.raises(RpcError, match="not from self or EntryPoint"):
        me.rpc("eth_call", {"from": stranger, "to": ME, "data": _batch(5, 6)}, "latest")
    assert me.rpc("eth_call", {"from": ME, "to": ME, "data": _batch(5, 6)}, "latest") == "0x"


_OVERRIDE = ({ME: {"code": delegation_code(BATCH_ACCOUNT.address)}},)
_IS_RECEIVER = call_data("supportsInterface(bytes4)", bytes.fromhex("150b7a02"))


def _simulated(me: Delegator, data: str, override: Sequence[Any]) -> Any:
    block: dict[str, Any] = {"calls": [{"from": ME, "to": ME, "data": data}]}
    if override:
        block["stateOverrides"] = override[0]
    payload = {"blockStateCalls": [block], "traceTransfers": True, "validation": False}
    return me.rpc("eth_simulateV1", payload, "latest")[0]["calls"][0]


def test_anvil_runs_an_overridden_code_as_a_delegation(me: Delegator) -> None:
    ask = {"from": ME, "to": ME}
    assert me.rpc("eth_call", ask | {"data": _IS_RECEIVER}, "latest") == "0x"
    assert int(me.rpc("eth_call", ask | {"data": _IS_RECEIVER}, "latest", *_OVERRIDE), 16) == 1
    assert len(_simulated(me, _batch(5, 6), ())["logs"]) == 0
    done = _simulated(me, _batch(5, 6), _OVERRIDE)
    assert (done["status"], len(done["logs"])) == ("0x1", 2)
    assert _simulated(me, _batch(5, 10**30), _OVERRIDE)["status"] == "0x0"
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(RpcError, match="reverted") as caught:
            me.rpc(method, ask | {"data": _batch(5, 10**30)}, "latest", *_OVERRIDE)
        # ExecuteError(1, empty): the second call failed
        selector = "0x" + keccak(text="ExecuteError(uint256,bytes)")[:4].hex()
        assert caught.value.data is not None and caught.value.data.startswith(f"{selector}{1:064x}")


def test_anvil_estimates_with_an_authorization(me: Delegator) -> None:
    def estimate(*override: Any, **more: Any) -> int:
        ask = {"from": ME, "to": ME, "data": _batch(5, 6), **more}
        return int(me.rpc("eth_estimateGas", ask, "latest", *override), 16)

    signed = me.authorize(BATCH_ACCOUNT.address, me.nonce + 1)
    named = {
        "chainId": hex(CHAIN_ID), "address": BATCH_ACCOUNT.address, "nonce": hex(me.nonce + 1),
        "yParity": hex(signed.y_parity), "r": hex(signed.r), "s": hex(signed.s),
    }  # fmt: skip
    delegated, authorized = estimate(*_OVERRIDE), estimate(authorizationList=[named])
    assert authorized - delegated == EMPTY_ACCOUNT_COST_GAS
    # an authorization that does not count is estimated without a word, as a call of nothing
    assert estimate(authorizationList=[named | {"r": "0x1"}]) < delegated
    assert me.send(_batch(5, 6), signed).gas <= authorized


def test_a_fork_before_prague_knows_no_delegation() -> None:
    with Anvil(AnvilOptions(extra=("--hardfork", "cancun"))) as anvil:
        place_batch_account(anvil.rpc)
        anvil.set_balance(ME, 10**19)
        me = Delegator(anvil.rpc)
        with pytest.raises(RpcError, match="not supported by the current hardfork"):
            me.send(_batch(5, 6), me.authorize(BATCH_ACCOUNT.address, 1))
