"""The hash that owners of a Safe sign: EIP-712 over ``SafeTx``, as ``Safe.sol`` 1.3.0 and 1.4.1 compute it."""

from __future__ import annotations

from typing import Any, Final

from eth_utils.crypto import keccak

from keeper.model.safe import SafeTx
from keeper.world.chain import codec

DOMAIN_TYPE: Final = "EIP712Domain(uint256 chainId,address verifyingContract)"
SAFE_TX_TYPE: Final = (
    "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,"
    "address gasToken,address refundReceiver,uint256 nonce)"
)
DOMAIN_TYPE_HASH: Final = bytes(keccak(text=DOMAIN_TYPE))
SAFE_TX_TYPE_HASH: Final = bytes(keccak(text=SAFE_TX_TYPE))


def domain_separator(chain_id: int, safe: str) -> bytes:
    """32 bytes that tie a signature to one Safe on one chain."""
    return bytes(keccak(DOMAIN_TYPE_HASH + codec.word(chain_id) + codec.word(safe)))


def struct_hash(tx: SafeTx) -> bytes:
    """``hashStruct(SafeTx)`` of EIP-712: 32 bytes over every field but chain and Safe."""
    fields = (
        tx.to, tx.value_wei, bytes(keccak(tx.data)), int(tx.operation), tx.safe_tx_gas, tx.base_gas, tx.gas_price,
        tx.gas_token, tx.refund_receiver, tx.nonce,
    )  # fmt: skip
    return bytes(keccak(SAFE_TX_TYPE_HASH + b"".join(codec.word(field) for field in fields)))


def signing_preimage(tx: SafeTx) -> bytes:
    """The 66 bytes whose keccak-256 is signed: 0x1901, the domain, the struct."""
    return b"\x19\x01" + domain_separator(tx.chain_id, tx.safe) + struct_hash(tx)


def safe_tx_hash(tx: SafeTx) -> bytes:
    """The safeTxHash: what owners sign and what the Safe's events name."""
    return bytes(keccak(signing_preimage(tx)))


def typed_data(tx: SafeTx) -> dict[str, Any]:
    """The same as EIP-712 JSON, for signers that show people what they sign (``eth_signTypedData_v4``)."""
    fields = [tuple(field.split(" ")) for field in SAFE_TX_TYPE.removeprefix("SafeTx(").removesuffix(")").split(",")]
    domain = [("uint256", "chainId"), ("address", "verifyingContract")]
    return {
        "types": {"EIP712Domain": [_field(each) for each in domain], "SafeTx": [_field(each) for each in fields]},
        "primaryType": "SafeTx",
        "domain": {"chainId": tx.chain_id, "verifyingContract": codec.checksum(tx.safe)},
        "message": {
            "to": codec.checksum(tx.to),
            "value": str(tx.value_wei),
            "data": "0x" + tx.data.hex(),
            "operation": int(tx.operation),
            "safeTxGas": str(tx.safe_tx_gas),
            "baseGas": str(tx.base_gas),
            "gasPrice": str(tx.gas_price),
            "gasToken": codec.checksum(tx.gas_token),
            "refundReceiver": codec.checksum(tx.refund_receiver),
            "nonce": str(tx.nonce),
        },
    }


def _field(field: tuple[str, ...]) -> dict[str, str]:
    kind, name = field
    return {"name": name, "type": kind}
