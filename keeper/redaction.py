"""The last line of defence in anything that a person, a log or a page may see: against secrets and terminal codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "[hidden]"

# An address keeps its scheme and host: what follows, and any user in front, may be a key. Files are not addresses.
_URL = re.compile(
    r"\b(?!sqlite:|file:)([a-z][a-z0-9+.-]*)://(?:[^\s/@\"'<>]*@)?([^\s/?#\"'<>,;)\]}]*)([^\s\"'<>,;)\]}]*)",
    re.IGNORECASE,
)
# Of other schemes (tgram://TOKEN/chat) even the host may be a secret.
_HOSTS = frozenset({"http", "https", "ws", "wss", "postgres", "postgresql", "postgresql+psycopg"})
# 32 bytes of hex may be a private key. Hashes look the same: they are let through under names that say so.
_KEY = re.compile(r"(?<![0-9a-fA-Fx])(?:0x)?[0-9a-fA-F]{64}(?![0-9a-fA-F])")
_SECRET_NAME = re.compile(
    r"password|passphrase|private_?key|secret|mnemonic|seed_phrase|api_?key|authorization|_raw$|^raw$", re.IGNORECASE
)
_HASH_NAME = re.compile(r"hash(es)?$|digest$", re.IGNORECASE)

_never_show: set[str] = set()


def never_show(*secrets: str) -> None:
    """Hide these exact texts wherever they appear from now on; not very short ones, which would hide everything."""
    _never_show.update(secret for secret in secrets if len(secret) >= 6)


def redact(text: str, *, keep_hashes: bool = False) -> str:
    """The text without registered secrets, 32-byte keys, and paths, queries and users of URLs."""
    for secret in sorted(_never_show, key=len, reverse=True):
        text = text.replace(secret, MASK)
    if "://" in text:
        text = _URL.sub(_bare_url, text)
    return text if keep_hashes else _KEY.sub(MASK, text)


def printable(text: str) -> str:
    """The text without what could steer a terminal or turn its writing round; lines stay lines.

    Names of tokens and reasons of reverts come from contracts that anyone may have written.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)


def redact_value(name: str, value: Any) -> Any:
    """A named value of a log line, with everything secret in it masked, however deep."""
    if _SECRET_NAME.search(name):
        return MASK
    if isinstance(value, str):
        return redact(value, keep_hashes=bool(_HASH_NAME.search(name)))
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Mapping):
        return {str(key): redact_value(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(name, item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _bare_url(match: re.Match[str]) -> str:
    scheme, host, rest = match.groups()
    if scheme.lower() not in _HOSTS:
        return f"{scheme}://…"
    return f"{scheme}://{host}" + ("/…" if len(rest) > 1 else rest)
