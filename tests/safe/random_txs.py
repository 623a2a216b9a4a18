"""Safe transactions out of a seed: every field over its whole range, with its edges more often than chance would."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence

from keeper.model.safe import ZERO_ADDRESS, SafeTx

MOST_DATA_BYTES = 2_000
_MOST = (1 << 256) - 1


def random_txs(seed: int, count: int, chain_ids: Sequence[int], safes: Sequence[str]) -> Iterator[SafeTx]:
    """``count`` of them, of these chains and Safes."""
    dice = random.Random(seed)
    for _ in range(count):
        yield SafeTx(
            chain_id=dice.choice(chain_ids),
            safe=dice.choice(safes),
            to=address(dice),
            value_wei=_integer(dice),
            data=dice.randbytes(dice.choice((0, 1, 31, 32, 33, dice.randrange(MOST_DATA_BYTES + 1)))),
            operation=dice.choice((0, 1)),
            nonce=_integer(dice),
            safe_tx_gas=_integer(dice),
            base_gas=_integer(dice),
            gas_price=_integer(dice),
            gas_token=address(dice),
            refund_receiver=address(dice),
        )


def address(dice: random.Random) -> str:
    """Any, or one of the edges."""
    edges = (ZERO_ADDRESS, "0x" + "ff" * 20, "0x" + "00" * 19 + "01")
    return dice.choice(edges) if dice.random() < 0.1 else "0x" + dice.randbytes(20).hex()


def mutations(tx: SafeTx) -> Iterator[tuple[str, SafeTx]]:
    """The same with one bit of one field turned over, field by field."""
    for field in dataclasses.fields(tx):
        was = getattr(tx, field.name)
        if isinstance(was, str):
            now: object = f"0x{int(was, 16) ^ 1:040x}"
        elif isinstance(was, bytes):
            now = was[:-1] + bytes([was[-1] ^ 1]) if was else b"\0"
        else:
            now = was ^ 1
        yield field.name, dataclasses.replace(tx, **{field.name: now})  # type: ignore[arg-type]


def _integer(dice: random.Random) -> int:
    kind = dice.random()
    if kind < 0.2:
        return dice.choice((0, 1, 255, 256, (1 << 128) - 1, 1 << 128, (1 << 255), _MOST - 1, _MOST))
    return dice.getrandbits(dice.randrange(1, 257))
