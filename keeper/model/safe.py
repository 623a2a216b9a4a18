"""The words of a Safe (a contract wallet with several owners): its transactions, its state, what it carried out.

Addresses and hashes are lower-case hex with ``0x``. Hashing lives in ``world``: keccak-256 is not in the standard
library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

ZERO_ADDRESS: Final = "0x" + "00" * 20

CALL: Final = 0
DELEGATE_CALL: Final = 1
Operation = Literal[0, 1]

_ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}")
_MOST: Final = 1 << 256


@dataclass(frozen=True, slots=True)
class SafeTx:
    """One transaction of a Safe, with every field that its owners sign (Safe 1.3.0 and 1.4.1).

    ``safe_tx_gas`` and ``base_gas`` are gas units, ``gas_price`` wei of gas token for each: zero, as always here, means
    that whoever executes pays the gas, and that the whole execution reverts where the inner call does.

    Raises:
        ValueError: a field is no lower-case address, or does not fit its type.
    """

    chain_id: int
    safe: str
    to: str
    value_wei: int
    data: bytes
    operation: Operation
    nonce: int
    safe_tx_gas: int = 0
    base_gas: int = 0
    gas_price: int = 0
    gas_token: str = ZERO_ADDRESS
    refund_receiver: str = ZERO_ADDRESS

    def __post_init__(self) -> None:
        for name in ("safe", "to", "gas_token", "refund_receiver"):
            if not _ADDRESS.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} is not an address in lower case")
        for name in ("chain_id", "value_wei", "nonce", "safe_tx_gas", "base_gas", "gas_price"):
            if not 0 <= getattr(self, name) < _MOST:
                raise ValueError(f"{name} is not an unsigned integer of 256 bits")
        if self.operation not in (CALL, DELEGATE_CALL):
            raise ValueError("operation is neither 0 (CALL) nor 1 (DELEGATECALL)")

    @property
    def is_rejection(self) -> bool:
        """Whether it does nothing but use up its nonce: a call of the Safe by itself with nothing in it."""
        return self.to == self.safe and self.operation == CALL and not self.value_wei and not self.data


def rejection(chain_id: int, safe: str, nonce: int) -> SafeTx:
    """The transaction that takes a nonce away from whatever else was proposed for it."""
    return SafeTx(chain_id, safe, safe, 0, b"", CALL, nonce)


@dataclass(frozen=True, slots=True)
class SafeState:
    """What a Safe is at one block. ``guard`` and ``fallback_handler`` are None where there is none.

    Owners and modules are in the order of the contract's lists. Code hashes are keccak-256 of the code (EIP-1052) at
    the Safe itself (its proxy), at what the proxy leads to (its singleton) and at MultiSendCallOnly.
    """

    nonce: int
    owners: tuple[str, ...]
    threshold: int
    modules: tuple[str, ...]
    guard: str | None
    fallback_handler: str | None
    singleton: str
    proxy_code_hash: str
    singleton_code_hash: str
    multisend_code_hash: str
    version: str


@dataclass(frozen=True, slots=True)
class SafeExecution:
    """The Safe carried out a transaction: ``succeeded`` as its own event says, in ``transaction_hash`` on chain."""

    safe_tx_hash: str
    succeeded: bool
    transaction_hash: str
    block_number: int
    block_hash: str
    log_index: int
