"""Mistakes in configuration files: where each stands, and all of them at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from keeper.errors import ConfigError

# Values that are never repeated to the screen, whatever key they were written under: keys, and addresses with keys.
_SECRET_VALUE = re.compile(r"^(0x)?[0-9a-fA-F]{64}$|://")
_SECRET_NAME = re.compile(r"password|secret|token_env|key|url|rpc|alerts|journal", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that an operator has to mend. ``line`` counts from 1; None where there is no one line."""

    file: str
    line: int | None
    sentence: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.sentence}"


class ConfigErrors(ConfigError):  # noqa: N818 - it is several
    """Every mistake found, in the order of the files."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes), key=lambda m: (m.file, m.line or 0, m.sentence)))
        if len(self.mistakes) == 1:
            super().__init__(str(self.mistakes[0]))
        else:
            listing = "".join(f"\n  {mistake}" for mistake in self.mistakes)
            super().__init__(f"{len(self.mistakes)} mistakes in the configuration:{listing}")


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant, if any is near."""
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return close[0] if close else None


def suggestion(word: str, known: Sequence[str], what: str) -> str:
    """``; did you mean 'x'?``, or the list of what there is."""
    near = nearest(word, known)
    if near is not None:
        return f"; did you mean {near!r}?"
    return f"; the {what} here are {', '.join(sorted(known))}" if known else ""


def shown(value: Any, name: str, *, secret: bool) -> str:
    """``, found …`` for a message; empty where the value could be a secret or is too big to help."""
    if secret or _SECRET_NAME.search(name) or isinstance(value, dict | list):
        return ""
    if isinstance(value, str):
        return "" if _SECRET_VALUE.search(value) or len(value) > 80 else f', found "{value}"'
    if value is None:
        return ", found nothing"
    if isinstance(value, bool):
        return f", found {str(value).lower()}"
    return f", found {value}"
