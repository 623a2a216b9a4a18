"""Strategy files: every kind of mistake is found at its line, in one clear sentence; settings have one digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.config_mistakes import ConfigErrors
from keeper.config_strategies import load_strategy, settings_body, settings_digest, settings_from_body
from tests.configured import STRATEGY, USDC, folder, load_both, strategy_mistakes

__all__ = ["folder"]

FEED = "0x" + "11" * 20


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("quote: token1", "qoute: token1", "a.yaml:4: unknown key 'qoute'; did you mean 'quote'?"),
        ("  k: 2", "  kk: 2", "a.yaml:8: unknown key 'kk'; did you mean 'k'?"),
        ("quote: token1", "quote: weth", "a.yaml:4: quote: expected 'token0' or 'token1', found \"weth\""),
        ("max_quote: 50_000", "max_quote: lots", 'a.yaml:5: max_quote: expected a number, found "lots"'),
        ("max_quote: 50_000", "max_quote: -5", "a.yaml:5: max_quote must be above 0, found -5"),
        ("max_quote: 50_000", "max_quote: .nan", "a.yaml:5: expected a finite number, found .nan"),
        ("max_quote: 50_000", "max_quote: '.inf'", 'a.yaml:5: max_quote: expected a number, found ".inf"'),
        ("max_quote: 50_000", "max_quote: 1e999", "a.yaml:5: expected a finite number, found 1e999"),
        ("max_quote: 50_000", "max_quote: 'NaN'", 'a.yaml:5: max_quote: expected a finite number, found "NaN"'),
        ("max_quote: 50_000", "max_quote: true", "a.yaml:5: max_quote: expected a number, found true"),
        ("  k: 2", "  k: true", "a.yaml:8: k: expected a number, not true or false"),
        ("  k: 2", "  k: 2\n  k: 3", "a.yaml:9: key 'k' stands twice, first on line 8; keep one"),
        ("  k: 2", "  min_width_pct: 90", "a.yaml:6: min_width_pct 90 is above max_width_pct 80"),
        ("kind: sigma", "kind: sigmo", "a.yaml:7: there is no range 'sigmo'; did you mean 'sigma'?"),
        ("chain: base", "chain: basis", "a.yaml:2: chain 'basis' is not in {folder}/keeper.yaml; did you mean 'base'?"),
        ("chain: base", "chain: base\nvenue: uniswap", "3: there is no venue 'uniswap'; did you mean 'uniswap_v3'?"),
        ("fee: 500", "fee: 5", "a.yaml:3: fee 5 would be 0.0005 %; fee is in Uniswap units; 500 means 0.05 %"),
        (
            "fee: 500",
            "fee: 0.05",
            "a.yaml:3: fee: expected a whole number, found 0.05; fee is in Uniswap units; 500 means 0.05 %",
        ),
        (
            "fee: 500",
            "fees: 500",
            "a.yaml:3: key 'fee' is missing: fee in Uniswap units, hundredths of a bip: 500 = 0.05 %",
        ),
        ("quote: token1", "quote: token1\nlimits: {max_slippage_bps: .5}", "max_slippage_bps: expected a whole number"),
        ("quote: token1", "limits: [1]\nquote: token1", "a.yaml:4: limits: expected keys and values (key: value)"),
        ("quote: token1", "execution: {mode: wet}\nquote: token1", "a.yaml:4: mode: expected 'dry', 'wallet'"),
        ("name: eth-usdc", "name: ETH", "a.yaml:1: name: expected lower-case letters, digits, - and _ (at most 63)"),
        ("quote: token1", "", "a.yaml: key 'quote' is missing"),
        ("quote: token1", "quote: [", "this is not YAML"),
        ("quote: token1", "\tquote: token1", "this is not YAML"),
        ("quote: token1", "quote: ${QUOTE}", "a.yaml:4: environment variable QUOTE is not set"),
    ],
)
def test_a_mistake_in_a_strategy_has_its_line_and_what_was_expected(
    folder: Path, old: str, new: str, expected: str
) -> None:
    mistakes = strategy_mistakes(folder, old, new)
    assert any(expected.format(folder=folder) in mistake for mistake in mistakes), mistakes


def test_token_order_is_explained(folder: Path) -> None:
    (mistake,) = strategy_mistakes(folder, '"0x4200000000000000000000000000000000000006"', '"0x' + "f" * 40 + '"')
    assert mistake.startswith("a.yaml:3: token0 must be the lower of the two addresses; exchange token0 and token1")


def test_a_pool_may_be_an_address_with_or_without_quotes(folder: Path) -> None:
    for text in ('"0x' + "ab" * 20 + '"', "0x" + "12" * 20):
        lines = STRATEGY.splitlines()
        lines[2] = f"pool: {text}"
        (folder / "strategies/a.yaml").write_text("\n".join(lines))
        _, (strategy,) = load_both(folder)
        assert strategy.settings.pool == text.strip('"')


@pytest.mark.parametrize("value", ['"0x1234"', "7", "[1]"])
def test_a_pool_of_another_shape_gets_one_sentence(folder: Path, value: str) -> None:
    line = STRATEGY.splitlines()[2]
    (mistake,) = strategy_mistakes(folder, line, f"pool: {value}")
    assert mistake.startswith("a.yaml:3: pool: expected ")


@pytest.mark.parametrize(("old", "new"), [("fee: 500", "fee: 0.05"), (f'token1: "{USDC}"', 'token1: "0x12"')])
def test_a_mistake_inside_the_pool_is_said_once_and_not_as_a_wrong_address(folder: Path, old: str, new: str) -> None:
    (mistake,) = strategy_mistakes(folder, old, new)
    assert not mistake.startswith("a.yaml:3: pool")


def test_names_are_unique_and_tokens_are_not_shared(folder: Path) -> None:
    (folder / "strategies/b.yaml").write_text(STRATEGY)
    (same_name,) = strategy_mistakes(folder, "eth-usdc", "eth-usdc")
    assert same_name.startswith("b.yaml:1: name 'eth-usdc' is already used by")
    (folder / "strategies/b.yaml").write_text(STRATEGY.replace("eth-usdc", "second").replace("500", "3000"))
    (shared,) = strategy_mistakes(folder, "eth-usdc", "eth-usdc")
    assert "would use token 0x4200000000000000000000000000000000000006 of one wallet" in shared


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("forecaster: {kind: implied}", "forecaster implied gets its figures from the section `implied:`"),
        ("implied: {currency: ETH, url: 'https://[bad'}", "url: expected the address of a server"),
        (f"oracle: {{feed: '{FEED}', quote_feed: '{FEED}'}}", "quote_feed is the same as feed"),
        (f"oracle: {{feed: '{FEED}', quote_max_age_seconds: 60}}", "the age of `quote_feed`, which is missing"),
    ],
)
def test_feeds_that_cannot_work_together(folder: Path, text: str, expected: str) -> None:
    (folder / "strategies/a.yaml").write_text(STRATEGY + text)
    with pytest.raises(ConfigErrors) as raised:
        load_strategy(folder / "strategies/a.yaml", {})
    (mistake,) = raised.value.mistakes
    assert str(mistake).startswith(f"{folder}/strategies/a.yaml:9: ") and expected in str(mistake)


def test_a_blend_that_will_go_without_implied_is_told_so(folder: Path) -> None:
    blend = STRATEGY + "forecaster: {kind: blend, members: [har, implied]}\n"
    for text, count in ((blend, 1), (blend + "implied: {currency: ETH}\n", 0)):
        (folder / "strategies/a.yaml").write_text(text)
        assert len(load_strategy(folder / "strategies/a.yaml", {}).warnings) == count


def test_the_canonical_body_gives_the_same_settings_and_digest_back(folder: Path) -> None:
    _, (strategy,) = load_both(folder)
    again = settings_from_body(strategy.body)
    assert again == strategy.settings
    assert settings_body(again) == strategy.body and settings_digest(again) == strategy.digest
    (folder / "strategies/a.yaml").write_text("# a comment\n" + STRATEGY)
    assert load_strategy(folder / "strategies/a.yaml", {}).digest == strategy.digest
    (folder / "strategies/a.yaml").write_text(STRATEGY.replace("k: 2", "k: 3"))
    assert load_strategy(folder / "strategies/a.yaml", {}).digest != strategy.digest
