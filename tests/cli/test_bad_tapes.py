"""Folders and options that were meant badly, or are damaged: one sentence, code 2, nothing read outside the folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from keeper.backtest.made_bars import generate_bars, write_bars
from keeper.world.tape import gas_series
from keeper.world.tape.opening import open_tape
from keeper.world.tape.writing import import_tape
from tests.cli.shell import Answer, Keeper
from tests.world.tape.made import honest_events, own_file

ASKED = ("--lower-tick", "-887270", "--upper-tick", "887270", "--liquidity", "1")
STRATEGY = """
name: made
chain: polygon
pool: "0x45dDa9cb7c25131DF268515131f647d726f50608"
quote: token0
capital: {max_quote: 20_000}
range: {kind: sigma}
schedule: {every_seconds: 21600, price_trigger_bps: 10000}
"""
Document = dict[str, Any]
Change = Callable[[Document], Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape of a few events, as ``keeper import`` writes it."""
    folder = tmp_path_factory.mktemp("written")
    import_tape(open_tape(own_file(honest_events(20), folder / "events.parquet")), folder / "tape")
    return folder / "tape"


def _set(value: Any, *path: str | int) -> Change:
    def change(document: Document) -> None:
        *way, last = path
        inner: Any = document
        for key in way:
            inner = inner[key]
        inner[last] = value

    return change


def _opening(**more: Any) -> Change:
    names = ("sqrt_price_x96", "liquidity", "fee_growth_global_0_x128", "fee_growth_global_1_x128")
    opening = {"block_number": 1, "timestamp": 1, "tick": 0, "fee_protocol": 0, "ticks": []} | dict.fromkeys(names, "0")
    return _set(opening | more, "opening")


def _token(**more: Any) -> Change:
    return _set({"address": "0x" + "12" * 20, "symbol": "A", "decimals": 6} | more, "pool", "token0")


EDITED: dict[str, tuple[Change, str]] = {
    "nested without end": (lambda _: "[" * 200_000, "is damaged (nested too deep)"),
    "nested beside words": (lambda _: '{"]]]]\\"]":' * 100_000, "is damaged (nested too deep)"),
    "an endless number": (lambda document: json.dumps(document | {"rows": 0})[:-1] + ',"x":' + "9" * 5_000 + "}",
                          "is damaged (Exceeds the limit"),
    "not text": (lambda _: b"\xff\xfe\x00", "is damaged (UnicodeDecodeError)"),
    "a list": (lambda _: "[]", "is damaged (TypeError)"),
    "a part elsewhere": (_set("../outside.parquet", "parts", 0, "file"), "parts: file '../outside.parquet'"),
    "a part of the system": (_set("/etc/passwd", "parts", 0, "file"), "parts: file '/etc/passwd'"),
    "a part that is the folder": (_set(".", "parts", 0, "file"), "parts: file '.'"),
    "a part without a name": (_set(5, "parts", 0, "file"), "parts: file '5'"),
    "a part of words": (_set("many", "parts", 0, "rows"), "parts: rows 'many'"),
    "a part that ends first": (_set(0, "parts", 0, "to_timestamp"), "a part ends before it begins"),
    "a part that holds more": (_set(500, "parts", 0, "rows"), "but its parts hold 500"),
    "a part outside": (_set(1 << 40, "parts", 0, "to_timestamp"), "parts lie outside of the span"),
    "another kind": (_set("bananas", "kind"), "kind 'bananas'"),
    "bars": (_set("bars", "kind"), "has no column open_tick"),
    "half complete": (_set("yes", "complete"), "complete is neither true nor false"),
    "complete without a span": (_set(None, "span"), "complete without a span"),
    "a span of nothing": (_set(float("nan"), "span", "to_timestamp"), "span: to_timestamp 'nan'"),
    "a fee above all": (_set(10**9, "pool", "fee_pips"), "fee_pips '1000000000'"),
    "ticks backwards": (_set(-10, "pool", "tick_spacing"), "tick_spacing '-10'"),
    "ticks nowhere": (_set(0, "pool", "tick_spacing"), "tick_spacing '0'"),
    "a page for an address": (_set("<script>", "pool", "address"), "address '<script>'"),
    "negative decimals": (_token(decimals=-5), "decimals '-5'"),
    "a symbol of numbers": (_token(symbol=7), "symbol '7'"),
    "a price through floating point": (_opening(sqrt_price_x96=1.5e28), "sqrt_price_x96 '1.5e+28'"),
    "a book out of order": (_opening(ticks=[[10, "1", "1", "0", "0"], [0, "1", "1", "0", "0"]]), "0 is out of order"),
    "half a tick": (_opening(ticks=[[10, "1"]]), "ticks: [10, '1']"),
    "another format": (_set({"a": "\x1b[31m"}, "format"), "use a newer keeper"),
}  # fmt: skip


