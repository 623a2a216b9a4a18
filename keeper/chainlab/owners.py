"""The people behind a Safe on the local chain: they look at what they are asked to sign, sign it and execute it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from eth_account import Account
from eth_utils.crypto import keccak

from keeper.chainlab.calls import read
from keeper.chainlab.deploy_safe import SafeTransaction, execute, owner_sign, transaction_hash
from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import KeeperError


@dataclass(frozen=True, slots=True)
class OwnersAtHand:
    """Throw-away owners. The keys are worth nothing outside a local chain: whoever has the seed has them."""

    keys: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def from_seed(cls, seed: int, count: int = 3) -> Self:
        """The same ``count`` owners for the same seed; a larger count adds to them."""
        return cls(tuple(keccak(text=f"range keeper, owner {number} of seed {seed}") for number in range(count)))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Checksum addresses, in the order of the keys."""
        return tuple(str(Account.from_key(key).address) for key in self.keys)

    def confirmations(self, safe_tx_hash: bytes, *signers: str) -> dict[str, bytes]:
        """Signatures over ``safe_tx_hash`` by address, of ``signers`` (default: everyone).

        Raises:
            KeyError: a signer's key is not at hand.
        """
        keys = dict(zip(self.addresses, self.keys, strict=True))
        return {signer: owner_sign(safe_tx_hash, keys[signer]) for signer in signers or keys}

    def confirm_and_execute(
        self,
        rpc: Rpc,
        safe: str,
        safe_tx: SafeTransaction,
        executor: str,
        *,
        safe_tx_hash: bytes | None = None,
    ) -> dict[str, Any]:
        """Owners, as many as the threshold asks for, sign what the Safe itself calls the hash of ``safe_tx``, and
        ``executor`` sends it: an account the node signs for, which need not be an owner. Returns the receipt.

        ``safe_tx_hash`` is what somebody else says the hash is: if the Safe disagrees, nobody signs.

        Raises:
            KeeperError: another hash was claimed, or too few of the Safe's present owners are at hand.
            RpcError: the Safe refused it (see :func:`~keeper.chainlab.deploy_safe.execute`).
        """
        found = transaction_hash(rpc, safe, safe_tx)
        if safe_tx_hash is not None and safe_tx_hash != found:
            raise KeeperError(
                f"the Safe says that this transaction hashes to {found.hex()}, not {safe_tx_hash.hex()}; nobody signs"
            )
        return execute(rpc, safe, safe_tx, self.confirmations(found, *self._signers(rpc, safe)), executor)

    def _signers(self, rpc: Rpc, safe: str) -> tuple[str, ...]:
        """The first of those at hand who are owners now, just enough of them."""
        (owners,) = read(rpc, safe, "getOwners()", ("address[]",))
        (threshold,) = read(rpc, safe, "getThreshold()", ("uint256",))
        signers = tuple(address for address in self.addresses if address.lower() in owners)[:threshold]
        if len(signers) < threshold:
            raise KeeperError(f"{safe} wants {threshold} owners' signatures, and only {len(signers)} are at hand")
        return signers
