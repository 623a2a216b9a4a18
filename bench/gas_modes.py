"""One rebalance by every kind of owner: transactions, gas, and what that costs.

The same position in the same pool leaves its range and opens a new one with the same amounts: by a key's single
transactions, by an account that delegates (EIP-7702), by a Safe whose two owners of three sign, and, where nothing is
swapped, by one multicall of the position manager. Real contracts on a local chain; nothing of the keeper between.

    python bench/gas_modes.py [--short] [--gwei 2] [--markdown]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from keeper.model.observation import Account
from keeper.model.plan import Approve, Step, singles
from tests.policy.acting import Actor, Sent, actor
from tests.policy.desk import Warm, warmed

STABLE = 50_000 * 10**6
MOVE_TICKS = 700
SHARES: dict[int, tuple[int, ...]] = {1: (100,), 3: (50, 30, 20)}
NAMES: dict[Account, str] = {
    "key": "wallet: one transaction for each step",
    "multicall": "wallet: the position manager's multicall",
    "delegated": "atomic: an account that delegates",
    "safe": "safe: two owners of three sign",
}


@dataclass(frozen=True, slots=True)
class Spent:
    """One row: what a rebalance took. ``price`` is that of the native coin in the stable token, whole units."""

    account: Account
    transactions: int
    gas_units: int
    price: Decimal

    def dollars(self, gwei: Decimal) -> Decimal:
        return self.gas_units * gwei * self.price / Decimal(10**9)


def rebalance(warm: Warm, account: Account, ranges: int, swap: str, steps: Sequence[Step]) -> tuple[Actor, list[Sent]]:
    """Enter, be left behind by the price, rebalance: by ``steps`` of whoever did it at once, or by its own decision."""
    rungs = [{"scale": scale, "share_pct": part} for scale, part in zip((1, 2.3, 4.1), SHARES[ranges], strict=False)]
    chosen = {"kind": "fixed", "lower_pct": 5, "upper_pct": 5, "ladder": rungs}
    # What is certain is cut by this margin; with none of it everybody starts from the same position.
    limits = {"cooldown_minutes": 0, "max_drift_bps": 0}
    who = actor(warm, account, base=0, stable=STABLE, range=chosen, swap={"route": swap}, limits=limits)
    while (decision := who.decide()).plan.steps and not decision.verdict.objections:
        who.carry_out(decision.plan.next_steps)
    who.whale.moves(who.whale.tick + MOVE_TICKS)
    if not steps:
        return who, who.act()[1]
    return who, [sent for each in singles(steps) for sent in _alone(who, each)]


def _alone(who: Actor, step: Step) -> list[Sent]:
    """A step by itself; a key takes back only the allowances that something is left of."""
    if isinstance(step, Approve) and not step.amount:
        left = {(each.token.lower(), each.spender): each.amount for each in who.observe().wallet.allowances}
        if not left[step.token.lower(), step.spender]:
            return []
    return who.carry_out([step])


def measured(warm: Warm, ranges: int, swap: str) -> Iterator[Spent]:
    """The rows of one table, a key's single transactions first."""
    together: tuple[Account, ...] = ("delegated", "safe") if swap == "pool" else ("delegated", "safe", "multicall")
    rows, steps = [], None
    for account in (*together, "key"):
        snapshot = warm.anvil.snapshot()
        who, sent = rebalance(warm, account, ranges, swap, steps or () if account == "key" else ())
        if account == "delegated":
            steps = tuple(step for each in sent for step in each.steps)
        price = Decimal(who.observe().gas.native_price.to_decimal())
        rows.append(Spent(account, len(sent), sum(each.gas_units for each in sent), price))
        warm.anvil.revert(snapshot)
    order: list[Account] = list(NAMES)
    yield from sorted(rows, key=lambda row: order.index(row.account))


def main() -> int:
    """Print the tables; non-zero where one transaction is not cheaper than many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="positions of one range only")
    parser.add_argument("--gwei", type=Decimal, default=Decimal(2), help="base fee and tip together")
    parser.add_argument("--markdown", action="store_true", help="as the documents show it")
    asked = parser.parse_args()
    dear = False
    with warmed(True) as warm:
        for ranges in (1,) if asked.short else (1, 3):
            for swap in ("pool", "none"):
                rows = list(measured(warm, ranges, swap))
                _print(rows, ranges, swap, asked.gwei, markdown=asked.markdown)
                alone = rows[0].gas_units
                dear |= any(row.gas_units >= alone for row in rows[1:])
    return 1 if dear else 0


def _print(rows: list[Spent], ranges: int, swap: str, gwei: Decimal, *, markdown: bool) -> None:
    how = "with a swap" if swap == "pool" else "without a swap"
    what = f"a rebalance of {ranges} {'range' if ranges == 1 else 'ranges'}, {how}"
    head = (what, "transactions", "gas", "against wallet", f"at {gwei} gwei")
    body = [
        (
            NAMES[row.account],
            str(row.transactions),
            f"{row.gas_units:,}",
            f"{row.gas_units / rows[0].gas_units - 1:+.0%}" if row.account != "key" else "",
            f"{row.dollars(gwei):.2f} USD",
        )
        for row in rows
    ]
    widths = [max(len(line[at]) for line in (head, *body)) for at in range(len(head))]
    for index, line in enumerate((head, *body)):
        cells = [
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("| " + " | ".join(cells) + " |" if markdown else "  ".join(cells))
        if markdown and not index:
            print("|" + "|".join("-" * (width + 1) + (":" if at else "-") for at, width in enumerate(widths)) + "|")
    print()


if __name__ == "__main__":
    raise SystemExit(main())
