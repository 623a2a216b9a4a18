"""One rebalance by every kind of owner: transactions, gas, and what that costs.

Real contracts on a local chain with a market around them; nothing of the keeper between.

    python bench/gas_modes.py [--short] [--gwei 2] [--markdown]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from keeper.chainlab.gas_modes import Scenario, Took, same_rebalance
from keeper.chainlab.lab import Lab, LabSettings, open_lab
from keeper.chainlab.paths import generate
from keeper.model.observation import Account
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.node import HttpNode
from keeper.world.venues.uniswap_v3 import UniswapV3, build

VALUE_QUOTE = 100_000
NAMES: dict[Account, str] = {
    "key": "wallet: a transaction for each step",
    "multicall": "wallet: the position manager's multicall",
    "delegated": "atomic: an account that delegates",
    "safe": "safe: two owners of three sign",
}


def main() -> int:
    """Print the tables; non-zero where one transaction is not cheaper than many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="positions of one range only")
    parser.add_argument("--gwei", type=Decimal, default=Decimal(2), help="base fee and tip together")
    parser.add_argument("--markdown", action="store_true", help="as the documents show it")
    asked = parser.parse_args()
    dear = False
    with open_lab(generate(7, 2), LabSettings(warmup_days=1)) as lab:
        venue, price = venue_of(lab), Decimal(str(lab.market.reference_price))
        amounts = int(VALUE_QUOTE // 2 * 10**18 / price), VALUE_QUOTE // 2 * 10**6
        for ranges in (1,) if asked.short else (1, 3):
            for swaps in (True, False):
                rows = same_rebalance(lab, venue, Scenario(ranges, amounts, swaps))
                how = "with a swap" if swaps else "without a swap"
                title = f"{ranges} {'range' if ranges == 1 else 'ranges'}, {how}"
                print_table(table(rows, title, asked.gwei, price), markdown=asked.markdown)
                alone = next(row.gas_units for row in rows if row.account == "key")
                dear |= any(row.gas_units >= alone for row in rows if row.account != "key")
        print(f"The native coin at {price:,.0f} USD; the first transaction ever of an account or a Safe left out.")
    return 1 if dear else 0


def venue_of(lab: Lab) -> UniswapV3:
    """The lab's pool."""
    made = lab.deployment
    contracts = Contracts(made.factory, made.position_manager, made.swap_router, made.multicall3)
    return build(HttpNode([lab.anvil.url], chain_id=made.chain_id), contracts, made.pool)


def table(rows: Sequence[Took], title: str, gwei: Decimal, price: Decimal) -> list[tuple[str, ...]]:
    """The head and a line for each kind of owner, a key's single transactions first."""
    by_account = {row.account: row for row in rows}
    alone = by_account["key"].gas_units
    lines: list[tuple[str, ...]] = [(title, "transactions", "gas", "against wallet", f"at {gwei} gwei")]
    for account, name in NAMES.items():
        if (row := by_account.get(account)) is not None:
            share = "" if account == "key" else f"{row.gas_units / alone - 1:+.0%}"
            dollars = row.gas_units * gwei * price / 10**9
            lines.append((name, str(row.transactions), f"{row.gas_units:,}", share, f"{dollars:.2f} USD"))
    return lines


def print_table(lines: Sequence[tuple[str, ...]], *, markdown: bool) -> None:
    """Aligned, as text or as Markdown."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for index, line in enumerate(lines):
        cells = [cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in
                 enumerate(zip(line, widths, strict=True))]  # fmt: skip
        print("| " + " | ".join(cells) + " |" if markdown else "  ".join(cells))
        if markdown and not index:
            print("|" + "|".join("-" * (width + 1) + (":" if at else "-") for at, width in enumerate(widths)) + "|")
    print()


if __name__ == "__main__":
    raise SystemExit(main())
