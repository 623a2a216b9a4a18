"""Which settings a search may change, and that nothing invalid comes out of it."""

from __future__ import annotations

import pytest

from keeper import plugins
from keeper.assembly_settings import varied
from keeper.backtest.search_space import Dimension, check_space, default_space, parse_dimension
from keeper.errors import ConfigError
from keeper.policy.settings import StrategySettings


def strategy(**sections: object) -> StrategySettings:
    written = {
        "name": "made",
        "chain": "polygon",
        "pool": "0x" + "11" * 20,
        "quote": "token0",
        "capital": {"max_quote": 1},
    }
    return StrategySettings.model_validate({**written, "capital": {"max_quote": 1}, **sections})


@pytest.mark.parametrize("kind", sorted(set(plugins.available("range")) - {"full"}))
def test_every_rule_has_a_space_that_fits_it(kind: str) -> None:
    settings = strategy(range={"kind": kind})
    space = default_space(varied(settings, {}))
    check_space(varied(settings, {}), space)
    assert {each.key.split(".")[0] for each in space} == {"range", "profit"}


def test_full_range_has_nothing_to_search() -> None:
    with pytest.raises(ConfigError, match="no settings of its own"):
        default_space(strategy(range={"kind": "full"}))


def test_a_yardstick_is_not_searched_for_what_it_does_not_use() -> None:
    space = default_space(strategy(range={"kind": "sigma"}, profit={"gate": "none"}))
    assert [each.key for each in space] == ["range.k", "range.horizon_days"]


def test_a_dimension_as_people_write_it() -> None:
    assert parse_dimension("range.k=0.5:4") == Dimension("range.k", 0.5, 4.0)
    assert parse_dimension("range.tau_ticks=20:2000:log:int") == Dimension("range.tau_ticks", 20, 2000, True, True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("range.k", "write KEY=LOW:HIGH"),
        ("range.k=a:b", "not two numbers"),
        ("range.k=1.5:2:int", "not two whole numbers"),
        ("range.k=4:1", "below the upper"),
        ("range.k=0:1:log", "above zero"),
        ("range.k=nan:1", "finite numbers"),
    ],
)
def test_a_dimension_that_makes_no_sense_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse_dimension(text)


@pytest.mark.parametrize(
    ("dimension", "sentence"),
    [
        (Dimension("range.kk", 1, 2), "no setting 'range.kk'"),
        (Dimension("nothing.k", 1, 2), "no setting"),
        (Dimension("range.k", 1, 50), "less than or equal to 20"),
        (Dimension("profit.haircut", 0.5, 2), "haircut"),
    ],
)
def test_bounds_that_the_strategy_cannot_have_are_told_at_once(dimension: Dimension, sentence: str) -> None:
    settings = varied(strategy(range={"kind": "sigma"}), {})
    with pytest.raises(ConfigError, match=sentence):
        check_space(settings, [dimension])


def test_values_change_what_they_name_and_nothing_else() -> None:
    settings = varied(strategy(range={"kind": "sigma"}), {})
    changed = varied(settings, {"range.k": 1.25, "profit.kappa": 3})
    assert changed.range["k"] == 1.25
    assert changed.profit.kappa == 3
    assert varied(changed, {"range.k": settings.range["k"], "profit.kappa": settings.profit.kappa}) == settings
