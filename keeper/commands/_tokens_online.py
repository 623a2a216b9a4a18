"""What ``keeper check --online`` finds out about a pool's tokens, by trying them out in a simulation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keeper.assembly_tokens import sentence
from keeper.commands._finding import Finding
from keeper.world.chain.node import HttpNode
from keeper.world.chain.simulation import Simulator
from keeper.world.v3.token_check import examine_token


def look_at_tokens(
    subject: str, tokens: Sequence[tuple[str, str]], holders: Sequence[str], allowed: Sequence[str], node: HttpNode
) -> Iterator[Finding]:
    """One finding for each token (address, symbol); what the operator allows is no mistake, whatever it is."""
    taken = {address.lower() for address in allowed}
    simulator = Simulator(node)
    for address, symbol in tokens:
        verdict = examine_token(simulator, address, holders)
        notes = f" ({'; '.join(verdict.notes)})" if verdict.notes else ""
        is_allowed = address.lower() in taken
        told = f"{symbol} {address} {sentence(verdict)}{notes}"
        plain = verdict.state == "plain"
        yield Finding(subject, plain or is_allowed, told if plain or not is_allowed else f"{told}; allow_tokens has it")
