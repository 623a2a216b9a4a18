"""The page a run leaves behind: one HTML file, no outside asset, no network, every text of a stranger escaped."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template

from keeper.errors import ConfigError
from keeper.model.observation import Observation
from keeper.policy.valuation import quote_token
from keeper.report import display, sections
from keeper.report.display import Money
from keeper.report.feed import Explain, feed
from keeper.report.plots import chart_sections, chart_series
from keeper.report.reconciliation import reconcile
from keeper.report.run import Run
from keeper.report.timeline import timeline
from keeper.report.verdict import gain_word, verdict_text
from keeper.report.words import lines

# Plain files beside the code, in a checkout as in a wheel.
_HERE = Path(__file__).resolve().parent

READING = (
    ("Holding (HODL)", "The tokens of the start, untouched, at the price of the end."),
    ("Fees earned", "Collected and still uncollected, valued at the price of the end."),
    (
        "Divergence",
        "What the changing mix of tokens lost against holding: the position's conversion along the price, and what "
        "rebalances made final of it. It is the residual of the exact sum above, so it also holds a wei of rounding.",
    ),
    (
        "LVR",
        "Loss versus rebalancing: what arbitrage took, measured between observations against a portfolio that held the "
        "position's own base tokens. Coarse sampling measures it too low in a market that swings in between.",
    ),
    ("Hedged alpha", "Fees − LVR − swap cost − gas: what providing earned apart from the direction of the price."),
    ("Own swaps", "Given less received, at the pool's price when the swap was decided."),
    ("Gas", "Native coin spent, at its price of the time. The native balance itself is gas money and not counted."),
)


def write_page(path: Path, run: Run, explain: Explain = lines) -> Path:
    """The page at ``path``; its folder is made if there is none.

    Raises:
        ConfigError: the file cannot be written.
    """
    text = render_page(run, explain)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the report {path} cannot be written ({error.strerror}); choose another place") from error
    return path


def render_page(run: Run, explain: Explain = lines) -> str:
    """The whole page as text. ``explain`` gives the lines that a decision opens into; they are escaped here."""
    line = timeline(run)
    outcome, end = line.accounts[-1], run.observations[-1]
    money = Money.scaled(quote_token(end), max(outcome.value_start, outcome.value))
    base = display.symbol(end.pool.token1 if end.quote_is_token0 else end.pool.token0)
    said = verdict_text(outcome, money)
    done = f"{display.count(len(run.decisions), 'decision')}, {display.count(len(run.acts), 'transaction')}"
    style, script = asset("page.css"), asset("page.js")
    return Template(asset("page.html")).substitute(
        title=escape(f"{run.strategy}: Range Keeper report"),
        strategy=escape(run.strategy),
        facts=_facts(run.observations[0], end),
        tone=gain_word(outcome.against_hodl),
        headline=escape(said.headline + "."),
        sentences=escape(" ".join(said.sentences)),
        note=f'<p class="note">{escape(run.note)}</p>' if run.note else "",
        tiles=sections.tiles(outcome, money),
        charts=chart_sections(line, money, base),
        split=sections.split(outcome, money, base),
        hedged=sections.hedged(outcome, money),
        comparison=sections.comparison(outcome, money, base),
        ledger=sections.ledger(reconcile(end, run.entries)),
        decision_count=done,
        feed=feed(run, explain),
        reading=_reading(),
        series=script_json(chart_series(line, money)),
        style=style,
        style_hash=csp_hash(style),
        script=script,
        script_hash=csp_hash(script),
    )


def _facts(start: Observation, end: Observation) -> str:
    pool = end.pool
    pair = f"{display.symbol(pool.token0)}/{display.symbol(pool.token1)} {display.fee_tier(pool.fee_pips)}"
    facts = (
        pair,
        f"pool {pool.address[:8]}…{pool.address[-4:]}",
        f"chain {end.block.chain_id}",
        f"{display.utc(start.block.timestamp)} – {display.utc(end.block.timestamp)}",
        f"blocks {start.block.number:,} – {end.block.number:,}",
    )
    return " ".join(f"<span>{escape(fact)}</span>" for fact in facts)


def _reading() -> str:
    terms = "".join(f"<dt>{escape(term)}</dt><dd>{escape(meaning)}</dd>" for term, meaning in READING)
    return f"<dl>{terms}</dl>"


def asset(name: str) -> str:
    """A plain file beside the code, in a checkout as in a wheel."""
    return (_HERE / name).read_text(encoding="utf-8")


def csp_hash(text: str) -> str:
    """As a content security policy names an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def script_json(value: Mapping[str, object]) -> str:
    """JSON that cannot end its script element, whatever it holds."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
