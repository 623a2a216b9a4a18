"""What a reader of a backtest must know before its figures: how acts were filled, and what was missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from keeper.backtest.metrics import Metrics, deposited_return, metrics, steps_of
from keeper.backtest.opening import Opened
from keeper.backtest.result import BacktestResult, FillModel
from keeper.backtest.settings import BacktestSettings
from keeper.model.decision import Decision
from keeper.report import Run, quote_token, symbol, whole

WANT_OF_HISTORY = ("no_forecast", "no_fee_history", "twap_missing", "long_twap_missing")
_DAY_SECONDS = 86_400


def fill_model(settings: BacktestSettings, past: Opened, run: Run) -> FillModel:
    """How acts were filled, with its caveats in the order of their weight."""
    return FillModel(
        tape_kind=past.tape.kind,
        account=settings.account,
        latency_blocks=settings.latency_blocks,
        every_seconds=past.every_seconds,
        gas_source=past.gas.words,
        caveats=tuple(_caveats(settings, past, run)),
    )


def held_reasons(decisions: Sequence[Decision]) -> dict[str, int]:
    """How many decisions were held for each reason, by its code, the most frequent first; the first reason counts."""
    return dict(Counter(each.verdict.objections[0].code for each in decisions if each.verdict.objections).most_common())


def warm_up_seconds(decisions: Sequence[Decision]) -> tuple[int, int]:
    """How long decisions were held for want of history at the beginning, and how many they were."""
    held = 0
    for each in decisions:
        if not each.verdict.objections or each.verdict.objections[0].code not in WANT_OF_HISTORY:
            break
        held += 1
    if not held:
        return 0, 0
    last = decisions[min(held, len(decisions) - 1)]
    return last.observation.block.timestamp - decisions[0].observation.block.timestamp, held


def _caveats(settings: BacktestSettings, past: Opened, run: Run) -> Iterator[str]:
    yield (
        "What others did is taken as it was: they would have traded otherwise had our liquidity been there, and our "
        "own liquidity dilutes their fees here but changes no price."
    )
    shares = own_shares(run)
    if shares:
        yield (
            f"Our liquidity was {sum(shares) / len(shares):.2%} of what stood in range on average, "
            f"{max(shares):.2%} at most: so far may the fees be understated, and so much would the pool have been "
            "another."
        )
    if past.tape.kind == "bars":
        yield (
            f"Bars of {past.tape.step_seconds} s hide the path within them: fees of narrow ranges are estimates, and "
            "swaps of ours are filled through the liquidity at the price."
        )
    else:
        if past.tape.opening is None:
            yield (
                "The tape holds no tick book of its beginning: what stood there was worked out from what its swaps "
                "crossed, those that came later among them, and is not known beyond the furthest of them."
            )
        yield "Fills are exact through the recorded liquidity, but nobody reacts to them: no sandwich, no arbitrage."
    unexplained = getattr(past.market, "unexplained", 0)
    if unexplained:
        yield (
            f"{unexplained} recorded swaps do not come out of the tick book as it is known: each was taken for one "
            "step of constant liquidity, and fees of narrow ranges at them are estimates."
        )
    yield f"Gas: {past.gas.words}; what a rollup charges for its data is not in it."
    if settings.account == "safe":
        yield (
            "Whoever executes a Safe's transactions pays their gas: it stands beside the result and is in none of its "
            "sums, nor in what a search chooses by. If it is you who pays, use --mode atomic."
        )
    seconds, held = warm_up_seconds(run.decisions)
    if held:
        yield (
            f"The first {seconds / _DAY_SECONDS:.1f} days ({held} decisions) were held for want of history: nothing "
            "was earned or lost by providing then."
        )
    if settings.every_seconds not in (None, past.strategy.schedule.every_seconds):
        yield (
            f"It looked every {past.every_seconds} s instead of every {past.strategy.schedule.every_seconds} s, "
            "as asked."
        )
    for note in past.notes:
        yield note[0].upper() + note[1:] + "."


def own_shares(run: Run) -> tuple[float, ...]:
    """Our part of the active liquidity, at each observation where any of ours was in range."""
    found = []
    for seen in run.observations:
        ours = sum(each.liquidity for each in seen.positions if each.lower_tick <= seen.pool.tick < each.upper_tick)
        if ours:
            found.append(ours / seen.pool.liquidity)
    return tuple(found)


def metrics_of(result: BacktestResult) -> Metrics:
    """The figures of ``metrics.DEFINITIONS``."""
    observations = result.run.observations
    return metrics(steps_of(observations, result.series), *deposited_return(observations))


def last_word(result: BacktestResult) -> str:
    """Earned or lost against holding, and after arbitrage and costs, in one sentence."""
    end = result.series[-1]
    token = quote_token(result.run.observations[-1])

    def money(raw: int) -> str:
        return f"{whole(abs(raw), token.decimals):,.2f} {symbol(token)}"

    against = "earned more than" if end.against_hodl > 0 else "lost to"
    alpha = "paid for" if end.hedged_alpha > 0 else "did not pay for"
    if not end.seconds_in_position:
        return f"In {end.days:.1f} days it never provided liquidity: nothing was earned, and nothing lost to arbitrage."
    compared = f"it {against} holding by {money(end.against_hodl)}" if end.against_hodl else "it did as well as holding"
    return (
        f"In {end.days:.1f} days {compared}, and its fees {alpha} the loss to "
        f"arbitrage and its own costs ({'+' if end.hedged_alpha > 0 else '−'}{money(end.hedged_alpha)} hedged)."
    )
