"""A signer behind the signing policy: what the policy does not pass never reaches the key, and what comes back is ours.

The bytes that a signer returns are read again: a remote one may answer with another transaction, or another key's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, Protocol

from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from keeper.errors import SigningRefusedError
from keeper.world.protocols import Purpose, Signed, Signer
from keeper.world.signers import policy
from keeper.world.signers.decoding import DecodingError, decode_signed, unsigned_payload
from keeper.world.signers.envelope import unsigned_bytes
from keeper.world.signers.evidence import Evidence, Rules
from keeper.world.signers.refusal import require_same

# The order of secp256k1. EIP-2: of the two signatures that prove the same, only that with the low s is valid.
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Records(Protocol):
    """Where the evidence comes from."""

    def evidence(self, purpose: Purpose, chain_id: int, signer: str) -> Evidence: ...


class PolicedSigner:
    """Implements ``LastLook``."""

    def __init__(self, signer: Signer, rules: Rules, records: Records) -> None:
        self._signer, self._rules, self._records = signer, rules, records

    @property
    def address(self) -> str:
        """The signer's."""
        return self._signer.address

    def sign(self, transaction: Mapping[str, Any], purpose: Purpose) -> Signed:
        """Sign what the policy passes. Errors as ``LastLook``."""
        require_same("the signer's address", self.address.lower(), self._rules.signer)
        evidence = self._records.evidence(purpose, self._rules.chain_id, self.address)
        try:
            unsigned = unsigned_bytes(transaction)
        except (ValueError, TypeError, KeyError) as error:
            raise SigningRefusedError(f"the signing policy refused the transaction: it is none ({error})") from None
        allowed = policy.check(self._rules, evidence, unsigned)
        raw = self._signer.sign(allowed.passed)
        require_ours(raw, unsigned, self.address)
        return Signed(raw, allowed.debit_quote)


def require_ours(raw: bytes, unsigned: bytes, address: str) -> None:
    """The signed bytes are exactly the unsigned ones and a signature by ``address``.

    Raises:
        SigningRefusedError: they are not; they must not be used.
    """
    try:
        returned = decode_signed(raw)
        ours = unsigned_payload(unsigned)
    except (DecodingError, TypeError) as error:
        _discard(f"the signer returned something else than a signed transaction ({error})")
    if returned.payload != ours:
        _discard("the signer returned another transaction than the one it was asked to sign")
    y_parity, r, s = returned.signature.y_parity, returned.signature.r, returned.signature.s
    if y_parity not in (0, 1) or not 0 < r < _ORDER or not 0 < s <= _ORDER // 2:
        _discard("the signer returned a signature that no chain accepts")
    try:
        key = Signature(vrs=(y_parity, r, s)).recover_public_key_from_msg_hash(keccak(unsigned))
    except (BadSignature, ValidationError):
        _discard("the signer returned a signature that is nobody's")
    signed_by = key.to_checksum_address()
    if signed_by.lower() != address.lower():
        _discard(f"the signer returned a signature of {signed_by}, not of {address}")


def _discard(what: str) -> NoReturn:
    raise SigningRefusedError(f"{what}: it was thrown away and nothing was sent; find out what answers for the signer")
