"""Row 20: strategy files edited to nonsense under a running daemon. The last good one stays in force, the message has
file and line, and no edit lifts a hard bound.

The daemon, its fleet, journal and chain are real; edits are taken as a turn takes them, one at a time.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from keeper import telemetry
from keeper.assembly import StrategyRunner
from keeper.assembly_fleet import ConfiguredFleet, open_fleet
from keeper.config import load_keeper
from keeper.config_mistakes import ConfigErrors
from keeper.config_reload import StrategyFiles
from keeper.config_strategies import load_strategy
from keeper.config_yaml import parse_document
from keeper.daemon import Daemon
from keeper.errors import ConfigError
from keeper.policy.settings import StrategySettings
from keeper.world.journal import queries
from tests.cli.conftest import keeper, make_lab, make_operator
from tests.cli.operator import Operator
from tests.faults.strategy_edits import BAD, BOMB, CHAIN_OF_ALIASES, DEEP_BLOCKS, good, half_written

__all__ = ["keeper", "make_lab", "make_operator"]

EDITS = int(os.environ.get("KEEPER_EDITS", "3000"))
SECONDS_FOR_AN_EDIT = 5.0
BASE_LIMITS = "max_gas_gwei: 50, max_cost_quote_per_day: 100, gas_reserve_native: 0.5"

STRATEGY = """\
name: eth
chain: local
pool: {pool}
quote: {quote}
capital:
  max_quote: 1_000_000
forecaster: {{kind: ewma, half_life_hours: 24}}
range:
  kind: fixed
  lower_pct: 10
  upper_pct: 10
profit:
  hurdle: 0
limits:
  max_slippage_bps: 300
  max_twap_deviation_ticks: 1000
  max_price_impact_bps: 1000
  cooldown_minutes: 60
