"""The one thing a signer signs: bytes that the signing policy has passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

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
