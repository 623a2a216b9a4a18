"""Signed transactions go to the private relay and nowhere else, also while it is away."""

from __future__ import annotations

import functools

import pytest

from keeper import assembly_wallet
from keeper.chainlab.lab import Lab
from keeper.world.chain.sender import Sender
from tests.cli.operator import Operator
from tests.cli.recorder import Recorder

SENDING = "eth_sendRawTransaction"


def relay_through(operator: Operator, public: str, private: str, lab: Lab) -> None:
    operator.rewrite("keeper.yaml", f'rpc: ["{lab.anvil.url}"]', f'rpc: ["{public}"]\n    private_rpc: "{private}"')


def test_transactions_go_to_the_relay_and_everything_else_does_not(operator: Operator, lab: Lab) -> None:
    with Recorder(lab.anvil.url) as public, Recorder(lab.anvil.url) as private:
        relay_through(operator, public.url, private.url, lab)
        answer = operator.keeper("once", "eth", "--json")
    assert answer.code == 0 and answer.json["outcomes"]["eth"]["kind"] == "done", answer.out + answer.err
    assert SENDING not in public.methods and "eth_getTransactionReceipt" in public.methods
    assert set(private.methods) == {SENDING}


def test_a_relay_that_is_away_is_waited_for_and_never_replaced(
    operator: Operator, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = functools.partial(Sender, receipt_timeout_seconds=0.5, poll_seconds=0.1)
    monkeypatch.setattr(assembly_wallet, "Sender", hasty)
    with Recorder(lab.anvil.url) as public:
        with Recorder(lab.anvil.url) as once_there:
            port = once_there.server_port
        relay_through(operator, public.url, once_there.url, lab)
        waiting = operator.keeper("once", "eth", "--json")
        assert waiting.code == 0 and waiting.json["outcomes"]["eth"]["kind"] == "pending", waiting.out + waiting.err
        (in_flight,) = operator.keeper("status", "--json").json["in_flight"]
        assert SENDING not in public.methods
        with Recorder(lab.anvil.url, port) as back:
            settled = operator.keeper("once", "eth", "--json")
        assert settled.json["outcomes"]["eth"]["kind"] == "done", settled.out + settled.err
        assert SENDING not in public.methods and set(back.methods) == {SENDING}
    assert in_flight["hashes"][0] in settled.out, "the bytes that were signed first are those that were mined"


def test_a_dry_run_sends_nothing_anywhere(operator: Operator, lab: Lab) -> None:
    with Recorder(lab.anvil.url) as public, Recorder(lab.anvil.url) as private:
        relay_through(operator, public.url, private.url, lab)
        assert operator.keeper("once", "--dry-run").code == 0
    assert SENDING not in public.methods and private.methods == []
