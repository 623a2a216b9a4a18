"""What a range rule may look at: the market, the forecast, what providing pays, and what moving costs."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.model.decision import Figure, Forecast, Regime
from keeper.model.memory import HeldRange, RegimeLabel
from keeper.model.observation import Observation


@dataclass(frozen=True, slots=True)
class Stance:
    """The direction that is acted upon: the operator's view, else a regime that may act, else neutral.

    ``strength`` in [0, 1] scales the drift: 1 for a view, the lead of its probability for a regime.
    """

    label: RegimeLabel
    strength: float
    source: str


@dataclass(frozen=True, slots=True)
class Carry:
    """What providing pays and loses per unit of depth L·√S, all per year.

    ``phi_annual`` fees and ``reward_phi_annual`` rewards; ``net_now_annual`` = φ + φ_r − σ²/4 with the forecast σ;
    ``net_mean_annual`` the pool's long-run value and ``shrinkage`` B toward it (see ``carry.py``);
    ``net_used_annual`` = k·[N̄ + B·(N − N̄)], ``net_standard_error`` that of the five-day mean of daily N.
    """

    sigma_annual: float
    phi_annual: float
    reward_phi_annual: float
    net_now_annual: float
    net_mean_annual: float
    shrinkage: float
    net_used_annual: float
    net_standard_error: float
    hours: float
    days: int

    @property
    def rho(self) -> float:
        """4·φ/σ²: fees over the loss to arbitrage."""
        return 4 * self.phi_annual / self.sigma_annual**2

    @property
    def phi_used_annual(self) -> float:
        """The fee intensity that g is computed with: σ²/4 + the shrunk N."""
        return self.sigma_annual**2 / 4 + self.net_used_annual


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a rule may use. ``forecast.sigma_annual`` is known here, and equal to ``carry.sigma_annual``.

    ``capital_quote``: what is to be placed, raw quote units. ``gas_fraction`` γ: the gas of a whole re-centring over
    the capital; ``swap_cost`` s: pool fee and price impact per unit swapped; ``dilution`` q = V/(L·√S) with the L of
    everybody else.
    """

    observation: Observation
    forecast: Forecast
    regime: Regime
    stance: Stance
    carry: Carry
    capital_quote: int
    gas_fraction: float
    swap_cost: float
    dilution: float
    held: tuple[HeldRange, ...]


@dataclass(frozen=True, slots=True)
class NoRange:
    """No range is wanted, and why."""

    reason: str
    figures: tuple[Figure, ...] = ()
