"""How a chain is reached, from its configuration."""

from __future__ import annotations

from dataclasses import dataclass, field

from keeper.config import Chain
from keeper.errors import ConfigError
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.head_rules import HeadRules, grace_seconds


@dataclass(frozen=True, slots=True)
class ChainAccess:
    """How a chain is reached, and where its contracts are. URLs may hold keys: they are never shown.

    Transactions go to ``private_url`` and nowhere else, if there is one. What ``second_url`` says is held against what
    the others say.
    """

    chain_id: int
    urls: tuple[str, ...] = field(repr=False)
    contracts: Contracts
    confirmations: int
    bump_after_seconds: int = 36
    private_url: str | None = field(default=None, repr=False)
    second_url: str | None = field(default=None, repr=False)
    head_rules: HeadRules = field(default_factory=HeadRules)


def access(chain: Chain) -> ChainAccess:
    """The access that a chain's configuration describes. ConfigError names the first contract that is missing."""
    given = chain.contracts
    router = given.router or given.router02
    for name, value in (("factory", given.factory), ("positions", given.positions), ("router", router)):
        if value is None:
            raise ConfigError(f"contracts.{name} of chain {chain.chain_id} is not known: set it in keeper.yaml")
    assert given.factory is not None and given.positions is not None and router is not None
    contracts = Contracts(
        given.factory,
        given.positions,
        router,
        wrapped_native=given.wrapped_native,
        router_kind="router" if given.router is not None else "router02",
        **({} if given.multicall3 is None else {"multicall": given.multicall3}),
    )
    urls = tuple(url.get_secret_value() for url in chain.rpc)
    private, second = (None if url is None else url.get_secret_value() for url in (chain.private_rpc, chain.second_rpc))
    rules = HeadRules(chain.max_head_age_seconds, grace_seconds(chain.chain_id, chain.sequencer_grace_seconds))
    return ChainAccess(
        chain.chain_id,
        urls,
        contracts,
        chain.confirmations,
        chain.bump_after_seconds,
        private_url=private,
        second_url=second,
        head_rules=rules,
    )