"""


@dataclass
class Edited:
    """A daemon at work in a folder, and what it said."""

    folder: Path
    text: str
    files: StrategyFiles
    fleet: ConfiguredFleet
    daemon: Daemon
    stamp_ns: int = 0
    rejected: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "strategies/eth.yaml"

    @property
    def in_force(self) -> StrategySettings:
        runner = self.daemon._runners["eth"]
        assert isinstance(runner, StrategyRunner)
        return runner.strategy.settings

    def write(self, content: str | bytes) -> None:
        """With a time stamp that no file system rounds to the one before."""
        self.file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.stamp()

    def stamp(self) -> None:
        self.stamp_ns = max(self.stamp_ns + 10_000_000, time.time_ns())
        os.utime(self.file, ns=(self.stamp_ns, self.stamp_ns))

    def take(self) -> list[str]:
        """What a turn does first; the mistakes that it told."""
        self.rejected.clear()
        started = time.monotonic()
        self.daemon._take_edits()
        assert time.monotonic() - started < SECONDS_FOR_AN_EDIT, "an edit must not hold up the daemon"
        return list(self.rejected)

    def assert_refused(self, because: str = "") -> None:
        before = self.in_force
        said = self.take()
        assert self.in_force is before, "the last good one stays"
        assert said and all(str(self.file) in each for each in said), said
        assert because in said[0]


@pytest.fixture
def edited(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edited]:
    folder = operator.folder
    old = (folder / "strategies/eth.yaml").read_text()
    pool, quote = (re.search(rf"^{key}: (.*)$", old, re.MULTILINE) for key in ("pool", "quote"))
    assert pool is not None and quote is not None
    text = STRATEGY.format(pool=pool.group(1), quote=quote.group(1))
    (folder / "strategies/eth.yaml").write_text(text)
    with (folder / "keeper.yaml").open("a") as file:
        file.write(f"limits: {{{BASE_LIMITS}}}\n")
    telemetry.configure(console=False)
    loaded = load_keeper(folder / "keeper.yaml")
    files = StrategyFiles(loaded)
    with open_fleet(loaded, files.strategies) as fleet:
        daemon = Daemon(fleet, mode=loaded.mode, look=files.changed)
        made = Edited(folder, text, files, fleet, daemon)
        monkeypatch.setattr(telemetry, "config_rejected", lambda mistakes: made.rejected.extend(mistakes))
        yield made
    assert "Traceback" not in "".join(made.rejected)


def bounds_hold(settings: StrategySettings) -> None:
    """What no strategy file can change: the operator's limits for all, and the program's own."""
    limits = settings.limits
    assert limits.max_gas_gwei is not None and limits.max_gas_gwei <= 50
    assert limits.max_cost_quote_per_day is not None and limits.max_cost_quote_per_day <= 100
    assert limits.gas_reserve_native >= Decimal("0.5")
    assert 0 <= limits.max_slippage_bps <= 1_000 and 1 <= limits.max_twap_deviation_ticks <= 5_000
    assert limits.twap_seconds >= 30 and limits.plan_lifetime_seconds <= 86_400
    assert limits.min_oracle_cardinality >= 1 and limits.max_price_impact_bps <= 1_000
    assert settings.capital.max_quote > 0 and settings.capital.max_quote.is_finite()


def fuzz(edited: Edited, numbers: random.Random, count: int) -> dict[str, int]:
    """Edit after edit; each leaves in force what it should."""
    seen = {"refused": 0, "taken": 0, "either": 0}
    for _ in range(count):
        before, roll = edited.in_force, numbers.random()
        if roll < 0.6:
            edited.write(numbers.choice(BAD)(edited.text, numbers))
            edited.assert_refused()
            seen["refused"] += 1
        elif roll < 0.85:
            edited.write(half_written(edited.text, numbers))
            said = edited.take()
            try:
                expected = load_strategy(edited.file).settings
            except ConfigError:
                assert edited.in_force is before and said
            else:
                assert not said and edited.in_force.name == expected.name
            seen["either"] += 1
        else:
            text = good(edited.text, numbers)
            edited.write(text)
            assert edited.take() == []
            assert f"cooldown_minutes: {edited.in_force.limits.cooldown_minutes}\n" in text
            seen["taken"] += 1
        bounds_hold(edited.in_force)
    return seen


def test_20_any_edit_leaves_the_last_good_one_in_force(edited: Edited) -> None:
    seen = fuzz(edited, random.Random(20), 150)
    assert min(seen.values()) >= 15, seen
    edited.write(edited.text)
    edited.take()
    assert edited.fleet.runners["eth"].run_once().kind in ("done", "held"), "and it still works"
    with edited.fleet._journal.reading() as query:
        kinds = {event.kind for event in queries.events(query)}
    assert kinds == {"config_rejected"}, "and `keeper status` tells"


@pytest.mark.soak
def test_20_any_edit_long(edited: Edited) -> None:
    fuzz(edited, random.Random(2_000), EDITS)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("max_slippage_bps: 300", "max_slippage_bps: 10_000", ":15: max_slippage_bps must be at most 1000"),
        ("max_slippage_bps: 300", "max_slippage_bps: -1", ":15: max_slippage_bps must be at least 0"),
        ("max_slippage_bps: 300", "max_slippage_bps: .nan", ":15: expected a finite number, found .nan"),
        ("max_slippage_bps: 300", "max_slippage_bps: 0.003", ":15: max_slippage_bps: expected a whole number"),
        ("max_slippage_bps: 300", "max_slippage: 30", ":15: unknown key 'max_slippage'; did you mean 'max_sl"),
        ("max_twap_deviation_ticks: 1000", "max_twap_deviation_ticks: 887272", ":16: max_twap_deviation_ticks must be"),
        ("cooldown_minutes: 60", "twap_seconds: 1", ":18: twap_seconds must be at least 30"),
        (
            "cooldown_minutes: 60",
            "plan_lifetime_seconds: 99999999",
            ":18: plan_lifetime_seconds must be at most 1209600",
        ),
        ("cooldown_minutes: 60", "min_oracle_cardinality: 0", ":18: min_oracle_cardinality must be at least 1"),
        ("cooldown_minutes: 60", f"max_gas_gwei: {'9' * 5_000}", ":18: expected a number of at most 80 digits"),
        ("max_quote: 1_000_000", "max_quote: 0", ":6: max_quote must be above 0"),
        ("hurdle: 0", "gate: never", ":13: gate: expected 'pays' or 'none'"),
        ("quote: ", "quote: [", "this is not YAML"),
    ],
)
def test_20_file_and_line_are_told(edited: Edited, old: str, new: str, said: str) -> None:
    assert old in edited.text
    edited.write(edited.text.replace(old, new))
    edited.assert_refused(said)
    bounds_hold(edited.in_force)


@pytest.mark.parametrize(
    "key",
    [
        "max_gas_gwei: 1_000_000", "max_gas_gwei: null", "max_cost_quote_per_day: 1_000_000_000",
        "max_cost_quote_per_day: null", "gas_reserve_native: 0",
    ],
)  # fmt: skip
def test_20_the_operators_limits_for_all_stand_above_a_strategys_own(edited: Edited, key: str) -> None:
    """A valid file; what runs is the stricter of the two."""
    edited.write(edited.text.replace("cooldown_minutes: 60", key))
    assert edited.take() == []
    assert edited.in_force.limits.cooldown_minutes == 60 and len(edited.fleet.runners) == 1
    bounds_hold(edited.in_force)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOMB, "there are more than 20000 values"),
        (CHAIN_OF_ALIASES, "values are nested too deeply"),
        ("a: " + "[" * 20_000, "values are nested too deeply"),
        (DEEP_BLOCKS, "values are nested too deeply"),
        ("x" * 1_000_000, "larger than 64 kB"),
        (STRATEGY + "# " + "x" * 1_000_000, "larger than 64 kB"),
        ("a: [" + "1," * 25_000 + "1]", "there are more than 20000 values"),
        ("", "is missing"),
        ("---\na: 1\n---\nb: 1\n", "this is not YAML"),
        ("a: &a [*a]\n", "an alias (*name) refers to what it stands in"),
        (b"\xff\xfen\x00a\x00", "this is not a text file in UTF-8"),
        (b"name: \x00\n", "this is not YAML"),
    ],
    ids=["bomb", "chain", "deep", "blocks", "1 MB", "1 MB of comment", "many", "empty", "two", "loop", "UTF-16", "NUL"],
)
def test_20_files_that_would_choke_a_reader(edited: Edited, content: str | bytes, said: str) -> None:
    edited.write(content)
    edited.assert_refused(said)


def test_20_what_is_no_file_is_refused_and_not_waited_for(edited: Edited) -> None:
    def put(make: Callable[[], Any]) -> None:
        if edited.file.is_dir():
            edited.file.rmdir()
        else:
            edited.file.unlink(missing_ok=True)
        make()
        edited.stamp()

    put(lambda: os.mkfifo(edited.file))
    edited.assert_refused("this is not a regular file")
    put(edited.file.mkdir)
    edited.assert_refused("this is not a regular file")
    put(lambda: edited.file.write_text(edited.text))
    assert edited.take() == [] and edited.in_force.name == "eth"


def test_20_a_file_that_is_gone_for_a_moment_changes_nothing(edited: Edited) -> None:
    before = edited.in_force
    edited.file.unlink()
    assert edited.take() == [] and edited.in_force is before
    edited.write(edited.text)
    assert edited.take() == [] and edited.daemon._runners.keys() == {"eth"}


def test_20_yaml_that_names_python_objects_makes_none(tmp_path: Path) -> None:
    mark = tmp_path / "made"
    text = f"a: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{mark}']]\n"
    with suppress(ConfigErrors):
        parse_document(text, "x.yaml", {})
    assert not mark.exists()
