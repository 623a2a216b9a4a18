"""The page of a forecast study: QLIKE by model, and what was said against what came. One file, no outside asset."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from keeper.errors import ConfigError
from keeper.report import display
from keeper.report.charts import Curve, Frame, plot, time_axis

if TYPE_CHECKING:
    from keeper.backtest import ForecastStudy, HorizonScores, ModelScores

_STYLE = """
.curve.realized { stroke: var(--idle); stroke-width: 1.25; } .curve.best { stroke: var(--accent); stroke-width: 2.25; }
.curve.benchmark { stroke: var(--lvr); stroke-dasharray: 5 3; }
.losses td { border: 0; padding: 2px 8px; } .losses td:nth-child(2) { width: 75%; padding: 2px 0; }
.losses svg { display: block; width: 100%; height: 14px; } .losses rect { fill: var(--idle); }
.losses .chosen { fill: var(--accent); }
figure { margin: 18px 0; }
.key line { stroke-width: 3; } .key .realized { stroke: var(--idle); } .key .best { stroke: var(--accent); }
.key .benchmark { stroke: var(--lvr); stroke-dasharray: 5 3; }
.scroll { overflow-x: auto; } td, th { text-align: right; padding: 3px 10px; white-space: nowrap; }
td:first-child, th:first-child { text-align: left; padding-left: 0; }
"""


def write_forecast_page(path: Path, study: ForecastStudy) -> Path:
    """The page at ``path``; its folder is made if there is none. ConfigError: it cannot be written."""
    text = render_forecast_page(study)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the page {path} cannot be written ({error.strerror}); choose another place") from error
    return path


def render_forecast_page(study: ForecastStudy) -> str:
    """The whole page as text."""
    style = (Path(__file__).resolve().parent / "page.css").read_text(encoding="utf-8") + _STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    facts = (
        f"{study.days:,} whole days, bars of {study.step_seconds // 60} min. The first year trains, the rest is judged."
    )
    best = ", ".join(f"{scores.models[0].model} at {scores.horizon_days} d" for scores in study.horizons)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(study.name)}: volatility forecasts</title>
<style>{style}</style>
</head>
<body>
<main>
<header>
<p class="kicker">Range Keeper · volatility forecasts</p>
<h1>{escape(study.name)}</h1>
<p class="facts">{facts}</p>
<section class="verdict"><p class="headline">Best by QLIKE: {escape(best)}.</p>
<p>Every forecast was made from the days before it. A model in the confidence set (90 %) cannot be told from the best.
</p>
</section>
</header>
{"".join(_horizon(scores) for scores in study.horizons)}
</main>
</body>
</html>
"""


def _horizon(scores: HorizonScores) -> str:
    name = f"h{scores.horizon_days}"
    left = f'<p class="note">Left out: {escape(", ".join(scores.left_out))}.</p>' if scores.left_out else ""
    return f"""<section aria-labelledby="{name}" class="panel">
<h2 id="{name}">{scores.horizon_days} d ahead</h2>
<p class="note">{scores.days} days judged. QLIKE: lower is better. Coloured: in the confidence set.</p>
{_bars(scores.models)}
{left}
{_lines(scores)}
<div class="scroll">{_table(scores.models)}</div>
</section>
"""


def _bars(models: Sequence[ModelScores]) -> str:
    most = max(row.qlike for row in models)
    rows = []
    for row in models:
        kind = ' class="chosen"' if row.in_confidence_set else ""
        drawing = (
            f'<svg aria-hidden="true"><rect{kind} width="{100 * row.qlike / most:.2f}%" height="100%" rx="2"/></svg>'
        )
        rows.append(f"<tr><td>{escape(row.model)}</td><td>{drawing}</td><td>{row.qlike:.3f}</td></tr>")
    return f'<table class="losses"><caption>QLIKE by model, best first</caption>{"".join(rows)}</table>'


def _lines(scores: HorizonScores) -> str:
    """The best model and the benchmark against what came, as volatility in per cent a year."""
    from keeper.backtest import BENCHMARK

    best = scores.models[0].model
    drawn = {"realized": scores.realized_sigma, "benchmark": scores.forecast_sigma[BENCHMARK]}
    drawn["best"] = scores.forecast_sigma[best]
    curves = [Curve(name, [100 * value for value in values]) for name, values in drawn.items()]
    times = scores.timestamps
    frame = Frame.around(times[0], times[-1], [0.0, *(value for curve in curves for value in curve.values)])
    title = f"Realized volatility of the next {display.count(scores.horizon_days, 'day')} and its forecasts, % a year"
    keys = "".join(
        f'<li><svg class="key" aria-hidden="true"><line class="{kind}" x1="0" x2="16" y1="5" y2="5"/></svg>{text}</li>'
        for kind, text in (("realized", "realized"), ("best", escape(best)), ("benchmark", escape(BENCHMARK)))
    )
    return (
        f'<figure><p class="note">{escape(title)}.</p><ul class="legend">{keys}</ul>'
        f"{plot(frame, times, curves, (), title)}{time_axis(frame)}</figure>"
    )


def _table(models: Sequence[ModelScores]) -> str:
    heads = ("model", "QLIKE", "MZ α", "MZ β", "R²", "DM t", "MCS p")
    rows = []
    for row in models:
        found = row.mincer_zarnowitz
        cells = (
            escape(row.model),
            f"{row.qlike:.3f}",
            f"{found.alpha:.3f} ± {found.alpha_error:.3f}",
            f"{found.beta:.2f} ± {found.beta_error:.2f}",
            f"{found.r_squared:.3f}",
            f"{row.diebold_mariano_t:+.2f}".replace("-", display.MINUS),
            f"{row.confidence_p:.3f}",
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
