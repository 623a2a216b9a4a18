"""The only things that a signer signs: bytes that the signing policy has passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

_POLICY_ALONE: Final = object()


@final
@dataclass(frozen=True, slots=True, init=False)
class Passed:
    """An unsigned EIP-1559 transaction, ``0x02`` and its RLP, as the policy saw it; made by ``issue`` alone."""

    unsigned: bytes

    def __init__(self, unsigned: bytes, seal: object) -> None:
        if seal is not _POLICY_ALONE:
            raise TypeError("only the signing policy passes a transaction")
        object.__setattr__(self, "unsigned", unsigned)


def issue(unsigned: bytes) -> Passed:
    """To be called by the signing policy and by nobody else; a test holds the source to it."""
    return Passed(unsigned, _POLICY_ALONE)


@final
@dataclass(frozen=True, slots=True, init=False)
class PassedMessage:
    """The preimage of a signature that is no transaction, as the policy saw it; made by ``issue_message`` alone.

    ``typed`` is the same in the JSON of EIP-712, for signers that hash by themselves; None where there is no such form.
    """

    preimage: bytes
    typed: Mapping[str, Any] | None

    def __init__(self, preimage: bytes, typed: Mapping[str, Any] | None, seal: object) -> None:
        if seal is not _POLICY_ALONE:
            raise TypeError("only the signing policy passes a message")
        object.__setattr__(self, "preimage", preimage)
        object.__setattr__(self, "typed", typed)


def issue_message(preimage: bytes, typed: Mapping[str, Any] | None = None) -> PassedMessage:
    """To be called by the signing policy and by nobody else; a test holds the source to it."""
    return PassedMessage(preimage, typed, _POLICY_ALONE)
