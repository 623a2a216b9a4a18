"""The feed of decisions: each act by itself, the holds between two acts as one line. Escaped HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html import escape

from keeper.model.decision import Decision
from keeper.report import display
from keeper.report.display import Money
from keeper.report.run import Act, Run

Explain = Callable[[Decision], Sequence[str]]

# A page of a long backtest stays readable and small; the journal has them all.
MOST_ROWS = 400
MOST_CODES = 3
ENTRY_WORDS = {
    "mint": "into the position",
    "decrease": "principal out of the position",
    "collect": "fees collected",
    "swap": "swapped",
    "gas": "gas",
}


def feed(run: Run, explain: Explain) -> str:
    """An ordered list, oldest first; every row opens into the full explanation."""
    acts: dict[int, list[Act]] = {}
    for act in run.acts:
        acts.setdefault(act.decision_index, []).append(act)
    rows = list(_rows(run, acts, explain))
    left_out = max(len(rows) - MOST_ROWS, 0)
    note = "" if not left_out else (
        f'<p class="note">{display.count(left_out, "earlier row")} left out here; '
        f"<code>keeper explain</code> shows every decision.</p>"
    )  # fmt: skip
    return f'{note}<ol class="feed">{"".join(rows[left_out:])}</ol>'


def _rows(run: Run, acts: dict[int, list[Act]], explain: Explain) -> Iterator[str]:
    holds: list[int] = []
    for index, decision in enumerate(run.decisions):
        wants = not decision.verdict.objections and bool(decision.plan.steps)
        if index not in acts and not wants:
            holds.append(index)
            continue
        if holds:
            yield _hold_row(run, holds, explain)
            holds = []
        yield _act_row(run, index, acts.get(index, []), explain)
    if holds:
        yield _hold_row(run, holds, explain)


def _act_row(run: Run, index: int, acts: list[Act], explain: Explain) -> str:
    decision = run.decisions[index]
    kinds = [step.kind for step in decision.plan.next_steps if step.kind != "approve"]
    step = f" · {kinds[-1]}" if kinds and kinds[-1] != decision.verdict.action else ""
    title = f'<b class="act">{escape(decision.verdict.action + step)}</b>'
    reached = "" if acts else ' <em class="warn">nothing reached the chain</em>'
    reason = f'<span class="reason">{escape(decision.verdict.reason)}{reached}</span>'
    effects = "".join(_effects(decision, act) for act in acts)
    return _row("acted", decision, f"{title} {reason}", effects + _explanation(run, index, explain))


def _hold_row(run: Run, indices: list[int], explain: Explain) -> str:
    """Holds in a row, with how often each reason stood first; the last decision of each reason is explained."""
    codes = Counter(_first_code(run.decisions[index]) for index in indices)
    latest = {_first_code(run.decisions[index]): index for index in indices}
    named = codes.most_common(MOST_CODES)
    reasons = named[0][0] if len(codes) == 1 else ", ".join(f"{code} ({number})" for code, number in named)
    more = f" and {len(codes) - MOST_CODES} more" if len(codes) > MOST_CODES else ""
    times = "once" if len(indices) == 1 else f"{len(indices):,} times"
    title = f'<span class="held">held {times}: {escape(reasons + more)}</span>'
    span = (
        run.decisions[indices[-1]].observation.block.timestamp - run.decisions[indices[0]].observation.block.timestamp
    )
    reason = f'<span class="reason">over {display.duration(span)}</span>' if len(indices) > 1 else ""
    body = "".join(
        f'<p class="which">{escape(code)}, last of {codes[code]:,}</p>{_explanation(run, latest[code], explain)}'
        for code, _ in named
    )
    return _row("holds", run.decisions[indices[0]], f"{title} {reason}", body)


def _row(kind: str, decision: Decision, title: str, body: str) -> str:
    moment = display.utc(decision.observation.block.timestamp).removesuffix(" UTC")
    return (
        f'<li class="{kind}"><details><summary><time>{moment}</time> {title}</summary>'
        f'<div class="opened">{body}</div></details></li>'
    )


def _explanation(run: Run, index: int, explain: Explain) -> str:
    decision = run.decisions[index]
    block = decision.observation.block
    number = f"Decision {run.decision_ids[index]}" if run.decision_ids else "Decision"
    where = f"{number} at block {block.number:,}, {display.utc(block.timestamp)}"
    lines = "\n".join(escape(line) for line in explain(decision))
    return f'<p class="which">{where}</p><pre>{lines}</pre>'


def _effects(decision: Decision, act: Act) -> str:
    """What the transaction moved, by kind and token, from the ledger."""
    sums: dict[tuple[str, str], int] = {}
    for entry in act.entries:
        key = (entry.kind, entry.token.lower())
        sums[key] = sums.get(key, 0) + entry.amount
    items = "".join(
        f"<li>{_amount(decision, token, amount)} <span>{ENTRY_WORDS.get(kind, escape(kind))}</span></li>"
        for (kind, token), amount in sums.items()
        if amount
    )
    short = act.transaction_hash[:10] + "…"
    return (
        f'<p class="which">Transaction <code title="{escape(act.transaction_hash)}">{escape(short)}</code>'
        f' in block {act.block_number:,}</p><ul class="effects">{items}</ul>'
    )


def _amount(decision: Decision, token: str, amount: int) -> str:
    pool = decision.observation.pool
    known = {each.address.lower(): each for each in (pool.token0, pool.token1)}
    of = known.get(token, decision.observation.gas.native_price.base)
    return escape(Money.scaled(of, amount).signed_with_symbol(amount))


def _first_code(decision: Decision) -> str:
    if decision.verdict.objections:
        return decision.verdict.objections[0].code.replace("_", " ")
    return "nothing to do"
