"""Row 22: under-priced replacements, stuck and evicted transactions. Bumps of at least a tenth in both fees at the same
nonce, capped; identical bytes re-sent; a self-send takes the nonce back when the plan has expired."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.model.outcome import Done
from tests.faults import invariants
from tests.faults.evidence import SignedAttempt
from tests.faults.held_pool import HeldPool
from tests.faults.node_faults import answer, geth_pool, nonce_too_low
from tests.faults.proxy import Asked, Fault, Forward, HostileNode, Reply
from tests.faults.scenes import Hostile, besieged, carries
from tests.faults.signed_bytes import read_signed
from tests.faults.site import Site

SEND = "eth_sendRawTransaction"
GWEI = 10**9
BLOCK_SECONDS = 12
KINDS = pytest.mark.parametrize(
    "kind", ["mint", pytest.param("exit", marks=pytest.mark.soak), pytest.param("swap", marks=pytest.mark.soak)]
)


def tries_of(scene: Hostile, kind: str) -> list[SignedAttempt]:
    """The newest nonce's attempts for a step of that kind."""
    found = [each for each in scene.evidence().attempts if each.kind == kind]
    return [each for each in found if each.nonce == found[-1].nonce]


@KINDS
def test_22_a_stuck_transaction_is_replaced_at_its_nonce(site: Site, kind: str) -> None:
    """The node holds it, refuses the first two bumps, and mines the third that it takes: the same call, dearer."""
    before = site.evidence().count
    with besieged(site, block_seconds=BLOCK_SECONDS) as scene:
        selected = carries(kind)
        pool = HeldPool(scene.node, lambda signed, times: times == 3 or not _is(selected, signed.data), refusals=2)
        scene.keeper.until_held()
        tries = tries_of(scene, kind)
        assert len(tries) >= 4  # two were refused
        assert pool.refused.count("replacement transaction underpriced") == 2
        calls = {(signed.to, signed.data, signed.nonce) for signed in (read_signed(each.raw) for each in tries)}
        assert len(calls) == 1
        seen = scene.evidence()
        assert [each.hash for each in seen.mined if each.nonce == tries[0].nonce] == [tries[-1].hash]
        assert invariants.resting(seen, broadcast=scene.broadcast()) == [] and len(seen.held) == 1
        assert seen.count == before + 6


@KINDS
def test_22_an_evicted_transaction_is_sent_again_as_it_was(site: Site, kind: str) -> None:
    """The node takes it and drops it from its pool, twice: the very same bytes go out again, nothing is signed."""

    def evict(node: HostileNode, _asked: Asked, forward: Forward) -> Reply:
        reply = forward()
        node.ask("anvil_dropTransaction", reply["result"])
        return reply

    with besieged(site) as scene:
        scene.node.on(SEND, geth_pool())
        dropped = scene.node.on(SEND, Fault("evicted", evict), times=2, when=carries(kind))
        scene.keeper.until_held()
        assert dropped.struck == 2
        sent = [each.raw for each in scene.node.sent if _is(carries(kind), read_signed(each.raw).data)]
        assert len(sent) >= 3 and len(set(sent)) == 1
        seen = scene.evidence()
        assert len(tries_of(scene, kind)) == 1
        assert invariants.resting(seen, broadcast=scene.broadcast()) == [] and len(seen.held) == 1


@KINDS
def test_22_an_expired_plan_takes_its_nonce_back(site: Site, kind: str) -> None:
    """It is never mined and its plan runs out: a dearer self-send at its nonce; the next plan goes on from there."""
    with besieged(site, block_seconds=60) as scene:
        pool = HeldPool(scene.node, lambda signed, _times: not _is(carries(kind), signed.data))
        for _ in range(8):
            scene.keeper.cycle()
            if any(each.cancels for each in scene.evidence().attempts):
                break
        cancelled = [each for each in scene.evidence().attempts if each.cancels]
        assert cancelled, "nothing was cancelled"
        tries = [each for each in scene.evidence().attempts if each.nonce == cancelled[0].nonce]
        assert {each.kind for each in tries} == {kind}
        self_send = read_signed(cancelled[0].raw)
        assert (self_send.to, self_send.data, self_send.value_wei) == (site.owner.lower(), b"", 0)
        scene.node.calm()
        pool.release()
        scene.keeper.until_held()
        seen = scene.evidence()
        assert [each.hash for each in seen.mined if each.nonce == tries[0].nonce] == [cancelled[-1].hash]
        assert invariants.resting(seen, broadcast=scene.broadcast()) == [] and len(seen.held) == 1


def test_22_bumps_end_at_the_ceilings(site: Site) -> None:
    """Stuck for good: nothing is ever signed above the ceiling, nor a way out above its own."""
    ceiling, exit_ceiling = 2 * GWEI, 3 * GWEI
    limits = site.settings["limits"] | {"max_gas_gwei": "2", "max_exit_gas_gwei": "3"}
    with besieged(replace(site, settings=site.settings | {"limits": limits}), block_seconds=BLOCK_SECONDS) as scene:
        before = len(scene.evidence().attempts)
        pool = HeldPool(scene.node, lambda signed, _times: _is(carries("exit"), signed.data))
        for _ in range(2):
            scene.keeper.cycle()
        fresh = scene.evidence().attempts[before:]
        assert any(each.cancels for each in fresh) and len(fresh) >= 4
        for each in fresh:
            assert each.max_fee_wei <= (exit_ceiling if each.kind == "exit" or each.cancels else ceiling), each
        assert invariants.i5_fees_rise_within_caps(fresh, exit_ceiling) == []
        scene.node.calm()
        pool.release()
        scene.keeper.until_held()
        assert invariants.resting(scene.evidence(), broadcast=scene.broadcast()) == []


def test_22_known_bytes_and_used_nonces_are_no_failures(site: Site) -> None:
    """The node takes every transaction and says "already known", or mines it and says "nonce too low"."""

    def served_but(words: str) -> Fault:
        def bend(_node: HostileNode, _asked: Asked, forward: Forward) -> Reply:
            forward()
            return {"error": {"code": -32000, "message": words}}

        return Fault(words, bend)

    with besieged(site) as scene:
        scene.node.on(SEND, served_but("already known"), times=3)
        scene.keeper.cycle()
        scene.node.calm()
        scene.node.on(SEND, served_but(nonce_too_low.name))
        outcomes = scene.keeper.until_held()
        assert sum(isinstance(each, Done) for each in outcomes) == 3
        seen = scene.evidence()
        assert invariants.resting(seen, broadcast=scene.broadcast()) == [] and len(seen.held) == 1


def test_22_another_hash_in_the_answer_is_not_believed(site: Site) -> None:
    """The transaction is followed by the hash of the bytes that were signed, whatever the node calls it."""
    with besieged(site) as scene:
        scene.node.on(SEND, answer(lambda _hash: "0x" + "ab" * 32))
        scene.keeper.until_held()
        seen = scene.evidence()
        assert invariants.resting(seen, broadcast=scene.broadcast()) == [] and len(seen.held) == 1


def _is(selected: object, data: bytes) -> bool:
    assert callable(selected)
    return bool(selected(Asked("eth_call", [data.hex()], 0)))
