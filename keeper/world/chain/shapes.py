"""The form that a node's answer must have before anyone reads it, so that nonsense counts as no answer.

Only the form: whether the figures are true is for those who use them. Methods that are not listed may answer anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
# The reply to a large read is decoded strictly by its reader: looking at every digit twice would be felt.
_SMALL = 4_096


def is_usable(method: str, result: Any) -> bool:
    """Whether the result has the form that ``method`` promises."""
    check = _CHECKS.get(method)
    return check is None or check(result)


def _quantity(value: Any) -> bool:
    return isinstance(value, str) and _QUANTITY.fullmatch(value) is not None


def _hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _data(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("0x") and (len(value) > _SMALL or bool(_DATA.fullmatch(value)))


def _block(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _hash(value.get("hash"))
        and _quantity(value.get("number"))
        and _quantity(value.get("timestamp"))
        and (value.get("baseFeePerGas") is None or _quantity(value["baseFeePerGas"]))
    )


def _receipt(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and all(_hash(value.get(name)) for name in ("transactionHash", "blockHash"))
        and _data(value.get("from"))
        and all(_quantity(value.get(name)) for name in ("blockNumber", "status", "gasUsed", "effectiveGasPrice"))
        and isinstance(value.get("logs"), list)
        and all(_log(log) for log in value["logs"])
    )


def _log(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _data(value.get("address"))
        and _data(value.get("data"))
        and _quantity(value.get("logIndex"))
        and isinstance(value.get("topics"), list)
        and all(_hash(topic) for topic in value["topics"])
    )


def _or_nothing(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "eth_blockNumber": _quantity,
    "eth_call": _data,
    "eth_chainId": _quantity,
    "eth_estimateGas": _quantity,
    "eth_gasPrice": _quantity,
    "eth_getBalance": _quantity,
    "eth_getBlockByHash": _or_nothing(_block),
    "eth_getBlockByNumber": _block,
    "eth_getCode": _or_nothing(_data),
    "eth_getTransactionCount": _quantity,
    "eth_getTransactionReceipt": _or_nothing(_receipt),
    # Chains without tips may answer nothing; there are other ways to learn a price.
    "eth_maxPriorityFeePerGas": _or_nothing(_quantity),
}
