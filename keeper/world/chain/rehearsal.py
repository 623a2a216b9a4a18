"""Trying a transaction on the newest state before it is signed: a revert costs nothing here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from keeper import telemetry
from keeper.errors import RehearsalFailedError, RpcError
from keeper.model.plan import Approve, Step
from keeper.world.chain import codec, delegation, deltas, reverts
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.deltas import Deltas
from keeper.world.chain.simulation import NotSimulatedError, Simulator, Trial, TrialBlock, Tried
from keeper.world.protocols import Call, Node, PinnedContracts

MAX_GAS_UNITS: Final = 10_000_000
"""No act of the keeper's needs a third of it; a call that wants more is not what it seems."""


_BALANCES: Final = 4  # the looks at every call; allowances come after them

Act = tuple[Step | None, Call]
"""A call and the step that it carries out; None for a self-send."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A call that may be signed: the gas it takes, without margin, and what was seen of its effects, in words."""

    gas_units: int
    seen: str


class PlainRehearsal:
    """Implements ``Rehearsal`` with what every node has: ``eth_call`` and ``eth_estimateGas``."""

    def __init__(self, node: Node, owner: str, *, max_gas_units: int = MAX_GAS_UNITS) -> None:
        self._node, self._owner, self._max_gas_units = node, owner, max_gas_units

    def gas_units(self, step: Step | None, call: Call) -> int:
        """The gas of a call that succeeds on the state of now."""
        return self.rehearse(step, call).gas_units

    def rehearse_in_order(self, acts: Sequence[Act]) -> Rehearsed:
        """The first call alone: what the others build on has not happened."""
        return self.rehearse(*acts[0])

    def rehearse(self, step: Step | None, call: Call) -> Rehearsed:  # noqa: ARG002  # balances are not looked at here
        """As ``gas_units``, with what was seen."""
        request = _request(self._owner, call)
        try:
            self._node.request("eth_call", _asked(self._owner, call, request))
            estimate = self._node.request("eth_estimateGas", _asked(self._owner, call, request))
        except RpcError as error:
            raise _failed(error) from error
        gas_units = _within(_in_all(int(estimate, 16), call), self._max_gas_units)
        return Rehearsed(gas_units, "what it does to the balances was not looked at")


@dataclass(frozen=True, slots=True)
class Stage:
    """Whose balances are watched, and where: the pool's two tokens and the chain's contracts."""

    owner: str
    token0: str
    token1: str
    contracts: Contracts


class ForesightedRehearsal(Protocol):
    """A rehearsal that also tries what comes after, and says what it saw; both kinds here do."""

    def rehearse_in_order(self, acts: Sequence[Act]) -> Rehearsed:
        """Errors as ``Rehearsal.gas_units``; the gas is the first call's."""
        ...


class SimulatedRehearsal:
    """Implements ``Rehearsal``: the exact call between two looks at the owner's balances, in one simulated block.

    What the step says must be what the tokens themselves say afterwards; logs are not asked. Where the node does not
    offer ``eth_simulateV1`` this is said once, and a plain rehearsal takes its place. ``pins`` is looked at first.
    """

    def __init__(
        self, simulator: Simulator, stage: Stage, *, pins: PinnedContracts | None = None,
        max_gas_units: int = MAX_GAS_UNITS, on_plain: Callable[[str], object] = telemetry.rehearsal_is_plain,
    ) -> None:  # fmt: skip
        self._simulator, self._stage, self._pins = simulator, stage, pins
        self._max_gas_units, self._on_plain, self._said = max_gas_units, on_plain, False
        self._plain = PlainRehearsal(simulator.node, stage.owner, max_gas_units=max_gas_units)

    def gas_units(self, step: Step | None, call: Call) -> int:
        """The gas of a call that does what the step says. Errors as ``Rehearsal``."""
        return self.rehearse(step, call).gas_units

    def rehearse(self, step: Step | None, call: Call) -> Rehearsed:
        """As ``gas_units``, with what was seen."""
        return self.rehearse_in_order([(step, call)])

    def rehearse_in_order(self, acts: Sequence[Act]) -> Rehearsed:
        """Several calls, each on what the one before has done; the gas is the first one's.

        An approval costs gas and is worth nothing where the act that it is for would fail: so both are tried before
        the approval is signed. A node that cannot simulate tries the first call alone.
        """
        if self._pins is not None:
            self._pins.check()
        if self._simulator.offered:
            try:
                return self._simulated(acts)
            except NotSimulatedError as error:
                if not self._said:
                    self._said = True
                    self._on_plain(str(error))
        return self._plain.rehearse(*acts[0])

    def _simulated(self, acts: Sequence[Act]) -> Rehearsed:
        owner, begun = self._stage.owner, acts[0][1]
        first = _request(owner, begun) | {"gas": hex(self._max_gas_units)}
        codes = {at: code for _, call in acts for at, code in delegation.overriding(owner, call).items()}
        trials = [trial for step, call in acts for trial in self._scene(step, call)]
        try:
            ((*tried,),), (estimate,) = self._simulator.run(
                [TrialBlock(tuple(trials))],
                codes=codes,
                then=[("eth_estimateGas", _asked(owner, begun, first))],
            )
        except NotSimulatedError:
            raise
        except RpcError as error:
            raise _failed(error) from error
        seen = []
        for at, (step, call) in enumerate(acts):
            length = len(self._scene(step, call))
            scene, tried = tried[:length], tried[length:]
            seen.append(_seen(step, scene, f"then {step.kind}: " if at and step is not None else ""))
        words = "; ".join(seen)
        gas_units = _within(_in_all(int(estimate, 16), begun), self._max_gas_units)
        return Rehearsed(gas_units, f"simulated, as the plan says: {words}")

    def _scene(self, step: Step | None, call: Call) -> tuple[Trial, ...]:
        """A look, the call, and the same look again."""
        looks = self._looks(step)
        act = Trial(self._stage.owner, call.to, call.data, call.value_wei, self._max_gas_units)
        return (*looks, act, *looks)

    def _looks(self, step: Step | None) -> tuple[Trial, ...]:
        """The reads around the call: both tokens, native coin, position NFTs, and the allowances that it changes."""
        stage, contracts = self._stage, self._stage.contracts
        balance = codec.call("balanceOf(address)", stage.owner)
        reads = [
            (stage.token0, balance),
            (stage.token1, balance),
            (contracts.multicall, codec.call("getEthBalance(address)", stage.owner)),
            (contracts.positions, balance),
        ]
        spenders = {"router": contracts.router, "positions": contracts.positions}
        watched: list[tuple[str, str]] = []
        if isinstance(step, Approve):
            watched = [(step.token, spenders[step.spender])]
        elif deltas.approves(step):
            watched = [(token, each) for token in (stage.token0, stage.token1) for each in spenders.values()]
        allowance = "allowance(address,address)"
        reads += [(token, codec.call(allowance, stage.owner, spender)) for token, spender in watched]
        return tuple(Trial(stage.owner, target, data) for target, data in reads)


