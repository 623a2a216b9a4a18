"""Where the owners of a Safe find what they are asked to sign: a service, a file, the chain, or somebody at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from keeper.model.safe import SafeTx
from keeper.world.protocols import Call


@dataclass(frozen=True, slots=True)
class Notice:
    """A proposal as its owners get to see it.

    ``hash`` is the safeTxHash (lower-case hex); ``signature`` is the proposer's over it, None where nobody signs (a
    file). ``calls`` are the single calls that the transaction carries out, for those who put it together themselves.
    ``origin`` is short and for machines (which keeper, which decision), ``title`` and ``description`` for people.
    """

    transaction: SafeTx
    hash: str
    proposer: str
    signature: bytes | None
    calls: tuple[Call, ...]
    origin: str
    title: str
    description: str


class Board(Protocol):
    """Posting the same notice again changes nothing. What a board says of an execution is never believed: that is the
    chain's to say."""

    @property
    def place(self) -> str:
        """Where it is, in words for a person; no secret."""
        ...

    def post(self, notice: Notice) -> None:
        """Make it known to the owners.

        Raises:
            TransientError: it could not be reached, or does not take it now.
            HaltedError: it shows another transaction under this hash than the one that was posted.
        """
        ...

    def confirmations(self, notice: Notice) -> Mapping[str, bytes]:
        """By owner (lower case): the signatures that it has collected, each proved to be that address's over the hash.

        Errors as ``post``; TransientError too where it does not know the notice (any more).
        """
        ...
