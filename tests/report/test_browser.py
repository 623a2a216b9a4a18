"""The page in a real browser: no complaint on its console, values under the pointer, a phone's width, both schemes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.model.decision import Decision
from keeper.report import display
from keeper.report.page import write_page
from keeper.report.timeline import STATE_WORDS, timeline
from tests.report.browser import Page, open_browser
from tests.report.synthetic import month


def explain(decision: Decision) -> list[str]:
    return [f"tick {decision.observation.pool.tick}", "x" * 300]


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_browser() as page:
        yield page


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hostile = "<img src=x onerror=alert(1)>"[:16]
    return write_page(tmp_path_factory.mktemp("report") / "report.html", month(symbols=("USDC", hostile)), explain)


@pytest.fixture
def page(browser: Page) -> Iterator[Page]:
    browser.complaints.clear()
    yield browser
    assert browser.complaints == []


def text(page: Page, selector: str) -> str:
    return str(page.evaluate(f"document.querySelector({selector!r}).textContent"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1_280, 400, 320])
def test_it_fits_and_reads(page: Page, report: Path, width: int, scheme: str) -> None:
    page.open(report, width=width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown = page.evaluate("document.body.innerText")
    for words in ("holding would have made", "Hedged alpha", "Every unit is accounted for", "Decisions"):
        assert words in shown
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(246, 247, 245)" if scheme == "light" else "rgb(15, 21, 20)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(page: Page, report: Path, scheme: str) -> None:
    """WCAG AA: 4.5 to 1 for text against the ground it stands on, here for every colour that is given to text."""
    page.open(report, scheme=scheme)
    worst = page.evaluate(CONTRAST)
    assert worst["ratio"] >= 4.5, worst


@pytest.mark.parametrize("share", [0.0, 0.123, 0.5, 0.77, 1.0])
def test_the_pointer_reads_values_in_all_charts(page: Page, report: Path, share: float) -> None:
    page.open(report)
    line = timeline(month())
    end = text(page, "[data-series=fees]")
    x, left, width = page.point("figure[data-chart=price] .plot", share)
    moment = line.times[0] + (x - left) / width * (line.times[-1] - line.times[0])
    nearest = min(range(len(line.times)), key=lambda index: abs(line.times[index] - moment))
    assert text(page, "[data-when]") == display.utc(line.times[nearest])
    assert text(page, "[data-series=fees]").lstrip("+") == f"{line.accounts[nearest].fees / 10**6:,.2f}"
    assert text(page, "[data-series=state]") == STATE_WORDS[line.states[nearest]]
    assert page.evaluate("document.querySelectorAll('.pointed').length") == 3
    page.point("h1", 0.5)
    assert text(page, "[data-series=fees]") == end


def test_the_arrow_keys_read_values_too(page: Page, report: Path) -> None:
    page.open(report)
    page.evaluate("document.querySelector('figure[data-chart=split]').focus()")
    page.press("Home")
    assert text(page, "[data-when]") == "2025-11-15 00:00 UTC"
    assert text(page, "[data-series=net]") == "0.00"
    page.press("ArrowRight")
    assert text(page, "[data-when]") == "2025-11-15 01:00 UTC"
    page.press("Escape")
    assert text(page, "[data-when]") == "2025-12-15 00:00 UTC"


def test_a_decision_opens(page: Page, report: Path) -> None:
    page.open(report, width=400)
    page.evaluate("document.querySelector('.acted summary').click()")
    assert page.evaluate("document.querySelector('.acted pre').innerText").startswith("tick ")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_the_curves_are_drawn(page: Page, report: Path) -> None:
    page.open(report)
    lengths = page.evaluate("[...document.querySelectorAll('polyline.curve')].map((line) => line.getTotalLength())")
    assert len(lengths) == 1 + 6 + 3
    assert min(lengths) >= 1_000
    assert page.evaluate("document.querySelectorAll('rect.band').length") > 5


def test_a_broken_page_would_be_heard(browser: Page, report: Path, tmp_path: Path) -> None:
    """The tests above rest on complaints being noticed: a tampered script and a style attribute must each be one."""
    tampered = tmp_path / "tampered.html"
    whole = report.read_text(encoding="utf-8")
    tampered.write_text(whole.replace('"use strict";', "undefinedThing();"), encoding="utf-8")
    browser.complaints.clear()
    browser.open(tampered)
    assert any("Content Security Policy" in each for each in browser.complaints)
    tampered.write_text(whole.replace("<main>", '<main style="color: red">'), encoding="utf-8")
    browser.complaints.clear()
    browser.open(tampered)
    assert any("Content Security Policy" in each for each in browser.complaints)
    browser.complaints.clear()


CONTRAST = """
(() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let worst = { ratio: 99 };
  for (const node of document.querySelectorAll("main *")) {
    if (![...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(node);
    const colour = node.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const [a, b] = [light(parse(colour)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < worst.ratio) worst = { ratio, text: node.textContent.slice(0, 40), colour };
  }
  return worst;
})()
"""
