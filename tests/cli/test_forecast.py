"""``keeper forecast``: table, JSON, page, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backtest.made import table, written
from tests.cli.shell import Keeper
from tests.report.browser import open_browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("prices"), table(450))


def test_the_table_and_the_page(keeper: Keeper, file: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    answer = keeper("forecast", "--data", str(file), "--plot", str(page))
    assert answer.code == 0 and answer.err == ""
    assert "made: 448 whole days of bars of 120 min" in answer.out
    assert "1 d ahead, 82 days judged" in answer.out and "7 d ahead, 76 days judged" in answer.out
    assert "log-HAR" in answer.out and "blend, fitted" in answer.out and str(page) in answer.out
    text = page.read_text()
    assert "://" not in text and "style=" not in text and "<script" not in text
    with open_browser() as browser:
        for width, scheme in ((1_280, "light"), (390, "dark")):
            browser.open(page, width=width, scheme=scheme)
            assert browser.complaints == []
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            assert browser.evaluate("document.querySelectorAll('polyline.curve').length") == 6
            bars = browser.evaluate(
                "[...document.querySelector('.losses').querySelectorAll('rect')]"
                ".map(bar => bar.getBoundingClientRect().width)"
            )
            assert bars == sorted(bars) and bars[0] > 0
            assert browser.evaluate("getComputedStyle(document.querySelector('polyline.best')).stroke") != "none"


def test_json_holds_the_same_and_nothing_else(keeper: Keeper, file: Path) -> None:
    answer = keeper("forecast", "--data", str(file), "--horizons", "3", "--json")
    assert answer.code == 0 and answer.err == ""
    (scores,) = answer.json["horizons"]
    assert scores["horizon_days"] == 3 and len(scores["models"]) >= 12
    assert answer.json["benchmark"] == "EWMA3"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "missing.csv"), "missing.csv: cannot be read: no such file"),
        (("--data", "bad.csv"), "bad.csv: column timestamp missing"),
        (("--data", "semicolons.csv"), "separate the columns by commas"),
        (("--data", "{file}", "--plot", "/proc/x.html"), "/proc/x.html: cannot be written"),
        (("--data", "{file}", "--plot", "bad.csv/x.html"), "bad.csv/x.html: cannot be written"),
        (("--data", "{file}", "--horizons", "0"), "a horizon is from 1 to 60 days"),
        (("--data", "{file}", "--horizons", "1,x"), "not a list of whole days"),
        (("--data", "{file}", "--horizons", "60"), "448 whole days of prices, and 485 are needed"),
        (("--data", "{file}", "--implied", "bad.csv"), "bad.csv: column timestamp"),
        ((), "Missing option '--data'"),
    ],
)
def test_a_mistake_is_one_sentence_and_2(
    keeper: Keeper, file: Path, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bad.csv").write_text("when,close\n1,2\n")
    Path("semicolons.csv").write_text("timestamp;close\n1;2\n")
    if "--plot" in arguments:
        monkeypatch.setattr("keeper.backtest.run_forecast_study", lambda *_: pytest.fail("all that work for nothing"))
    answer = keeper("forecast", *(argument.format(file=file) for argument in arguments))
    assert answer.code == 2 and answer.out == ""
    assert said in answer.err and answer.err.count("\n") == 1