def _edited(written: Path, change: Change) -> Path:
    folder = Path("tape")
    shutil.copytree(written, folder)
    shutil.copy(folder / "part-00001.parquet", "outside.parquet")
    document = json.loads((folder / "tape.json").read_text())
    text = change(document)
    text = json.dumps(document) if text is None else text
    (folder / "tape.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def _refused(answer: Answer, said: str) -> None:
    assert answer.code == 2 and answer.out == "", answer.err
    assert said in answer.err and answer.err.count("\n") == 1 and "\x1b" not in answer.err, answer.err


def test_what_is_edited_was_good(keeper: Keeper, written: Path) -> None:
    assert keeper("fees", "--data", str(_edited(written, lambda _: None)), *ASKED).code == 0


@pytest.mark.parametrize("name", list(EDITED))
def test_a_manifest_that_somebody_edited_is_refused(name: str, keeper: Keeper, written: Path) -> None:
    change, said = EDITED[name]
    answer = keeper("fees", "--data", str(_edited(written, change)), *ASKED)
    _refused(answer, said)
    assert answer.err.startswith("Error: tape/")


def test_a_plan_that_somebody_edited_is_refused(keeper: Keeper) -> None:
    Path("tape/partial").mkdir(parents=True)
    Path("tape/partial/plan.json").write_text("[" * 200_000)
    _refused(keeper("fees", "--data", "tape", *ASKED), "plan.json: is damaged (nested too deep): delete the folder")


def test_a_part_that_is_a_folder_is_named(keeper: Keeper, written: Path) -> None:
    part = _edited(written, lambda _: None) / "part-00001.parquet"
    part.unlink()
    part.mkdir()
    _refused(keeper("fees", "--data", "tape", *ASKED), "part-00001.parquet: cannot be read: is a directory")


def test_hostile_words_do_not_reach_the_terminal(keeper: Keeper, written: Path) -> None:
    def change(document: Document) -> None:
        document["pool"]["token0"] = {"address": "0x" + "12" * 20, "symbol": "\x1b[2JEVIL", "decimals": 6}
        document["defects"] = [{"code": "\x1b", "sentence": "\x1b]0;title\x07gone", "rows": None}]

    folder = _edited(written, change)
    answer = keeper("fees", "--data", str(folder), *ASKED)
    assert answer.code == 0 and "EVIL" in answer.out and "\x1b" not in answer.out + answer.err
    assert "\x1b" not in keeper("fees", "--data", str(folder), *ASKED, "--json").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("backtest", "--from", "2022-01-03", "--to", "2022-01-02"), "--from lies after --to"),
        (("backtest", "--capital", "1e400"), "'1e400' is not between 1e-30 and 1e+30"),
        (("backtest", "--gas-gwei", "NaN"), "'NaN' is not a number above zero"),
        (("optimize", "--search", "range.k=nan:2"), "search range.k: both bounds must be finite numbers"),
        (("optimize", "--search", "range.k=1:2", "--search", "range.k=1:3"), "search range.k is given twice"),
        (("optimize", "--search", "range.k=-1:2"), "search range.k=-1:2: k: Input should be greater than 0\n"),
        (("compare", "--every", "0"), "0 is not in the range"),
        (("compare", "--regimes", "prices.csv", "--report", "page.html"), "--report and --csv hold the comparison"),
    ],
)
def test_options_that_contradict_are_refused(keeper: Keeper, arguments: tuple[str, ...], said: str) -> None:
    Path("made.yaml").write_text(STRATEGY)
    command, *more = arguments
    _refused(keeper(command, "made.yaml", "--data", "missing.parquet", *more), said)


def test_a_pool_that_nobody_knows_is_told_with_a_way_that_there_is(keeper: Keeper) -> None:
    """What the sentence says to type works as it stands."""
    write_bars(generate_bars(1, 1), Path("bars.parquet"))
    Path("made.yaml").write_text(STRATEGY.replace("chain: polygon", "chain: moonbeam"))
    run = ("backtest", "made.yaml", "--gas-gwei", "5", "--native-price", "1", "--data")
    answer = keeper(*run, "bars.parquet")
    _refused(answer, "keeper import FILE --out DIR --token0 SYMBOL:DECIMALS --token1 SYMBOL:DECIMALS --fee PIPS")
    assert keeper("import", "bars.parquet", "--out", "tape", "--token0", "USDC:6", "--token1", "WETH:18",
                  "--fee", "500").code == 0  # fmt: skip
    assert keeper(*run, "tape").code == 0


def test_gas_files_are_documented_and_a_missing_one_is_named(keeper: Keeper) -> None:
    words = (Path(__file__).resolve().parents[2] / "docs/data.md").read_text()
    accepted = {*gas_series._WEI_COLUMNS, *gas_series._GWEI_COLUMNS, *gas_series._TIME_COLUMNS}
    accepted |= {*gas_series._COIN_COLUMNS}
    assert not {name for name in accepted if f"`{name}`" not in words}
    write_bars(generate_bars(1, 1), Path("bars.parquet"))
    Path("made.yaml").write_text(STRATEGY)
    asked = ("backtest", "made.yaml", "--data", "bars.parquet", "--native-price", "1", "--gas")
    _refused(keeper(*asked, "nope.parquet"), "nope.parquet: cannot be read: no such file\n")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1]], "column inAmount0 holds list<element: int64>, not integers; export it as text"),
        ([b"\xff\x00"], "column inAmount0 holds binary, not integers"),
        (["9" * 5_000], "is no integer that a pool can have"),
        (["\x1b[31m<img>"], "is no integer that a pool can have"),
        (None, "has two columns 'inAmount0'; drop one"),
    ],
)
def test_columns_of_another_kind_are_refused(values: list[Any] | None, said: str, keeper: Keeper) -> None:
    write_bars(generate_bars(1, 1), Path("bars.parquet"))
    table = parquet.read_table("bars.parquet")
    place = table.column_names.index("inAmount0")
    if values is None:
        table = table.append_column("inAmount0", table["inAmount0"])
    else:
        table = table.set_column(place, "inAmount0", pa.array(values * len(table)))
    parquet.write_table(table, "bad.parquet")
    _refused(keeper("import", "bad.parquet", "--out", "tape"), said)
    assert not Path("tape").exists()
