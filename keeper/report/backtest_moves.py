"""Every move of a backtest (entering, re-centring, leaving) with its reason, its cost, and what came of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from keeper.model.decision import Decision
from keeper.report import display
from keeper.report.accounts import DAY_SECONDS, DAYS_PER_YEAR, ProfitAndLoss
from keeper.report.backtest_words import Lived
from keeper.report.display import Money
from keeper.report.figures import price_range
from keeper.report.holdings import valued
from keeper.report.run import Act
from keeper.report.verdict import gain_word

MOVES = ("enter", "rebalance", "exit")
MOST_ROWS = 400
HEADS = ("When", "Move", "Why", "Range", "Cost", "Then for", "in range", "Fees − LVR", "Expected", "After costs")
IN_WORDS = ("Move", "Why", "Range")
NOTE = (
    "Each row lasts until the next: its cost is what the move itself took (swaps and gas), its fees and LVR are those "
    "of the time that followed, fees at the price of the end. Expected is what the decision foresaw of fees − LVR, for "
    "the time it really lasted; – where it foresaw nothing."
)


@dataclass(frozen=True, slots=True)
class Move:
    """``first`` and ``last`` are its decisions. Money in raw quote units; ``expected``: fees less LVR for as long as it
    lasted, as the decision put it; None where it said nothing."""

    action: str
    first: Decision
    last: Decision
    timestamp: int
    seconds: int
    seconds_in_range: int
    cost: int
    fees: int
    lvr: int
    upkeep: int
    expected: int | None

    @property
    def carried(self) -> int:
        return self.fees - self.lvr

    @property
    def after_costs(self) -> int:
        return self.carried - self.cost - self.upkeep


def moves(lived: Lived) -> tuple[Move, ...]:
    """In their order. The first begins where the capital was first moved: nothing was earned before."""
    run = lived.run
    groups = _groups([act for act in run.acts if act.action in MOVES])
    blocks = [each.block.number for each in run.observations]
    begins = [bisect_left(blocks, run.decisions[group[0].decision_index].observation.block.number) for group in groups]
    ends = [*begins[1:], len(blocks) - 1]
    return tuple(
        _move(lived, group, begin, bisect_left(blocks, group[-1].block_number), end)
        for group, begin, end in zip(groups, begins, ends, strict=True)
    )


def _groups(acts: Sequence[Act]) -> list[list[Act]]:
    """A move is over when a range is open, or when the next act was not decided right after it."""
    groups: list[list[Act]] = []
    for act in acts:
        before = groups[-1][-1] if groups else None
        if before is None or before.has("mint") or act.decision_index > before.decision_index + 1:
            groups.append([])
        groups[-1].append(act)
    return groups


def _move(lived: Lived, group: Sequence[Act], begin: int, done: int, end: int) -> Move:
    """Observations: the one it was decided on, the first after its last act, and the one that ends its time."""
    run, series = lived.run, lived.series
    done = min(max(done, begin), end)
    start, over = series[begin], series[end]
    last = run.decisions[group[-1].decision_index]
    closing = run.observations[-1]
    seconds = over.timestamp - start.timestamp
    return Move(
        action=group[0].action,
        first=run.decisions[group[0].decision_index],
        last=last,
        timestamp=group[0].timestamp,
        seconds=seconds,
        seconds_in_range=over.seconds_in_range - start.seconds_in_range,
        cost=series[done].costs - start.costs,
        fees=valued(closing, over.fees_0, over.fees_1) - valued(closing, start.fees_0, start.fees_1),
        lvr=over.lvr - start.lvr,
        upkeep=over.costs - series[done].costs,
        expected=_expected(last, start, seconds) if group[-1].has("mint") else None,
    )


def _expected(decision: Decision, at: ProfitAndLoss, seconds: int) -> int | None:
    figures = {each.name: each.value for each in decision.verdict.figures}
    rates = [figures.get(name) for name in ("expected_fee_per_year", "expected_lvr_per_year")]
    if not all(isinstance(rate, int | float) for rate in rates):
        return None
    fee, lvr = (float(rate) for rate in rates if rate is not None)
    return round(at.value * (fee - lvr) * seconds / DAY_SECONDS / DAYS_PER_YEAR)


def moves_section(lived: Lived, money: Money) -> str:
    found = moves(lived)
    if not found:
        body = '<p class="note">It never moved: no range was opened.</p>'
    else:
        shown = found[-MOST_ROWS:]
        left = f" The first {len(found) - len(shown):,} are left out here." if len(shown) < len(found) else ""
        heads = "".join(
            f'<th scope="col" class="{"words" if head in IN_WORDS else ""}">{escape(head)}</th>' for head in HEADS
        )
        rows = "".join(_row(move, money) for move in shown)
        body = (
            f'<p class="note">{escape(NOTE + left)}</p><div class="scroll" tabindex="0" role="region" '
            f'aria-label="Table of moves"><table class="figures moves"><thead><tr>{heads}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )
    title = f"Moves, their reasons, and what came of them, {money.symbol}"
    return f'<section aria-labelledby="moves" class="panel"><h2 id="moves">{escape(title)}</h2>{body}</section>'


def _row(move: Move, money: Money) -> str:
    target = move.last.observation
    ranges = _ranges(move.last) if move.action != "exit" else []
    words = ", ".join(price_range(*ticks, target) for ticks in ranges) or "–"
    share = display.percent(move.seconds_in_range / move.seconds, 0) if move.seconds and ranges else "–"
    expected = "–" if move.expected is None else money.signed(move.expected)
    cells = (
        f'<th scope="row">{escape(display.utc(move.timestamp).removesuffix(" UTC"))}</th>',
        f'<td class="words">{escape(move.action)}</td>',
        f'<td class="words why">{escape(move.first.verdict.reason)}</td>',
        f'<td class="words">{escape(words)}</td>',
        f"<td>{money.signed(-move.cost)}</td>",
        f"<td>{escape(display.duration(move.seconds))}</td>",
        f"<td>{share}</td>",
        f'<td class="{gain_word(move.carried)}">{money.signed(move.carried)}</td>',
        f'<td class="quiet">{expected}</td>',
        f'<td class="{gain_word(move.after_costs)}"><data value="{move.after_costs}">{money.signed(move.after_costs)}'
        "</data></td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _ranges(decision: Decision) -> list[tuple[int, int]]:
    minted = [step for step in decision.plan.acts if step.kind == "mint"]
    return [(each.lower_tick, each.upper_tick) for step in minted for each in step.ranges]
