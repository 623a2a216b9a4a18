"""Simulating on a real node, and what is made of nodes that cannot, or that answer otherwise than they promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from keeper.chainlab.calls import transact
from keeper.errors import RehearsalFailedError, RpcError
from keeper.world.chain import codec
from keeper.world.chain.node import HttpNode
from keeper.world.chain.rehearsal import SimulatedRehearsal, Stage
from keeper.world.chain.simulation import ASK_AGAIN_SECONDS, NotSimulatedError, Simulator, Trial, TrialBlock
from keeper.world.protocols import Call
from tests.conftest import Chain
from tests.faults.blind import CannotSimulate
from tests.world.conftest import contracts_of

SOMEBODY = "0x" + "5e" * 20
TIME_CODE = bytes.fromhex("4260005260206000f3")  # returns the block's time


class Answering:
    """A node that answers one thing, and counts how often it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, 0

    def request(self, method: str, params: Sequence[Any]) -> Any:
        raise AssertionError(method, params)

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return [self.answer, *("0x1" for _ in requests[1:])]

    def send_raw_transaction(self, raw: bytes) -> str:
        raise AssertionError(raw)


def test_calls_build_on_each_other_and_nothing_is_left(chain: Chain) -> None:
    rpc, token, holder = chain.anvil.rpc, chain.deployment.token0, chain.deployment.pool
    transact(rpc, chain.deployment.deployer, token, "mint(address,uint256)", holder, 100)
    look = Trial(SOMEBODY, token, codec.call("balanceOf(address)", SOMEBODY))
    give = Trial(holder, token, bytes.fromhex("a9059cbb") + codec.word(SOMEBODY) + codec.word(30))
    simulator = Simulator(HttpNode([chain.anvil.url]))
    ((before, given, after), (later, now)), (number,) = simulator.run(
        [TrialBlock((look, give, look)), TrialBlock((look, Trial(SOMEBODY, holder[:-1] + "0", b"")), 2_000_000_000)],
        then=[("eth_blockNumber", [])],
    )
    assert (before.number, given.number, after.number, later.number) == (0, 1, 30, 30)
    assert now.number is None and int(number, 16) > 0
    ((again,),), _ = simulator.run([TrialBlock((look,))])
    assert again.number == 0


def test_code_stands_in_for_an_address_and_time_is_what_was_asked(chain: Chain) -> None:
    trial = Trial(SOMEBODY, SOMEBODY, b"")
    ((_first,), (then,)), _ = Simulator(HttpNode([chain.anvil.url])).run(
        [TrialBlock((trial,)), TrialBlock((trial,), 2_000_000_000)], codes={SOMEBODY: TIME_CODE}
    )
    assert then.number == 2_000_000_000


def test_a_revert_keeps_its_reason(chain: Chain) -> None:
    take = Trial(SOMEBODY, chain.deployment.token0, bytes.fromhex("a9059cbb") + codec.word(SOMEBODY) + codec.word(30))
    ((failed,),), _ = Simulator(HttpNode([chain.anvil.url])).run([TrialBlock((take,))])
    assert not failed.succeeded and failed.number is None and failed.reason == "Token: balance too small"


@pytest.mark.parametrize(
    "refusal",
    [
        RpcError("the method eth_simulateV1 does not exist/is not available", code=-32601),
        RpcError("Method not supported", code=-32004),
        RpcError("unsupported method: eth_simulateV1", code=-32600),
        RpcError("eth_simulateV1 is not available on the free plan", code=35),
        RpcError("Invalid params", code=-32602, data="unknown field `returnFullTransactions`"),
    ],
)
def test_a_node_that_cannot_is_not_asked_again_for_a_while(refusal: RpcError) -> None:
    clock = [0.0]
    node = Answering(refusal)
    simulator = Simulator(node, now=lambda: clock[0])
    block = [TrialBlock((Trial(SOMEBODY, SOMEBODY, b""),))]
    for _ in range(2):
        with pytest.raises(NotSimulatedError):
            simulator.run(block)
    assert node.asked == 1 and not simulator.offered
    clock[0] = ASK_AGAIN_SECONDS
    node.answer = [{"calls": [{"status": "0x1", "returnData": "0x", "gasUsed": "0x5208"}]}]
    ((tried,),), _ = simulator.run(block)
    assert tried.succeeded and tried.gas_used == 21_000 and node.asked == 2


