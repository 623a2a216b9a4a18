"""What stands in front of every signature: the rehearsal on the newest state, and the code that it relies on."""

from __future__ import annotations

from keeper.world.chain.code_pins import CodePins, named_contracts
from keeper.world.chain.rehearsal import SimulatedRehearsal, Stage
from keeper.world.chain.simulation import Simulator
from keeper.world.journal.pins import PinLog
from keeper.world.protocols import Node, PinnedContracts
from keeper.world.venues.uniswap_v3 import UniswapV3


def code_pins(node: Node, venue: UniswapV3, log: PinLog, chain_id: int, strategy: str, **others: str) -> CodePins:
    """The code of everything that the strategy's transactions depend on; ``others``: more of it, address by name."""
    pool = venue.pool
    relied_on = named_contracts(venue.contracts, pool.address, pool.token0.address, pool.token1.address)
    return CodePins(node, log, chain_id, strategy, relied_on | others)


def rehearsal(node: Node, venue: UniswapV3, owner: str, pins: PinnedContracts | None = None) -> SimulatedRehearsal:
    """The rehearsal of the owner's transactions; ``pins`` None: where nothing is signed."""
    stage = Stage(owner, venue.pool.token0.address, venue.pool.token1.address, venue.contracts)
    return SimulatedRehearsal(Simulator(node), stage, pins=pins)
