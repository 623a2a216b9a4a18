"""What a strategy may spend by its signatures: in one transaction, in an hour, in a day."""

from __future__ import annotations

from keeper.model.plan import is_way_out
from keeper.world.signers.evidence import Evidence, Rules, Spent
from keeper.world.signers.refusal import require_within


def check_limits(rules: Rules, evidence: Evidence, *, gas_wei: int, swapped_quote: int) -> None:
    """SigningLimitError if this transaction, with what was spent before it, goes beyond a limit of the strategy.

    ``gas_wei`` is the most that its gas can cost, ``swapped_quote`` the worth of what it swaps.
    """
    limits = rules.limits
    leaves = evidence.cancels or is_way_out(evidence.step)
    if leaves:
        require_within("the gas cost, wei (signing.max_gas_native_per_exit),", gas_wei, limits.gas_wei_per_exit)
    else:
        field = "the gas cost, wei (signing.max_gas_native_per_transaction),"
        require_within(field, gas_wei, limits.gas_wei_per_transaction)
    field = "the worth of the swap, raw quote units (signing.max_swapped_quote_per_transaction),"
    require_within(field, swapped_quote, limits.swapped_quote_per_transaction)
    extra_gas = limits.exit_reserve_gas_wei if leaves else 0
    extra_count = limits.exit_reserve_transactions if leaves else 0
    spans: tuple[tuple[str, Spent, int, int, int], ...] = (
        ("hour", evidence.spent_hour, limits.gas_wei_per_hour, limits.swapped_quote_per_hour,
         limits.transactions_per_hour),
        ("day", evidence.spent_day, limits.gas_wei_per_day, limits.swapped_quote_per_day,
         limits.transactions_per_day),
    )  # fmt: skip
    for span, spent, most_wei, most_quote, most_count in spans:
        field = f"the gas cost within one {span}, wei (signing.max_gas_native_per_{span}),"
        require_within(field, spent.gas_wei + gas_wei, most_wei + extra_gas)
        field = f"the number of transactions within one {span} (signing.max_transactions_per_{span})"
        require_within(field, spent.transactions + 1, most_count + extra_count)
        if swapped_quote:  # what does not swap is not held up by what was swapped
            field = f"what is swapped within one {span}, raw quote units (signing.max_swapped_quote_per_{span}),"
            require_within(field, spent.swapped_quote + swapped_quote, most_quote)
