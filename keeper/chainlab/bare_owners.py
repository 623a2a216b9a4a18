"""Owners of every kind carrying out steps on the local chain with as little between as there can be.

No executor, signer or journal stands here: it is for measuring what the contracts themselves charge a key for single
transactions, the position manager for a multicall, an account that delegates (EIP-7702) and a Safe of three owners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account as Key
from eth_utils.crypto import keccak

from keeper.chainlab.anvil import CHAIN_ID, Anvil
from keeper.chainlab.calls import call_data, read, transact
from keeper.chainlab.deploy import Deployment
from keeper.chainlab.deploy_account import place_batch_account
from keeper.chainlab.deploy_safe import create_safe, place_safe_contracts
from keeper.chainlab.owners import OwnersAtHand
from keeper.errors import RpcError
from keeper.known_safe import BATCH_ACCOUNT, SAFE_RELEASES
from keeper.model.observation import Account
from keeper.model.plan import Batch, SingleStep, Step, singles
from keeper.model.safe import SafeTx
from keeper.world.protocols import Call
from keeper.world.safe.multisend import batch_of
from keeper.world.venues.uniswap_v3 import UniswapV3

NO_DEADLINE = 2**40

_NATIVE_WEI = 10**20
_GAS_LIMIT = 12_000_000
_GWEI_WEI = 10**9
_EXECUTOR = 3
_OWNERS = OwnersAtHand.from_seed(11)
_BATCH = "executeBatch((address,uint256,bytes)[])"


@dataclass(frozen=True, slots=True)
class Sent:
    """A mined transaction: what was done in it, and the gas units it used."""

    steps: tuple[SingleStep, ...]
    gas_units: int


@dataclass(frozen=True, slots=True)
class BareOwner:
    """Whoever holds tokens and positions at ``address``; ``account`` is what it can do in one transaction."""

    anvil: Anvil
    venue: UniswapV3
    account: Account
    address: str
    key: bytes = b""

    def carry_out(self, steps: Sequence[Step]) -> list[Sent]:
        """Each step in a transaction of its own, a batch in one.

        Raises:
            RpcError: one of them reverted.
        """
        return [self._carry_out(step) for step in steps]

    def _carry_out(self, step: Step) -> Sent:
        # The position manager's own multicall is one call already.
        parts = step.steps if isinstance(step, Batch) and self.account != "multicall" else (step,)
        calls = [self.venue.call(each, self.address, NO_DEADLINE) for each in parts]
        return Sent(singles((step,)), int(self.send(calls)["gasUsed"], 16))

    def send(self, calls: Sequence[Call]) -> dict[str, Any]:
        """The calls in one transaction, from whoever sends for this owner; the receipt. RpcError where it reverts."""
        rpc = self.anvil.rpc
        if self.account == "safe":
            (nonce,) = read(rpc, self.address, "nonce()", ("uint256",))
            batch = batch_of(calls, SAFE_RELEASES["1.4.1"].multi_send_call_only.address)
            safe_tx = SafeTx(CHAIN_ID, self.address.lower(), *batch, nonce)
            return _OWNERS.confirm_and_execute(rpc, self.address, safe_tx, rpc("eth_accounts")[_EXECUTOR])
        if len(calls) == 1:
            return self._send_as_key(calls[0].to, "0x" + calls[0].data.hex())
        together = [(each.to, each.value_wei, each.data) for each in calls]
        return self._send_as_key(self.address, call_data(_BATCH, together))

    def ask_for(self, threshold: int) -> None:
        """So many of the Safe's owners have to sign from now on."""
        self.send([Call(self.address, bytes.fromhex(call_data("changeThreshold(uint256)", threshold)[2:]))])

    def _send_as_key(self, to: str, data: str) -> dict[str, Any]:
        rpc = self.anvil.rpc
        nonce = int(rpc("eth_getTransactionCount", self.address, "latest"), 16)
        transaction: dict[str, Any] = {
            "chainId": CHAIN_ID, "nonce": nonce, "to": to, "value": 0, "data": data, "gas": _GAS_LIMIT,
            "maxFeePerGas": 100 * _GWEI_WEI, "maxPriorityFeePerGas": 1,
        }  # fmt: skip
        if to == self.address and rpc("eth_getCode", self.address, "latest") == "0x":
            what = {"chainId": CHAIN_ID, "address": BATCH_ACCOUNT.address, "nonce": nonce + 1}
            transaction["authorizationList"] = [Key.sign_authorization(what, self.key)]
        signed = Key.sign_transaction(transaction, self.key)
        digest = rpc("eth_sendRawTransaction", signed.raw_transaction.to_0x_hex())
        self.anvil.mine()
        receipt: dict[str, Any] = rpc("eth_getTransactionReceipt", digest)
        if int(receipt["status"], 16) != 1:
            raise RpcError(f"transaction {digest} of {self.address} reverted")
        return receipt


def bare_owner(anvil: Anvil, deployment: Deployment, venue: UniswapV3, account: Account, *amounts: int) -> BareOwner:
    """A new owner that holds ``amounts`` (token0, token1, raw units). Errors as of what is deployed for it."""
    rpc = anvil.rpc
    key = keccak(text=f"range keeper, a bare owner at block {rpc('eth_blockNumber')}")
    if account == "safe":
        place_safe_contracts(rpc)
        address, key = create_safe(rpc, _OWNERS.addresses, 2, salt_nonce=int(rpc("eth_blockNumber"), 16)), b""
    else:
        address = str(Key.from_key(key).address)
        anvil.set_balance(address, _NATIVE_WEI)
    if account == "delegated":
        place_batch_account(rpc)
    for token, amount in zip((deployment.token0, deployment.token1), amounts, strict=True):
        if amount:
            transact(rpc, deployment.deployer, token, "mint(address,uint256)", address, amount)
    return BareOwner(anvil, venue, account, address, key)
