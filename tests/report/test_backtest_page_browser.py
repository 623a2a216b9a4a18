"""The page of a study in a real browser, the network off: crosshair, zoom, sorting, a phone's width."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.report import write_backtest_page
from keeper.report.backtest_lived import shown
from keeper.report.display import utc
from tests.report import studies
from tests.report.browser import Page, open_browser
from tests.report.synthetic import month
from tests.report.test_browser import CONTRAST, text

PRICE, WORTH = "figure[data-chart=price]", "figure[data-chart=worth]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_browser() as page:
        page.call("Network.enable")
        page.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        yield page


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = studies.comparison(studies.life(month(hours=400)))
    return write_backtest_page(tmp_path_factory.mktemp("study") / "study.html", page, lambda _decision: ["x" * 300])


@pytest.fixture
def page(browser: Page) -> Iterator[Page]:
    browser.complaints.clear()
    yield browser
    assert browser.complaints == []


def drag(page: Page, selector: str, begin: float, end: float) -> None:
    start, left, width = page.point(selector, begin)
    box = f"document.querySelector({selector!r}).getBoundingClientRect()"
    height = page.evaluate(f"{box}.y + {box}.height / 2")
    mouse = {"y": height, "button": "left", "clickCount": 1}
    page.call("Input.dispatchMouseEvent", type="mousePressed", x=start, **mouse)
    for share in ((begin + end) / 2, end):
        page.call("Input.dispatchMouseEvent", type="mouseMoved", x=left + width * share, buttons=1, **mouse)
    page.call("Input.dispatchMouseEvent", type="mouseReleased", x=left + width * end, **mouse)


def window(page: Page, chart: str) -> list[float]:
    box = str(page.evaluate(f"document.querySelector({chart + ' .curves'!r}).getAttribute('viewBox')"))
    return [float(part) for part in box.split()]


@pytest.mark.parametrize(("width", "scheme"), [(1_280, "light"), (1_280, "dark"), (320, "light"), (320, "dark")])
def test_it_fits_and_reads(page: Page, report: Path, width: int, scheme: str) -> None:
    page.open(report, width=width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    asked = [
        event["params"]["request"]["url"] for event in page._events if event["method"] == "Network.requestWillBeSent"
    ]
    assert asked and all(url.startswith(("file://", "data:")) for url in asked)
    worst = page.evaluate(CONTRAST)
    assert worst["ratio"] >= 4.5, worst


def test_the_crosshair_reads_all_charts_of_its_axis_and_no_other(page: Page, report: Path) -> None:
    page.open(report)
    line = shown(studies.life(month(hours=400)).lived).drawn  # type: ignore[arg-type]
    x, left, width = page.point(f"{WORTH} .plot", 0.4)
    moment = line.times[0] + (x - left) / width * (line.times[-1] - line.times[0])
    nearest = min(range(len(line.times)), key=lambda index: abs(line.times[index] - moment))
    tip = text(page, f"{WORTH} .tip")
    assert utc(line.times[nearest]) in tip and f"{line.values['worth'][nearest]:,.2f}" in tip
    assert text(page, f"{PRICE} [data-when]") == utc(line.times[nearest])
    assert text(page, "[data-series=lvr]").lstrip("−") == f"{abs(line.values['lvr'][nearest]):,.2f}"
    assert page.evaluate("[...document.querySelectorAll('.pointed')].map((each) => each.dataset.axis)") == ["run"] * 3
    assert page.evaluate("document.querySelectorAll('.tip:not([hidden])').length") == 1
    page.point("h1", 0.5)
    assert page.evaluate("document.querySelectorAll('.pointed, .tip:not([hidden])').length") == 0


def test_dragging_zooms_all_charts_and_a_double_click_shows_the_whole(page: Page, report: Path) -> None:
    page.open(report)
    whole, other = window(page, PRICE), window(page, "figure[data-chart=growth]")
    drag(page, f"{PRICE} .plot", 0.25, 0.5)
    for chart in (PRICE, WORTH):
        left, _, width, height = window(page, chart)
        assert left == pytest.approx(250, abs=3) and width == pytest.approx(250, abs=3) and height < 1_000
    assert window(page, "figure[data-chart=growth]") == other, "another axis keeps its window"
    page.point(f"{WORTH} .plot", 0.0)
    first = text(page, f"{WORTH} [data-when]")
    assert "2025-11-19" in first, "a quarter of 400 hours after 15 November"
    page.evaluate(
        f"document.querySelector('{PRICE} .plot').dispatchEvent(new MouseEvent('dblclick', {{bubbles: true}}))"
    )
    assert window(page, PRICE) == pytest.approx(whole, abs=1e-6)


def test_keys_and_buttons_do_what_the_mouse_does(page: Page, report: Path) -> None:
    page.open(report)
    page.evaluate(f"document.querySelector('{WORTH}').focus()")
    page.press("Home")
    assert text(page, "[data-when]") == "2025-11-15 00:00 UTC"
    page.press("ArrowRight")
    assert text(page, "[data-when]") == "2025-11-15 01:00 UTC"
    page.press("+")
    assert window(page, PRICE)[2] == pytest.approx(500)
    page.evaluate(f"document.querySelector('{WORTH} [data-zoom=in]').click()")
    assert window(page, PRICE)[2] == pytest.approx(250)
    page.press("End")
    assert window(page, PRICE)[0] == pytest.approx(750), "the window follows the cursor"
    page.press("0")
    assert window(page, PRICE)[2] == 1_000


def test_a_legend_switches_its_curve_and_the_scale_follows(page: Page, report: Path) -> None:
    page.open(report)
    before = window(page, WORTH)
    curve = f"document.querySelector('{WORTH} polyline.base').getBoundingClientRect().width"
    assert page.evaluate(curve) > 100
    page.evaluate(f"document.querySelector('{WORTH} [data-toggle=base]').click()")
    assert page.evaluate(curve) == 0 and window(page, WORTH)[3] < before[3]
    assert (
        page.evaluate(f"document.querySelector('{WORTH} [data-toggle=base]').getAttribute('aria-pressed')") == "false"
    )
    page.evaluate(f"document.querySelector('{WORTH} [data-toggle=base]').click()")
    assert window(page, WORTH) == pytest.approx(before, abs=1e-6)


def test_a_column_sorts_both_ways_and_what_has_no_figure_stays_last(page: Page, report: Path) -> None:
    page.open(report)
    labels = "[...document.querySelectorAll('[data-sortable] tbody th')].map((each) => each.textContent)"
    page.evaluate("document.querySelector('[data-column=\"1\"]').click()")
    assert page.evaluate(labels) == ["±10 %", "mine", "HODL 50/50", "full range (v2)"]
    page.evaluate("document.querySelector('[data-column=\"1\"]').click()")
    assert page.evaluate(labels) == ["HODL 50/50", "mine", "±10 %", "full range (v2)"]
    assert (
        page.evaluate("document.querySelector('[data-sortable] th[aria-sort=ascending]').textContent") == "alpha APR %"
    )


def test_the_map_tells_each_pair_by_pointer_and_by_key(page: Page, report: Path) -> None:
    page.open(report, width=320)
    words = "[data-heat-words]"
    page.evaluate("document.querySelector('[data-heat] td[tabindex=\"0\"]').focus()")
    assert text(page, words).startswith("±2 %, trigger 0.5")
    page.press("ArrowDown")
    page.press("ArrowRight")
    assert text(page, words).startswith("±4 %, trigger 1: hedged alpha −6.0 % a year, fees 25.0 % less LVR")
    page.point("[data-heat] .written", 0.5)
    assert "The strategy as written is nearest" in text(page, words)
    colours = page.evaluate(
        "['.up1', '.down1', '.written'].map((each) => getComputedStyle(document.querySelector('[data-heat] ' + each)))"
        ".map((style, index) => index < 2 ? style.backgroundColor : style.outlineStyle)"
    )
    assert len(set(colours)) == 3 and colours[2] == "solid"


def test_it_prints_light_whole_and_without_buttons(page: Page, report: Path) -> None:
    page.open(report, width=760, scheme="dark")
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    page.call("Emulation.setEmulatedMedia", media="print", features=[dark])
    try:
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.panel')).backgroundColor") == "rgb(255, 255, 255)"
        )
        assert page.evaluate("getComputedStyle(document.querySelector('.panel')).color") == "rgb(23, 33, 31)"
        assert page.evaluate("getComputedStyle(document.querySelector('.zoom')).display") == "none"
        assert page.evaluate("document.documentElement.scrollWidth") <= 760
    finally:
        page.call("Emulation.setEmulatedMedia", media="", features=[dark])


def test_a_finger_reads_values_and_drags_no_window(page: Page, report: Path) -> None:
    page.open(report, width=400)
    page.evaluate(f"document.querySelector('{WORTH} .plot').scrollIntoView({{block: 'center'}})")
    box = f"document.querySelector('{WORTH} .plot').getBoundingClientRect()"
    left, top, width = (page.evaluate(f"{box}.{side}") for side in ("x", "y", "width"))
    whole = window(page, WORTH)
    for kind, share in (("touchStart", 0.3), ("touchMove", 0.5), ("touchMove", 0.6)):
        page.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": left + width * share, "y": top + 60}])
    page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert page.evaluate(f"document.querySelector('{WORTH} .tip').hidden") is False
    assert "2025-11-25" in text(page, f"{WORTH} .tip"), "six tenths of 400 hours after 15 November"
    assert window(page, WORTH) == whole
    tip = f"document.querySelector('{WORTH} .tip').getBoundingClientRect()"
    assert page.evaluate(f"{tip}.left") >= 0 and page.evaluate(f"{tip}.right") <= 400
