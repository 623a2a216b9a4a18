"""The batch account that an EOA can delegate to (EIP-7702), on a local chain.

It needs the Prague hard fork; the pinned anvil starts on a later one. On an older fork the account can be placed, but
type-4 transactions are refused.
"""

from __future__ import annotations

from eth_utils.address import to_checksum_address

from keeper.chainlab.artifacts import load_artifact
from keeper.chainlab.create2 import place
from keeper.chainlab.jsonrpc import Rpc
from keeper.known_safe import BATCH_ACCOUNT, DETERMINISTIC_DEPLOYER

_ARTIFACT = "@account-abstraction/contracts/artifacts/Simple7702Account.json"
_DELEGATION_BYTES = 23


def place_batch_account(rpc: Rpc) -> str:
    """``Simple7702Account`` 0.8 at its address on public chains, through the same factory; repeating is harmless.

    Raises:
        ConfigError: the contract is not installed.
        KeeperError: it is not the canonical one, or another stands in its place.
        RpcError: the node refused the transaction.
    """
    place(rpc, DETERMINISTIC_DEPLOYER, load_artifact(_ARTIFACT).bytecode, BATCH_ACCOUNT)
    return BATCH_ACCOUNT.address


def delegation_code(delegate: str) -> str:
    """The code, as hex, of an account that delegates to ``delegate``: 0xef0100 ‖ address (EIP-7702)."""
    return "0xef0100" + delegate.removeprefix("0x").lower()


def delegate_of(rpc: Rpc, account: str) -> str | None:
    """The checksum address that ``account`` delegates to at the latest block; None for plain accounts and contracts."""
    code = bytes.fromhex(rpc("eth_getCode", account, "latest")[2:])
    if len(code) != _DELEGATION_BYTES or not code.startswith(b"\xef\x01\x00"):
        return None
    return to_checksum_address(code[3:])
