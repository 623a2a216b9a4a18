"""What providing pays: fee intensity against the loss to arbitrage, as the pool's own past shows it."""

from __future__ import annotations

import math

from keeper.model.decision import Figure, Forecast, Objection
from keeper.model.observation import History
from keeper.policy.activity import fee_intensity
from keeper.policy.scene import Carry
from keeper.policy.settings import StrategySettings


def carry(history: History, forecast: Forecast, settings: StrategySettings, now_timestamp: int) -> Carry | Objection:
    """The carry at this moment; an objection where volatility or fees are not known well enough."""
    sigma = forecast.sigma_annual
    if sigma is None:
        return Objection("no_forecast", f"no volatility forecast: {forecast.refusal}")
    profit = settings.profit
    activity = fee_intensity(history, now_timestamp)
    hours = 0.0 if activity is None else activity.hours
    if activity is None or hours < profit.min_fee_history_hours:
        figures = (Figure("hours", hours), Figure("needed_hours", profit.min_fee_history_hours))
        return Objection("no_fee_history", "the pool's fees have not been seen long enough", figures)
    net = activity.phi_annual - sigma * sigma / 4
    error = math.hypot(activity.standard_error, sigma * (forecast.standard_error or 0.0) / 2)
    return Carry(
        sigma_annual=sigma,
        phi_annual=activity.phi_annual,
        reward_phi_annual=0.0,
        net_now_annual=net,
        net_mean_annual=0.0,
        shrinkage=1.0,
        net_used_annual=profit.haircut * net,
        net_standard_error=error,
        hours=hours,
        days=0,
    )