def _seen(step: Step | None, scene: list[Tried], prefix: str) -> str:
    """What one call did, in words. RehearsalFailedError where it is not what its step says."""
    middle = len(scene) // 2
    acted = scene[middle]
    if not acted.succeeded:
        raise RehearsalFailedError(f"{prefix}simulation failed: {acted.reason}")
    moved = _moved(step, scene[:middle], scene[middle + 1 :])
    wrong = deltas.complaint(step, moved)
    if wrong is not None:
        raise RehearsalFailedError(f"{prefix}the transaction would not do what its step says: {wrong}")
    return prefix + _words(moved)


def _moved(step: Step | None, before: list[Tried], after: list[Tried]) -> Deltas:
    """What changed between the two looks. RehearsalFailedError where a contract does not say."""
    changes = []
    for name, first, second in zip(("token0", "token1", "native", "positions"), before, after, strict=False):
        if first.number is None or second.number is None:
            raise RehearsalFailedError(f"the balance of {name} cannot be read around the transaction")
        changes.append(second.number - first.number)
    amount_0, amount_1, native_wei, positions = changes
    allowance = after[-1].number if isinstance(step, Approve) else None
    return Deltas(amount_0, amount_1, native_wei, positions, allowance, _left(step, after))


def _left(step: Step | None, after: list[Tried]) -> tuple[int, ...]:
    """What may be taken by allowance after a batch. RehearsalFailedError where a token does not say."""
    allowances = after[_BALANCES:] if deltas.approves(step) else []
    found = [each.number for each in allowances if each.number is not None]
    if len(found) != len(allowances):
        raise RehearsalFailedError("an allowance cannot be read after the transaction")
    return tuple(found)


def _words(moved: Deltas) -> str:
    changes = [f"token{at} {amount:+d}" for at, amount in enumerate((moved.amount_0, moved.amount_1)) if amount]
    changes += [f"position NFTs {moved.positions:+d}"] if moved.positions else []
    changes += [f"allowance {moved.allowance}"] if moved.allowance is not None else []
    return ", ".join(changes) or "no balance changes"


def _request(owner: str, call: Call) -> dict[str, Any]:
    return {"from": owner, "to": call.to, "data": "0x" + call.data.hex(), "value": hex(call.value_wei)}


def _asked(owner: str, call: Call, request: dict[str, Any]) -> list[Any]:
    """The parameters of a question about a call, upon the delegation that it sets."""
    codes = delegation.overriding(owner, call)
    return [request, "latest", *([{at: {"code": "0x" + code.hex()} for at, code in codes.items()}] if codes else [])]


def _in_all(estimate: int, call: Call) -> int:
    """An estimate upon a delegation that stands already, with what it costs to set it."""
    return estimate if call.delegate is None else estimate + delegation.AUTHORIZATION_GAS


def _failed(error: RpcError) -> RpcError | RehearsalFailedError:
    """A node's refusal as a failed rehearsal; anything else stays what it is."""
    if not reverts.is_refusal(error):
        return error
    return RehearsalFailedError(f"simulation failed: {reverts.reason(error)}")


def _within(gas_units: int, max_gas_units: int) -> int:
    if gas_units > max_gas_units:
        raise RehearsalFailedError(f"it would take {gas_units} gas, more than the ceiling of {max_gas_units}")
    return gas_units
