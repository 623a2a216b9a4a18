"""Several forecasters as one: a weighted mean of their variances, weighted by how they did on the training window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from keeper.model.decision import Figure, Forecast
from keeper.model.observation import History, ImpliedQuote
from keeper.policy.forecasters import ewma, garch, har, implied, range_based, true_range
from keeper.policy.settings import FORECAST_HORIZON, Section
from keeper.policy.strategy import Forecaster
from keeper.policy.volatility.past import HOUR_SECONDS, Past, concluded, refused, usable_past

Kind = Literal["ewma", "garch", "har", "implied", "range_based", "true_range"]
Member = Annotated[
    ewma.Settings | garch.Settings | har.Settings | implied.Settings | range_based.Settings | true_range.Settings,
    Field(discriminator="kind"),
]
# What may be written: a kind alone too. `Settings` makes a mapping of it, so that a mistake is told once.
WrittenMember = Annotated[Member, BeforeValidator(lambda value: value, json_schema_input_type=Kind | Member)]
_MODULES: dict[str, Any] = {
    "ewma": ewma,
    "garch": garch,
    "har": har,
    "implied": implied,
    "range_based": range_based,
    "true_range": true_range,
}
MOST_MEMBERS = 12


class Settings(Section):
    """``forecaster: {kind: blend}``. A member is a kind, or a mapping with settings of its own."""

    kind: Literal["blend"] = "blend"
    horizon_hours: float = FORECAST_HORIZON
    members: tuple[WrittenMember, ...] = Field(default=("har", "ewma", "garch"), validate_default=True)
    weights: Literal["fitted", "equal"] = "fitted"
    training_days: int = Field(default=30, ge=10, le=365)
    reweigh_hours: int = Field(default=168, ge=24, le=24 * 31)

    @field_validator("members", mode="before")
    @classmethod
    def _as_mappings(cls, members: Any, info: ValidationInfo) -> Any:
        """Every member is a mapping with the blend's horizon: another one of its own is a mistake."""
        if not isinstance(members, list | tuple):
            return members
        if not 1 <= len(members) <= MOST_MEMBERS:
            raise ValueError(f"from 1 to {MOST_MEMBERS} members, not {len(members)}")
        return [_as_mapping(member, info.data.get("horizon_hours")) for member in members]


def _as_mapping(member: Any, horizon_hours: float | None) -> Any:
    written = {"kind": member} if isinstance(member, str) else member
    if not isinstance(written, dict):
        return written
    if written.get("kind") not in _MODULES:
        raise ValueError(f"a member is one of {', '.join(_MODULES)}, or a mapping with such a kind")
    if horizon_hours is None:  # itself wrong, and told as such
        return written
    if written.get("horizon_hours", horizon_hours) != horizon_hours:
        raise ValueError("a member forecasts the blend's horizon; drop its horizon_hours")
    return {**written, "horizon_hours": horizon_hours}


@dataclass(frozen=True, slots=True)
class Blend:
    """Works with the members that answer, and names those it went without."""

    settings: Settings
    members: tuple[Forecaster, ...]
    names: tuple[str, ...]

    def forecast(self, history: History, implied: Sequence[ImpliedQuote], now_timestamp: int) -> Forecast:
        horizon_seconds = round(self.settings.horizon_hours * HOUR_SECONDS)
        answers = tuple(answer_of(member, name, history, implied, now_timestamp, horizon_seconds)
                        for member, name in zip(self.members, self.names, strict=True))  # fmt: skip
        past = usable_past(history, now_timestamp, 2)
        samples = 0 if isinstance(past, str) else len(past.returns)
        missing = [name for name, each in zip(self.names, answers, strict=True) if each.sigma_annual is None]
        if len(missing) == len(answers):
            why = "; ".join(f"{name}: {each.refusal}" for name, each in zip(self.names, answers, strict=True))
            return refused("blend", horizon_seconds, samples, f"no member has a forecast ({why})", answers)
        given, trained = self._weights(past, horizon_seconds)
        weights = [0.0 if each.sigma_annual is None else w for w, each in zip(given, answers, strict=True)]
        if sum(weights) <= 0:  # only such as the fit gave nothing answered
            weights = [0.0 if each.sigma_annual is None else 1.0 for each in answers]
        weights = [weight / math.fsum(weights) for weight in weights]
        sigma, error = mixed(weights, answers)
        figures = [Figure(f"weight_{name}", weight) for name, weight in zip(self.names, weights, strict=True)]
        figures.append(Figure("training_forecasts", trained))
        if missing:
            figures.append(Figure("went_without", ", ".join(missing)))
        return concluded("blend", sigma, error, horizon_seconds, samples, figures, answers)

    def _weights(self, past: Past | str, horizon_seconds: int) -> tuple[tuple[float, ...], int]:
        """A weight for each member, and on how many past forecasts they rest (0: equal weights)."""
        equal = (1 / len(self.members),) * len(self.members)
        if self.settings.weights == "equal" or isinstance(past, str) or len(self.members) == 1:
            return equal, 0
        from keeper.policy.volatility.training import trained_weights

        return trained_weights(
            self.members, past, horizon_seconds, self.settings.reweigh_hours * HOUR_SECONDS, self.settings.training_days
        )


def answer_of(
    member: Forecaster,
    name: str,
    history: History,
    implied: Sequence[ImpliedQuote],
    now_timestamp: int,
    horizon_seconds: int,
) -> Forecast:
    """The member's forecast; where it fails, a refusal with the reason."""
    try:
        return member.forecast(history, implied, now_timestamp)
    except Exception as error:  # noqa: BLE001 - whatever a library throws: the others go on without it
        return refused(name, horizon_seconds, len(history.samples), f"it failed: {error}")


def mixed(weights: Sequence[float], answers: Sequence[Forecast]) -> tuple[float, float]:
    """Volatility whose variance is the weighted mean, and its standard error.

    The error counts how far members stand apart beside their own errors, taken as wholly correlated since all see the
    same prices: Σ wᵢ·√(seᵢ² + (σᵢ − σ)²) (Buckland, Burnham & Augustin 1997).
    """
    pairs = [
        (weight, each.sigma_annual, each.standard_error or 0.0)
        for weight, each in zip(weights, answers, strict=True)
        if each.sigma_annual is not None
    ]
    sigma = math.sqrt(math.fsum(weight * own * own for weight, own, _ in pairs))
    return sigma, math.fsum(weight * math.hypot(error, own - sigma) for weight, own, error in pairs)


def build(settings: Settings) -> Blend:
    names: list[str] = []
    for each in settings.members:
        names.append(each.kind if each.kind not in names else f"{each.kind}_{len(names) + 1}")
    members = tuple(_MODULES[each.kind].build(each) for each in settings.members)
    return Blend(settings, members, tuple(names))
