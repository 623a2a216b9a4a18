"""What a strategy may spend by its signatures: in one transaction, in an hour, in a day."""

from __future__ import annotations

from keeper.model.plan import is_way_out
from keeper.world.signers.evidence import Evidence, Rules, Spent
from keeper.world.signers.refusal import require_within


def leaves(evidence: Evidence, *, takes_back: bool = False) -> bool:
    """Whether the signature is for a way out, or for taking something back: such have ceilings of their own."""
    return takes_back or evidence.cancels or is_way_out(evidence.step)


def check_limits(
    rules: Rules, evidence: Evidence, *, gas_wei: int, swapped_quote: int, takes_back: bool = False
) -> None:
    """SigningLimitError if this signature, with what was spent before it, goes beyond a limit of the strategy.

    ``gas_wei`` is the most that its gas can cost (0: somebody else pays it), ``swapped_quote`` the worth of what it
    swaps and is not counted yet. ``takes_back``: it does nothing but reject what a Safe's owners were asked for.
    """
    limits = rules.limits
    is_out = leaves(evidence, takes_back=takes_back)
    if is_out:
        require_within("the gas cost, wei (signing.max_gas_native_per_exit),", gas_wei, limits.gas_wei_per_exit)
    else:
        field = "the gas cost, wei (signing.max_gas_native_per_transaction),"
        require_within(field, gas_wei, limits.gas_wei_per_transaction)
    field = "the worth of the swap, raw quote units (signing.max_swapped_quote_per_transaction),"
    require_within(field, swapped_quote, limits.swapped_quote_per_transaction)
    extra_gas = limits.exit_reserve_gas_wei if is_out else 0
    extra_count = limits.exit_reserve_transactions if is_out else 0
    spans: tuple[tuple[str, Spent, int, int, int], ...] = (
        ("hour", evidence.spent_hour, limits.gas_wei_per_hour, limits.swapped_quote_per_hour,
         limits.transactions_per_hour),
        ("day", evidence.spent_day, limits.gas_wei_per_day, limits.swapped_quote_per_day,
         limits.transactions_per_day),
    )  # fmt: skip
    for span, spent, most_wei, most_quote, most_count in spans:
        if gas_wei:  # what costs the key nothing is not held up by what it has paid
            field = f"the gas cost within one {span}, wei (signing.max_gas_native_per_{span}),"
            require_within(field, spent.gas_wei + gas_wei, most_wei + extra_gas)
        field = f"the number of transactions within one {span} (signing.max_transactions_per_{span})"
        require_within(field, spent.transactions + 1, most_count + extra_count)
        if swapped_quote:  # what does not swap is not held up by what was swapped
            field = f"what is swapped within one {span}, raw quote units (signing.max_swapped_quote_per_{span}),"
            require_within(field, spent.swapped_quote + swapped_quote, most_quote)
