"""A comparison as one self-contained page: the table, what it honestly shows, the definitions, the caveats."""

from __future__ import annotations

from html import escape
from pathlib import Path

from keeper.backtest.compare import Comparison
from keeper.backtest.compare_table import csv_rows, table_lines
from keeper.backtest.compare_words import bootstrap_words, caveats, sentences
from keeper.backtest.metrics import DEFINITIONS
from keeper.errors import ConfigError

_STYLE = """
:root { color-scheme: light dark; } body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
padding: 0 1rem; } pre { overflow-x: auto; font: 13px/1.4 ui-monospace, monospace; } .scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; } td, th { padding: 2px 8px; text-align: right; white-space: nowrap;
border-bottom: 1px solid #8884; } td:first-child, th:first-child { text-align: left; } dt { font-weight: 600; }
"""


def write_comparison_page(path: Path, comparison: Comparison) -> Path:
    """The page at ``path``. ConfigError: it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(comparison_page(comparison), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written ({error.strerror}); choose another place", path=str(path)) from error
    return path


def comparison_page(comparison: Comparison) -> str:
    """The whole page as text; nothing in it comes from elsewhere."""
    ground = comparison.ground
    header, *rows = csv_rows(comparison)
    title = f"{ground.pool_label}: methods side by side over {comparison.days:.1f} days"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
{_list(sentences(comparison))}
<pre>{escape(chr(10).join(table_lines(comparison, wide=True)))}</pre>
<p>{escape(bootstrap_words(comparison))}</p>
<h2>What the columns are</h2>
<dl>{"".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in DEFINITIONS.items())}</dl>
<h2>What the methods are</h2>
{_list([f"{row.label}: {row.words}." for row in comparison.rows])}
<h2>Before believing it</h2>
{_list(caveats(comparison))}
<h2>Every figure</h2>
<div class="scroll"><table><tr>{"".join(f"<th>{escape(name)}</th>" for name in header)}</tr>
{"".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)}</table></div>
<p>Tape {escape(ground.tape_path)}, SHA-256 {escape(ground.tape_digest)}.</p>
</body></html>
"""


def _list(lines: tuple[str, ...] | list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
