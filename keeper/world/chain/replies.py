"""What a node's reply says: a result, a refusal, or nothing that can be used."""

from __future__ import annotations

import json
import re
from typing import Any

from keeper.errors import RpcError
from keeper.world.chain.endpoint import UnreachableError
from keeper.world.chain.shapes import is_usable

_BUSY_CODES = frozenset({-32005, -32016, 429})
_BEHIND = ("header not found", "block not found", "unknown block", "blockhash not found", "could not find block")
_MOST_DEPTH = 500
# Possessive, with an optional closing quote: an unfinished string cannot make the search quadratic.
_BRACKETS_AND_STRINGS = re.compile(rb'[\[{]+|[\]}]+|"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def is_too_deep(reply: bytes) -> bool:
    """Whether brackets nest deeper than any honest answer's: some libraries raise Python's recursion limit so far that
    parsing a hundred thousand of them would overflow the stack and kill the process."""
    if reply.count(b"[") + reply.count(b"{") <= _MOST_DEPTH:
        return False
    depth = 0
    for found in _BRACKETS_AND_STRINGS.finditer(reply):
        piece = found.group()
        depth += len(piece) if piece[0] in b"[{" else -len(piece) if piece[0] in b"]}" else 0
        if depth > _MOST_DEPTH:
            return True
    return False


def _parse(reply: bytes) -> Any:
    if is_too_deep(reply):
        raise UnreachableError("the node's answer is not JSON of any use")
    try:
        return json.loads(reply)
    except (ValueError, RecursionError):
        raise UnreachableError("the node's answer is not JSON") from None


def result_of(reply: bytes, number: int, method: str) -> Any:
    """The result in the reply to call ``number``.

    Raises:
        RpcError: the node refused.
        UnreachableError: no usable answer.
    """
    document = _parse(reply)
    if isinstance(document, dict) and document.get("id") is None and "error" in document:
        document["id"] = number  # a node that could not read the request answers with a null id
    if not isinstance(document, dict) or document.get("id") != number:
        raise UnreachableError(f"the node's answer to {method} belongs to another request")
    return _outcome(document, method, raising=True)


def results_of(reply: bytes, names: dict[int, str]) -> list[Any | RpcError]:
    """The results of a batch, in the order of ``names`` (call number to method), refusals in their place.

    Raises:
        RpcError: the node refused the batch as a whole.
        UnreachableError: no usable answer.
    """
    document = _parse(reply)
    if isinstance(document, dict) and isinstance(document.get("error"), dict):
        raise _refusal(document["error"], "batch")
    if not isinstance(document, list):
        raise UnreachableError("the node's answer to a batch is not a list")
    by_number = {item.get("id"): item for item in document if isinstance(item, dict)}
    if by_number.keys() != names.keys():
        raise UnreachableError("the node's answer to a batch leaves calls out")
    return [_outcome(by_number[number], method, raising=False) for number, method in names.items()]


def _outcome(document: dict[str, Any], method: str, *, raising: bool) -> Any:
    error = document.get("error")
    if error is None:
        if "result" not in document:
            raise UnreachableError(f"the node's answer to {method} holds neither result nor error")
        if not is_usable(method, document["result"]):
            raise UnreachableError(f"the node's answer to {method} is not one that an Ethereum node gives")
        return document["result"]
    refusal = _refusal(error if isinstance(error, dict) else {"message": str(error)}, method)
    if raising or isinstance(refusal, UnreachableError):
        raise refusal
    return refusal


def _refusal(error: dict[str, Any], method: str) -> RpcError | UnreachableError:
    """The node's error; one that only says "ask later" or "that block has not reached me" counts as no answer."""
    code, data = error.get("code"), error.get("data")
    words = " ".join(str(error.get("message") or error)[:500].split())
    if code in _BUSY_CODES or any(behind in words.lower() for behind in _BEHIND):
        return UnreachableError(f"the node cannot answer {method} now: {words}")
    if isinstance(data, dict):
        data = data.get("data")
    return RpcError(
        f"{method}: {words}",
        code=code if isinstance(code, int) else None,
        data=data if isinstance(data, str) else None,
    )