@pytest.mark.parametrize("refusal", [RpcError("execution reverted", code=3), RpcError("limit exceeded", code=-32005)])
def test_another_refusal_is_not_taken_for_a_node_that_cannot(refusal: RpcError) -> None:
    simulator = Simulator(Answering(refusal))
    with pytest.raises(RpcError) as raised:
        simulator.run([TrialBlock((Trial(SOMEBODY, SOMEBODY, b""),))])
    assert not isinstance(raised.value, NotSimulatedError) and simulator.offered


@pytest.mark.parametrize(
    "answer", [None, [], "0x", [{"calls": []}], [{"calls": [{"status": "0x1"}]}], [{"calls": [{"status": 1}]}], [{}]]
)
def test_an_answer_of_another_form_is_no_answer(answer: Any) -> None:
    with pytest.raises(RpcError, match=r"eth_simulateV1|did not simulate every call"):
        Simulator(Answering(answer)).run([TrialBlock((Trial(SOMEBODY, SOMEBODY, b""),))])


class AnswersOnly:
    """A node whose ``eth_simulateV1`` is not what it should be; all else is a real node's."""

    def __init__(self, inner: HttpNode, answer: Any) -> None:
        self._inner, self._answer = inner, answer
        self.request, self.send_raw_transaction = inner.request, inner.send_raw_transaction

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        if requests[0][0] != "eth_simulateV1":
            return self._inner.batch(requests)
        if isinstance(self._answer, Exception):
            raise self._answer
        return [self._answer, *self._inner.batch(requests[1:])]


FAILED_WITHOUT_DATA = [{"calls": [{"status": "0x0", "returnData": None, "gasUsed": "0x0"}] * 9}]


@pytest.mark.parametrize(
    "answer",
    [
        RpcError("block gas limit reached: 30000000 >= 8000000", code=-38015),
        RpcError("Invalid params", code=-32602, data="unknown field"),
        FAILED_WITHOUT_DATA,
        None,
    ],
)
def test_a_node_that_simulates_badly_does_not_lock_anybody_in(chain: Chain, answer: Any) -> None:
    """The plain rehearsal takes its place, as for a node that cannot; it still finds what would revert."""
    owner, said = str(chain.anvil.rpc("eth_accounts")[3]), list[str]()
    node = AnswersOnly(HttpNode([chain.anvil.url]), answer)
    rehearsal = SimulatedRehearsal(Simulator(node), stage(chain, owner), on_plain=said.append)
    assert rehearsal.gas_units(None, Call(owner, b"")) == 21_000 and len(said) == 1
    take = bytes.fromhex("a9059cbb") + codec.word(SOMEBODY) + codec.word(30)
    with pytest.raises(RehearsalFailedError, match="Token: balance too small"):
        rehearsal.gas_units(None, Call(chain.deployment.token0, take))


def stage(chain: Chain, owner: str) -> Stage:
    return Stage(owner, chain.deployment.token0, chain.deployment.token1, contracts_of(chain.deployment))


def test_without_simulation_it_is_said_once_and_reverts_are_still_found(chain: Chain) -> None:
    owner = str(chain.anvil.rpc("eth_accounts")[3])
    said: list[str] = []
    rehearsal = SimulatedRehearsal(
        Simulator(CannotSimulate(HttpNode([chain.anvil.url]))), stage(chain, owner), on_plain=said.append
    )
    for _ in range(2):
        assert rehearsal.gas_units(None, Call(owner, b"")) == 21_000
    assert len(said) == 1 and "eth_simulateV1" in said[0]
    with pytest.raises(RehearsalFailedError, match="Token: balance too small"):
        take = bytes.fromhex("a9059cbb") + codec.word(SOMEBODY) + codec.word(30)
        rehearsal.gas_units(None, Call(chain.deployment.token0, take))


def test_a_self_send_that_would_take_something_along_is_refused(chain: Chain) -> None:
    owner = str(chain.anvil.rpc("eth_accounts")[3])
    rehearsal = SimulatedRehearsal(Simulator(HttpNode([chain.anvil.url])), stage(chain, owner))
    assert rehearsal.gas_units(None, Call(owner, b"")) == 21_000
    with pytest.raises(RehearsalFailedError, match="7 wei of native coin would leave"):
        rehearsal.gas_units(None, Call(SOMEBODY, b"", 7))
    with pytest.raises(RehearsalFailedError, match="simulation failed"):
        rehearsal.gas_units(None, Call(SOMEBODY, b"", 10**30))
