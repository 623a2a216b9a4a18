"""A 2-of-3 Safe with the real contracts on a chain of its own, and its owners' keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.crypto import keccak

from keeper.chainlab.anvil import CHAIN_ID, Anvil, AnvilOptions
from keeper.chainlab.artifacts import multicall3_code
from keeper.chainlab.calls import send
from keeper.chainlab.deploy_safe import SafeContracts, create_safe, place_safe_contracts
from keeper.model.safe import SafeTx
from keeper.world.chain.multicall import MULTICALL3
from keeper.world.chain.node import HttpNode
from keeper.world.protocols import Call
from keeper.world.safe.calldata import execute_calldata, packed_signatures
from keeper.world.safe.contract import SafeReader
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.multisend import batch_of

RICH_WEI = 10**20


@dataclass(frozen=True, slots=True)
class Treasury:
    """``owners``: three keys, of which two are needed; ``stranger``: a key that is none of them."""

    anvil: Anvil
    node: HttpNode
    contracts: SafeContracts
    safe: str
    owners: tuple[LocalAccount, ...]
    stranger: LocalAccount

    @property
    def reader(self) -> SafeReader:
        return SafeReader(self.node, MULTICALL3, self.safe)

    def head(self) -> str:
        """The hash of the newest block."""
        return str(self.anvil.rpc("eth_getBlockByNumber", "latest", False)["hash"])

    def height(self) -> int:
        return int(self.anvil.rpc("eth_blockNumber"), 16)

    def tx(self, calls: Sequence[Call], nonce: int) -> SafeTx:
        to, value, data, operation = batch_of(calls, self.contracts.multi_send_call_only)
        return SafeTx(CHAIN_ID, self.safe.lower(), to, value, data, operation, nonce)

    def payment(self, nonce: int, wei: int = 1) -> SafeTx:
        """The smallest transaction that does something."""
        return self.tx([Call("0x" + "77" * 20, b"", wei)], nonce)

    def signatures(self, tx: SafeTx, signers: Sequence[LocalAccount]) -> dict[str, bytes | None]:
        return {each.address.lower(): sign(each, safe_tx_hash(tx)) for each in signers}

    def execute(self, tx: SafeTx, signers: Sequence[LocalAccount] | None = None) -> dict[str, Any]:
        """Executed by a bystander with the signatures of two owners; RpcError where the Safe reverts."""
        signatures = packed_signatures(self.signatures(tx, self.owners[:2] if signers is None else signers))
        return self.send("0x" + execute_calldata(tx, signatures).hex())

    def send(self, data: str, sender: str | None = None) -> dict[str, Any]:
        """A call of the Safe from any account; RpcError where it reverts."""
        sender = sender or str(self.anvil.rpc("eth_accounts")[9])
        self.anvil.rpc("anvil_impersonateAccount", sender)
        return send(self.anvil.rpc, sender, self.safe, data)

    def by_itself(self, data: bytes) -> dict[str, Any]:
        """The Safe changes itself, as its owners could make it do."""
        return self.send("0x" + data.hex(), self.safe)


def key(name: str) -> LocalAccount:
    """A key made of a name."""
    made: LocalAccount = Account.from_key(keccak(text=name))
    return made


def sign(account: LocalAccount, digest: bytes) -> bytes:
    """65 bytes over the hash itself."""
    return bytes(account.unsafe_sign_hash(Hash32(digest)).signature)


@contextmanager
def running_treasury() -> Iterator[Treasury]:
    """Everything of it, from nothing, in about two seconds."""
    with Anvil(AnvilOptions(automine=True)) as anvil:
        rpc = anvil.rpc
        rpc("anvil_setCode", MULTICALL3, "0x" + multicall3_code().hex())
        contracts = place_safe_contracts(rpc)
        owners = tuple(key(f"owner {number}") for number in range(3))
        safe = create_safe(rpc, [each.address for each in owners], 2)
        for each in (safe, *(owner.address for owner in owners)):
            anvil.set_balance(each, RICH_WEI)
        node = HttpNode([f"http://127.0.0.1:{anvil.port}"], chain_id=CHAIN_ID)
        yield Treasury(anvil, node, contracts, safe, owners, key("stranger"))
        node.close()
