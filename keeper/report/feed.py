"""The feed of decisions: each act by itself, the holds between two acts as one line. Escaped HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from keeper.model.decision import Decision
from keeper.report import display
from keeper.report.display import Money
from keeper.report.run import Act, Run

Explain = Callable[[Decision], Sequence[str]]

# A page of a long run stays readable and small; the journal has every decision.
MOST_ROWS = 200
MOST_ROUTINE_ROWS = 40
MOST_TEXT = 400_000
ROUTINE = ("compound", "tidy")
MOST_CODES = 3
ENTRY_WORDS = {
    "mint": "into the position",
    "decrease": "principal out of the position",
    "collect": "fees collected",
    "swap": "swapped",
    "gas": "gas",
}


@dataclass(frozen=True, slots=True)
class _Book:
    """The run with its acts by decision, the explanations there is room for, and the gas (wei) that others paid, by
    transaction."""

    run: Run
    acts: dict[int, list[Act]]
    texts: dict[int, str]
    executed: dict[str, int]


def feed(run: Run, explain: Explain) -> str:
    """An ordered list, oldest first; every row opens into the explanation.

    Between two acts that matter, holds and routine acts (compounding, tidying) share one row, the acts inside it.
    """
    acts: dict[int, list[Act]] = {}
    for act in run.acts:
        acts.setdefault(act.decision_index, []).append(act)
    groups = _groups(run, acts)[-MOST_ROWS:]
    executed = {each.transaction_hash: each.gas_wei for each in run.executor_gas}
    book = _Book(run, acts, _texts(run, groups, acts, explain), executed)
    rows = [_act_row(book, group[0]) if _matters(run, acts, group[0]) else _quiet_row(book, group) for group in groups]
    left_out = groups[0][0]
    note = "" if not left_out else (
        f'<p class="note">{display.count(left_out, "earlier decision")} left out here; '
        f"<code>keeper explain</code> shows every one.</p>"
    )  # fmt: skip
    return f'{note}<ol class="feed">{"".join(rows)}</ol>'


def _acted(run: Run, acts: dict[int, list[Act]], index: int) -> bool:
    decision = run.decisions[index]
    return index in acts or (not decision.verdict.objections and bool(decision.plan.steps))


def _matters(run: Run, acts: dict[int, list[Act]], index: int) -> bool:
    return _acted(run, acts, index) and run.decisions[index].verdict.action not in ROUTINE


def _groups(run: Run, acts: dict[int, list[Act]]) -> list[list[int]]:
    """Indices of decisions by row: one that matters alone, quiet ones together."""
    groups: list[list[int]] = []
    for index in range(len(run.decisions)):
        joins = groups and not _matters(run, acts, index) and not _matters(run, acts, groups[-1][-1])
        if joins:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _texts(run: Run, groups: list[list[int]], acts: dict[int, list[Act]], explain: Explain) -> dict[int, str]:
    """Explanations by decision: of what mattered, then the last hold for each reason, then routine; newest first."""
    shown = [index for group in groups for index in group]
    matter = [index for index in shown if _matters(run, acts, index)]
    holds = [index for group in groups for index in _last_holds(run, acts, group).values()]
    routine = [index for index in shown if _acted(run, acts, index)]
    texts: dict[int, str] = {}
    room = MOST_TEXT
    for index in (*reversed(matter), *reversed(holds), *reversed(routine)):
        if index in texts or room <= 0:
            continue
        texts[index] = "\n".join(escape(line) for line in explain(run.decisions[index]))
        room -= len(texts[index])
    return texts


def _last_holds(run: Run, acts: dict[int, list[Act]], group: list[int]) -> dict[str, int]:
    """The last hold for each of the commonest reasons."""
    holds = [index for index in group if not _acted(run, acts, index)]
    common = Counter(_first_code(run.decisions[index]) for index in holds).most_common(MOST_CODES)
    latest = {_first_code(run.decisions[index]): index for index in holds}
    return {code: latest[code] for code, _ in common}


def _act_row(book: _Book, index: int) -> str:
    decision, acts = book.run.decisions[index], book.acts.get(index, [])
    step = _step(decision)
    title = f'<b class="act">{escape(decision.verdict.action + step)}</b>'
    reached = "" if acts else ' <em class="warn">nothing reached the chain</em>'
    reason = f'<span class="reason">{escape(decision.verdict.reason)}{reached}</span>'
    effects = "".join(_effects(decision, act, book.executed.get(act.transaction_hash, 0)) for act in acts)
    return _row("acted", decision, f"{title} {reason}", effects + _explanation(book, index))


def _step(decision: Decision) -> str:
    """`` · swap`` of a rebalance in several transactions; `` · exit, swap, mint at once`` of one in a single one."""
    kinds = [step.kind for step in decision.plan.acts if step.kind != "approve"]
    if len(kinds) > 1:
        return f" · {', '.join(kinds)} at once"
    return f" · {kinds[0]}" if kinds and kinds[0] != decision.verdict.action else ""


def _quiet_row(book: _Book, group: list[int]) -> str:
    """Holds with how often each reason stood first, and routine acts with how many steps they took."""
    run = book.run
    routine = [index for index in group if _acted(run, book.acts, index)]
    codes = Counter(_first_code(run.decisions[index]) for index in group if index not in set(routine))
    steps = Counter(run.decisions[index].verdict.action for index in routine)
    titles = [_held(codes)] if codes else []
    titles += [f"{action} in {display.count(number, 'step')}" for action, number in steps.items()]
    span = run.decisions[group[-1]].observation.block.timestamp - run.decisions[group[0]].observation.block.timestamp
    reason = f'<span class="reason">over {display.duration(span)}</span>' if len(group) > 1 else ""
    body = "".join(
        f'<p class="which">{escape(code)}, last of {codes[code]:,}</p>{_explanation(book, index)}'
        for code, index in _last_holds(run, book.acts, group).items()
    )
    if routine:
        shown = routine[-MOST_ROUTINE_ROWS:]
        missing = len(routine) - len(shown)
        body += f'<p class="which">{display.count(missing, "earlier step")} left out</p>' if missing else ""
        body += f'<ol class="feed">{"".join(_act_row(book, index) for index in shown)}</ol>'
    title = f'<span class="held">{escape("; ".join(titles))}</span>'
    return _row("holds", run.decisions[group[0]], f"{title} {reason}", body)


def _held(codes: Counter[str]) -> str:
    total, named = codes.total(), codes.most_common(MOST_CODES)
    reasons = named[0][0] if len(codes) == 1 else ", ".join(f"{code} ({number})" for code, number in named)
    more = f" and {len(codes) - MOST_CODES} more" if len(codes) > MOST_CODES else ""
    times = "once" if total == 1 else f"{total:,} times"
    return f"held {times}: {reasons}{more}"


def _row(kind: str, decision: Decision, title: str, body: str) -> str:
    moment = display.utc(decision.observation.block.timestamp).removesuffix(" UTC")
    return (
        f'<li class="{kind}"><details><summary><time>{moment}</time> {title}</summary>'
        f'<div class="opened">{body}</div></details></li>'
    )


def _explanation(book: _Book, index: int) -> str:
    block = book.run.decisions[index].observation.block
    ids = book.run.decision_ids
    number = f"Decision {ids[index]}" if ids else "Decision"
    where = f'<p class="which">{number} at block {block.number:,}, {display.utc(block.timestamp)}</p>'
    if index in book.texts:
        return f"{where}<pre>{book.texts[index]}</pre>"
    command = f"keeper explain {ids[index]}" if ids else "keeper explain"
    return f'{where}<p class="note">No room for it here: <code>{command}</code> says it all.</p>'


def _paid_by_others(decision: Decision, gas_wei: int) -> str:
    if not gas_wei:
        return ""
    native = decision.observation.gas.native_price.base
    return (
        f"<li>{escape(Money.scaled(native, gas_wei).with_symbol(gas_wei))} <span>gas, paid by its executor</span></li>"
    )


def _effects(decision: Decision, act: Act, executed: int) -> str:
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
        f' in block {act.block_number:,}</p><ul class="effects">{items}{_paid_by_others(decision, executed)}</ul>'
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
