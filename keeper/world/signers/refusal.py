"""How the signing policy says no: one sentence with the field, what was found and what is allowed.

What is not as it must be is refused, and that halts. What would only cost too much now is held to a limit, and waits.
"""

from __future__ import annotations

from typing import NoReturn

from keeper.errors import SigningLimitError, SigningRefusedError


def refuse(field: str, found: object, allowed: object) -> NoReturn:
    """Sign nothing, and say why.

    Raises:
        SigningRefusedError: always.
    """
    raise SigningRefusedError(f"the signing policy refused the transaction: {field} is {found}; allowed is {allowed}")


def refuse_unreadable(error: Exception) -> NoReturn:
    """SigningRefusedError for bytes that a decoder did not take."""
    refuse("a part of the bytes", f"not what the keeper makes ({error})", "only its own calls, plainly encoded")


def require_same(field: str, found: object, allowed: object) -> None:
    """SigningRefusedError unless the two are equal."""
    if found != allowed:
        refuse(field, found, allowed)


def require_at_most(field: str, found: int, most: int) -> None:
    """SigningRefusedError if a number is too large."""
    if found > most:
        refuse(field, found, f"at most {most}")


def require_at_least(field: str, found: int, least: int) -> None:
    """SigningRefusedError if a number is too small."""
    if found < least:
        refuse(field, found, f"at least {least}")


def require_within(field: str, found: int, most: int) -> None:
    """SigningLimitError if a number is beyond what the operator lets the strategy spend."""
    if found > most:
        raise SigningLimitError(
            f"a limit of the signing policy is reached: {field} is {found}; allowed is at most {most}"
        )
