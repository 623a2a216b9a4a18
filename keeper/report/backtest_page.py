"""The page of a backtest, a comparison or a search: one HTML file, no outside asset, no network, every text escaped.

Sections are there as the data is. Fees are never shown without LVR, costs and holding beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from keeper.errors import ConfigError
from keeper.report import backtest_lived, backtest_tables, sections
from keeper.report.backtest_heat import heat_section
from keeper.report.backtest_moves import moves_section
from keeper.report.backtest_verdict import backtest_verdict
from keeper.report.backtest_words import BacktestPage, Tone
from keeper.report.feed import Explain, feed
from keeper.report.page import asset, csp_hash, script_json
from keeper.report.reconciliation import reconcile
from keeper.report.words import lines


def write_backtest_page(path: Path, page: BacktestPage, explain: Explain = lines) -> Path:
    """The page at ``path``; its folder is made if there is none.

    Raises:
        ConfigError: the file cannot be written.
    """
    text = render_backtest_page(page, explain)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the report {path} cannot be written ({error.strerror}); choose another place") from error
    return path


def render_backtest_page(page: BacktestPage, explain: Explain = lines) -> str:
    """The whole page as text. ``explain`` gives the lines that a decision opens into; they are escaped here."""
    life = None if page.lived is None else backtest_lived.shown(page.lived)
    tone, headline, sentences = _said(page, life)
    axes: dict[str, object] = {} if life is None else {backtest_lived.AXIS: backtest_lived.axis(life)}
    if page.methods is not None and backtest_tables.has_growth(page.methods):
        times, values = backtest_tables.growth_axis(page.methods)
        rounded = {name: [round(value, 2) for value in points] for name, points in values.items()}
        axes[backtest_tables.AXIS] = {"times": times, "values": rounded, "decimals": dict.fromkeys(values, 1)}
    style, script = asset("page.css") + asset("backtest.css"), asset("backtest.js")
    return Template(asset("backtest.html")).substitute(
        title=escape(f"{page.title}: Range Keeper {page.kicker}"),
        kicker=escape(page.kicker),
        name=escape(page.title),
        facts=" ".join(f"<span>{escape(fact)}</span>" for fact in page.facts),
        tone=tone,
        headline=escape(headline),
        sentences="".join(f"<p>{escape(sentence)}</p>" for sentence in sentences),
        body="".join(_body(page, life)),
        closing="".join(_closing(page, life, explain)),
        series=script_json(axes),
        style=style,
        style_hash=csp_hash(style),
        script=script,
        script_hash=csp_hash(script),
    )


def _said(page: BacktestPage, life: backtest_lived.Shown | None) -> tuple[Tone, str, tuple[str, ...]]:
    if page.headline or life is None:
        return page.tone, page.headline, page.sentences
    tone, said = backtest_verdict(life.outcome, life.money)
    return tone, said.headline + ".", (" ".join(said.sentences), *page.sentences)


def _body(page: BacktestPage, life: backtest_lived.Shown | None) -> Iterable[str]:
    if life is not None:
        yield f'<dl class="tiles">{backtest_lived.tiles(life)}</dl>'
        yield backtest_lived.charts(life)
        yield (
            '<section aria-labelledby="split-title" class="panel"><h2 id="split-title">Profit and loss</h2>'
            f'<div class="pair"><div>{backtest_lived.waterfall(life)}</div><div>{backtest_lived.hedged(life)}</div>'
            f'<div class="wide">{backtest_lived.beside(life)}</div></div></section>'
        )
        yield moves_section(life.lived, life.money)
    if page.methods is not None:
        yield backtest_tables.methods_section(page.methods)
        yield backtest_tables.growth_section(page.methods)
    if page.searched is not None:
        yield backtest_tables.searched_section(page.searched)
        if page.searched.map is not None:
            yield heat_section(page.searched.map)


def _closing(page: BacktestPage, life: backtest_lived.Shown | None, explain: Explain) -> Iterable[str]:
    if page.caveats:
        yield _panel("caveats", "Before believing it", _list(page.caveats))
    if page.method_words:
        yield _panel("method-words", "What the methods are", _terms(page.method_words), "reading")
    yield _panel("terms", "What the figures are", _terms(page.terms.items()), "reading")
    defects = _list(page.defects) if page.defects else '<p class="note">None was found.</p>'
    yield _panel("defects", "Defects of the tape", defects)
    yield _panel("provenance", "What it rests on", _terms(page.provenance), "reading")
    if life is not None:
        run = life.lived.run
        yield _panel(
            "ledger",
            "The ledger, against the paper wallet",
            sections.ledger(reconcile(run.observations[-1], run.entries)),
        )
        yield _panel("decisions", "Decisions", '<p class="note">Times are UTC.</p>' + feed(run, explain))


def _panel(name: str, heading: str, body: str, kind: str = "") -> str:
    return (
        f'<section class="panel {kind}" aria-labelledby="{name}"><h2 id="{name}">{escape(heading)}</h2>{body}</section>'
    )


def _list(texts: Iterable[str]) -> str:
    return f'<ul class="plain">{"".join(f"<li>{escape(text)}</li>" for text in texts)}</ul>'


def _terms(pairs: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(words)}</dd>' for name, words in pairs)}</dl>"
