"""The real Safe 1.4.1 on a local chain: its contracts at their canonical addresses, new Safes, executions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.chainlab.artifacts import load_artifact
from keeper.chainlab.calls import call_data, read, send, transact
from keeper.chainlab.create2 import place
from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import RpcError
from keeper.known_safe import SAFE_RELEASES, SINGLETON_FACTORY

RELEASE = SAFE_RELEASES["1.4.1"]
ZERO_ADDRESS = "0x" + 40 * "0"

_ARTIFACTS = "@safe-global/safe-contracts/build/artifacts/contracts"
_SETUP = "setup(address[],uint256,address,bytes,address,address,uint256,address)"
_TRANSACTION = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address"
_PROXY_CREATION = keccak(text="ProxyCreation(address,address)")


@dataclass(frozen=True, slots=True)
class SafeContracts:
    """Checksum addresses of what every Safe of the chain shares."""

    singleton: str
    singleton_l2: str
    proxy_factory: str
    fallback_handler: str
    multi_send_call_only: str


class SafeTransaction(Protocol):
    """The fields of a SafeTx that execution needs; amounts in wei, gas in gas units."""

    @property
    def to(self) -> str: ...
    @property
    def value_wei(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def operation(self) -> int: ...
    @property
    def safe_tx_gas(self) -> int: ...
    @property
    def base_gas(self) -> int: ...
    @property
    def gas_price(self) -> int: ...
    @property
    def gas_token(self) -> str: ...
    @property
    def refund_receiver(self) -> str: ...
    @property
    def nonce(self) -> int: ...


def creation_code(contract: str) -> bytes:
    """The published creation code of ``Safe.sol/Safe`` and the like, by its path below the package's contracts.

    Raises:
        ConfigError: the contracts are not installed.
    """
    return load_artifact(f"{_ARTIFACTS}/{contract}.json").bytecode


def place_safe_contracts(rpc: Rpc) -> SafeContracts:
    """Puts the shared contracts where they stand on public chains, through Safe's own factory; repeating is harmless.

    Raises:
        ConfigError: the contracts are not installed.
        KeeperError: they are not the canonical ones, or others stand in their places.
        RpcError: the node refused a transaction.
    """
    wanted = {
        "Safe.sol/Safe": RELEASE.singleton,
        "SafeL2.sol/SafeL2": RELEASE.singleton_l2,
        "proxies/SafeProxyFactory.sol/SafeProxyFactory": RELEASE.proxy_factory,
        "handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler": RELEASE.fallback_handler,
        "libraries/MultiSendCallOnly.sol/MultiSendCallOnly": RELEASE.multi_send_call_only,
    }
    for contract, known in wanted.items():
        place(rpc, SINGLETON_FACTORY, creation_code(contract), known)
    return SafeContracts(
        RELEASE.singleton.address,
        RELEASE.singleton_l2.address,
        RELEASE.proxy_factory.address,
        RELEASE.fallback_handler.address,
        RELEASE.multi_send_call_only.address,
    )


def create_safe(
    rpc: Rpc,
    owners: Sequence[str],
    threshold: int,
    *,
    salt_nonce: int = 0,
    l2: bool = False,
    sender: str | None = None,
) -> str:
    """A new Safe with the usual fallback handler and no modules; returns its checksum address.

    ``sender`` is an account the node signs for (default: its first). The address depends on the owners, their order,
    the threshold and ``salt_nonce``. The shared contracts must be there: :func:`place_safe_contracts`.

    Raises:
        RpcError: the factory reverted: such a Safe exists already, or owners and threshold do not fit.
    """
    setup = call_data(
        _SETUP, list(owners), threshold, ZERO_ADDRESS, b"", RELEASE.fallback_handler.address,
        ZERO_ADDRESS, 0, ZERO_ADDRESS,
    )  # fmt: skip
    singleton = RELEASE.singleton_l2 if l2 else RELEASE.singleton
    receipt = transact(
        rpc, sender or str(rpc("eth_accounts")[0]), RELEASE.proxy_factory.address,
        "createProxyWithNonce(address,bytes,uint256)", singleton.address, bytes.fromhex(setup[2:]), salt_nonce,
    )  # fmt: skip
    for log in receipt["logs"]:
        if bytes.fromhex(log["topics"][0][2:]) == _PROXY_CREATION:
            return to_checksum_address(log["topics"][1][-40:])
    raise RpcError(f"transaction {receipt['transactionHash']} created no Safe")


def transaction_hash(rpc: Rpc, safe: str, transaction: SafeTransaction) -> bytes:
    """The hash that owners sign, in the Safe's own words (``getTransactionHash``).

    Raises:
        RpcError: there is no Safe at ``safe``.
    """
    signature = f"getTransactionHash({_TRANSACTION},uint256)"
    (found,) = read(rpc, safe, signature, ("bytes32",), *_fields(transaction), transaction.nonce)
    return bytes(found)


def owner_sign(safe_tx_hash: bytes, key: str | bytes) -> bytes:
    """An owner's 65-byte signature r ‖ s ‖ v over the EIP-712 hash itself, v 27 or 28."""
    return bytes(Account.unsafe_sign_hash(safe_tx_hash, key).signature)


def packed_signatures(signatures: Mapping[str, bytes]) -> bytes:
    """Signatures by owner, in the order in which a Safe takes them: owners ascending."""
    return b"".join(signature for _, signature in sorted(signatures.items(), key=lambda item: int(item[0], 16)))


def execute(
    rpc: Rpc, safe: str, transaction: SafeTransaction, signatures: Mapping[str, bytes], sender: str
) -> dict[str, Any]:
    """Sends ``execTransaction`` from an account the node signs for; ``signatures`` are by owner. Returns the receipt.

    A batch that fails reverts the whole as long as ``safe_tx_gas`` and ``gas_price`` are 0; otherwise the receipt
    succeeds with an ``ExecutionFailure`` in it, and the Safe's nonce is spent.

    Raises:
        RpcError: the Safe refused it (GS020…GS026: signatures; GS013: what it did failed).
    """
    data = execute_data(transaction, signatures)
    rpc("eth_call", {"from": sender, "to": safe, "data": data}, "latest")  # says why, where a receipt only says that
    return send(rpc, sender, safe, data)


def execute_data(transaction: SafeTransaction, signatures: Mapping[str, bytes]) -> str:
    """The call of ``execTransaction``, as hex; ``signatures`` are by owner."""
    signature = f"execTransaction({_TRANSACTION},bytes)"
    return call_data(signature, *_fields(transaction), packed_signatures(signatures))


def _fields(transaction: SafeTransaction) -> tuple[Any, ...]:
    return (
        transaction.to, transaction.value_wei, transaction.data, transaction.operation, transaction.safe_tx_gas,
        transaction.base_gas, transaction.gas_price, transaction.gas_token, transaction.refund_receiver,
    )  # fmt: skip
