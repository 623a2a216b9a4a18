"""Whose signatures a Safe would count: the rules of ``checkNSignatures``, before anything is sent to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from keeper.world.chain import codec
from keeper.world.safe.calldata import SIGNATURE_BYTES

CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_PLAIN: Final = (27, 28)
_ETH_SIGN: Final = (31, 32)  # v + 4: the hash was signed as a personal message
_CONTRACT, _APPROVED = 0, 1


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One owner's consent as somebody hands it over: nothing about it has been checked."""

    owner: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Count:
    """What a list of confirmations is worth. ``signatures``: owner -> signature, or None for a hash approved on chain;
    ready for ``packed_signatures``. ``refused``: owner as it was claimed, and why it does not count."""

    signatures: dict[str, bytes | None]
    refused: tuple[tuple[str, str], ...]

    @property
    def owners(self) -> tuple[str, ...]:
        """Who has confirmed, in the order in which the Safe wants them."""
        return tuple(sorted(self.signatures, key=lambda each: int(each, 16)))


def recover_owner(safe_tx_hash: bytes, signature: bytes) -> str:
    """Who signed: v 27/28 over the hash itself, v 31/32 over it as a personal message (``eth_sign``).

    A high ``s`` is refused, though the contract takes it: no wallet makes one, and it is somebody else's second copy of
    a signature (EIP-2).

    Raises:
        ValueError: it is no such signature; the message says in which way.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError(f"it has {len(signature)} bytes, not {SIGNATURE_BYTES}")
    r, s, v = codec.unsigned(signature), codec.unsigned(signature, 1), signature[64]
    if v == _CONTRACT:
        raise ValueError("it is the signature of a contract, which only the chain can judge")
    if v == _APPROVED:
        raise ValueError("it says that the hash is approved on chain, and is no signature")
    if v not in _PLAIN + _ETH_SIGN:
        raise ValueError(f"its v is {v}")
    if not (0 < r < CURVE_ORDER and 0 < s <= CURVE_ORDER // 2):
        raise ValueError("its r or s is out of range")
    signed = safe_tx_hash if v in _PLAIN else keccak(b"\x19Ethereum Signed Message:\n32" + safe_tx_hash)
    try:
        key = Signature(vrs=((v - 27) % 4, r, s)).recover_public_key_from_msg_hash(signed)
    except (BadSignature, ValidationError):
        raise ValueError("it belongs to no key") from None
    return str(key.to_address())


def approver(signature: bytes) -> str | None:
    """The owner in the form of an approved hash (owner, anything, v = 1); None for every other form."""
    if len(signature) != SIGNATURE_BYTES or signature[64] != _APPROVED or any(signature[:12]):
        return None
    return "0x" + signature[12:32].hex()


def count(
    safe_tx_hash: bytes,
    confirmations: Sequence[Confirmation],
    owners: Collection[str],
    approved: Collection[str] = (),
) -> Count:
    """Which confirmations count for the hash, and which do not and why.

    ``owners``: who owns the Safe now. ``approved``: those of whom the chain itself says that they approved the hash;
    they count whether or not anybody hands their confirmation over.
    """
    now = {owner.lower() for owner in owners}
    on_chain = {owner.lower() for owner in approved} & now
    signatures: dict[str, bytes | None] = dict.fromkeys(sorted(on_chain))
    refused: list[tuple[str, str]] = []
    for each in confirmations:
        claimed = each.owner.lower()
        why = _complaint(safe_tx_hash, each.signature, claimed, now, on_chain)
        if why is not None:
            refused.append((claimed, why))
        elif approver(each.signature) is None:
            signatures[claimed] = each.signature
    return Count(signatures, tuple(refused))


def _complaint(
    safe_tx_hash: bytes, signature: bytes, claimed: str, owners: Collection[str], approved: Collection[str]
) -> str | None:
    if claimed not in owners:
        return "is not an owner of the Safe now"
    if approver(signature) is not None:
        if approver(signature) != claimed:
            return f"the approval is of {approver(signature)}"
        return None if claimed in approved else "has not approved the hash on chain"
    try:
        signer = recover_owner(safe_tx_hash, signature)
    except ValueError as error:
        return f"the signature does not count: {error}"
    return None if signer == claimed else f"the signature is of {signer}, or of another transaction"
