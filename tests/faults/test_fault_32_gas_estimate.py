"""A call whose gas explodes is not signed: the ceiling holds in the simulation, in the estimate, and without either."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.chainlab.calls import transact
from keeper.errors import RehearsalFailedError, RpcError
from keeper.model.outcome import Done, Failed
from keeper.world.chain.node import HttpNode
from keeper.world.chain.rehearsal import MAX_GAS_UNITS, PlainRehearsal, SimulatedRehearsal, Stage
from keeper.world.chain.simulation import Simulator
from keeper.world.protocols import Call
from tests.conftest import Chain
from tests.faults import token_pack
from tests.faults.at_work import at_work
from tests.faults.blind import CannotSimulate
from tests.policy.desk import Warm
from tests.world.conftest import contracts_of

EXPLODED = MAX_GAS_UNITS + 1_000_000


def test_32_an_act_that_burns_gas_is_not_signed(warm: Warm, tmp_path: Path) -> None:
    token_pack.turn(warm.anvil.rpc, warm.deployment.base, "GasBurner")
    fleet, _daemon = at_work(warm, tmp_path, split=(1, 0))
    assert isinstance(fleet.cycle(), Done)
    token_pack.arm(warm.anvil.rpc, warm.deployment.base, EXPLODED)
    before = fleet.transactions(), fleet.native_wei()
    outcome = fleet.cycle()
    assert isinstance(outcome, Failed) and "then mint: " in outcome.reason, outcome
    for _ in range(3):
        fleet.desk.wait(60)
        assert not isinstance(fleet.cycle(), Done)
    assert (fleet.transactions(), fleet.native_wei()) == before, "not even the approvals were signed"
    token_pack.arm(warm.anvil.rpc, warm.deployment.base, 0)
    fleet.desk.wait(3_600)
    assert isinstance(fleet.cycle(), Done)


@pytest.mark.parametrize("can_simulate", [True, False])
def test_32_the_ceiling_holds_on_either_side(chain: Chain, can_simulate: bool) -> None:
    rpc, deployment = chain.anvil.rpc, chain.deployment
    owner = str(rpc("eth_accounts")[4])
    token_pack.turn(rpc, deployment.token0, "GasBurner")
    transact(rpc, deployment.deployer, deployment.token0, "mint(address,uint256)", owner, 10)
    node = HttpNode([chain.anvil.url])
    stage = Stage(owner, deployment.token0, deployment.token1, contracts_of(deployment))
    said: list[str] = []
    simulator = Simulator(node if can_simulate else CannotSimulate(node))
    rehearsal = SimulatedRehearsal(simulator, stage, on_plain=said.append)
    nothing = Call(deployment.token0, bytes.fromhex("a9059cbb") + bytes(12) + b"\x77" * 20 + bytes(32))
    token_pack.arm(rpc, deployment.token0, MAX_GAS_UNITS - 1_000_000)
    used = rehearsal.gas_units(None, nothing)
    assert MAX_GAS_UNITS - 1_000_000 < used <= MAX_GAS_UNITS
    token_pack.arm(rpc, deployment.token0, EXPLODED)
    with pytest.raises(RehearsalFailedError):
        rehearsal.gas_units(None, nothing)
    assert len(said) == (0 if can_simulate else 1), "said once"


class Exaggerates(HttpNode):
    """A node whose estimates have nothing to do with what it simulates."""

    def batch(self, requests):  # type: ignore[no-untyped-def]
        answers = super().batch(requests)
        return [hex(EXPLODED) if name == "eth_estimateGas" else each
                for (name, _), each in zip(requests, answers, strict=True)]  # fmt: skip


def test_32_an_estimate_above_the_ceiling_is_refused_with_both_figures(chain: Chain) -> None:
    deployment = chain.deployment
    owner = str(chain.anvil.rpc("eth_accounts")[4])
    stage = Stage(owner, deployment.token0, deployment.token1, contracts_of(deployment))
    rehearsal = SimulatedRehearsal(Simulator(Exaggerates([chain.anvil.url])), stage)
    with pytest.raises(RehearsalFailedError, match=f"{EXPLODED} gas, more than the ceiling of {MAX_GAS_UNITS}"):
        rehearsal.gas_units(None, Call(owner, b""))
    small = PlainRehearsal(HttpNode([chain.anvil.url]), owner, max_gas_units=20_000)
    with pytest.raises(RehearsalFailedError, match="21000 gas, more than the ceiling of 20000"):
        small.gas_units(None, Call(owner, b""))


def test_32_what_the_node_cannot_say_is_no_refusal(chain: Chain) -> None:
    class Down(HttpNode):
        def batch(self, requests):  # type: ignore[no-untyped-def] # noqa: ARG002
            raise RpcError("internal error", code=-32603)

    owner = str(chain.anvil.rpc("eth_accounts")[4])
    stage = Stage(owner, chain.deployment.token0, chain.deployment.token1, contracts_of(chain.deployment))
    with pytest.raises(RpcError, match="internal error"):
        SimulatedRehearsal(Simulator(Down([chain.anvil.url])), stage).gas_units(None, Call(owner, b""))
