"""What a signer gave back: read again, because a remote one may answer with another transaction, or another key's."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NoReturn

from eth_keys.datatypes import Signature as KeySignature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from keeper.errors import SigningRefusedError
from keeper.world.protocols import Signer
from keeper.world.signers.decoding import (
    Authorization,
    DecodingError,
    Signature,
    decode_signed,
    unsigned_payload,
)
from keeper.world.signers.passed import PassedMessage

# The order of secp256k1. EIP-2: of the two signatures that prove the same, only that with the low s is valid.
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_SIGNATURE_BYTES: Final = 65
_V_OFFSET: Final = 27


def complaint(address: str, preimage: bytes, signature: Signature) -> str | None:
    """Why this is no signature of ``address`` over the keccak-256 of ``preimage`` that every chain takes, or None."""
    y_parity, r, s = signature.y_parity, signature.r, signature.s
    if y_parity not in (0, 1) or not 0 < r < _ORDER or not 0 < s <= _ORDER // 2:
        return "a signature that no chain accepts"
    try:
        key = KeySignature(vrs=(y_parity, r, s)).recover_public_key_from_msg_hash(keccak(preimage))
    except (BadSignature, ValidationError):
        return "a signature that is nobody's"
    signed_by = str(key.to_checksum_address())
    return None if signed_by.lower() == address.lower() else f"a signature of {signed_by}, not of {address}"


def require_ours(raw: bytes, unsigned: bytes, address: str) -> None:
    """The signed bytes are exactly the unsigned ones and a signature by ``address``.

    Raises:
        SigningRefusedError: they are not; they must not be used.
    """
    try:
        returned = decode_signed(raw)
        ours = unsigned_payload(unsigned)
    except (DecodingError, TypeError) as error:
        _discard(f"something else than a signed transaction ({error})")
    if returned.payload != ours:
        _discard("another transaction than the one it was asked to sign")
    wrong = complaint(address, unsigned, returned.signature)
    if wrong is not None:
        _discard(wrong)


def message_signature(signer: Signer, message: PassedMessage) -> bytes:
    """The signer's 65 bytes (r, s, v of 27 or 28) over a passed message, proved to be its own.

    Raises:
        SigningRefusedError: it returned something else; that must not be used.
        ConfigError, TransientError: as ``Signer.sign_message``.
    """
    raw = signer.sign_message(message)
    if not isinstance(raw, bytes) or len(raw) != _SIGNATURE_BYTES:
        _discard(f"something else than a signature of {_SIGNATURE_BYTES} bytes")
    wrong = complaint(signer.address, message.preimage, _signature(raw))
    if wrong is not None:
        _discard(wrong)
    return raw


def consent(signer: Signer, message: PassedMessage, wanted: Authorization) -> Authorization:
    """The authorization with the signer's signature in place of none. Errors as ``message_signature``."""
    return replace(wanted, signature=_signature(message_signature(signer, message)))


def _signature(raw: bytes) -> Signature:
    return Signature(raw[64] - _V_OFFSET, int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"))


def _discard(what: str) -> NoReturn:
    raise SigningRefusedError(
        f"the signer returned {what}: it was thrown away and nothing was sent; find out what answers for the signer"
    )
