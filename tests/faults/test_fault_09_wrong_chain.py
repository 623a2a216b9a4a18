"""Row 9: another chain behind the same id, or another id while running."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from keeper.assembly import ChainAccess, dry_executor, open_hands
from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.deploy import PoolSpec, deploy
from keeper.errors import ConfigError, FatalError
from keeper.world.chain.genesis import check_genesis
from keeper.world.journal.opening import open_journal
from tests.faults import node_faults
from tests.faults.scenes import besieged
from tests.faults.site import Site
from tests.policy.desk import CHAIN_ID, Warm, at_desk
from tests.world.conftest import contracts_of


def test_09_another_genesis_with_the_same_chain_id_is_refused(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    settings, executor = desk.strategy.settings, dry_executor(desk.owner)

    def hands(urls: tuple[str, ...], **more: object) -> None:
        chain = ChainAccess(CHAIN_ID, urls, warm.contracts, 1, **more)  # type: ignore[arg-type]
        open_hands(chain, settings, desk.journal, executor, owner=desk.owner)

    hands((warm.anvil.url,))
    hands((warm.anvil.url,))
    with Anvil(AnvilOptions(genesis_seconds=1_600_000_000)) as other:
        twin = deploy(other.rpc, PoolSpec(Fraction(2000), base_is_token0=True))
        assert contracts_of(twin) == warm.contracts, "the very same addresses: only the first block tells"
        with pytest.raises(FatalError, match="another chain with the same id"):
            hands((other.url,))
        with pytest.raises(FatalError, match="another chain with the same id"):
            hands((warm.anvil.url,), second_url=other.url)
    desk.journal.close()
    again = open_journal(f"sqlite:///{tmp_path}/keeper.db", "wallet")
    with pytest.raises(FatalError, match="begins with block 0xbad"):
        check_genesis(_Beginning("0xBAD"), CHAIN_ID, again.reconciliations.first_genesis)
    again.close()


def test_09_a_second_node_of_another_chain_id_is_refused(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    with Anvil(AnvilOptions(chain_id=5)) as other:
        chain = ChainAccess(CHAIN_ID, (warm.anvil.url,), warm.contracts, 1, second_url=other.url)
        with pytest.raises(ConfigError, match="chain"):
            open_hands(chain, desk.strategy.settings, desk.journal, dry_executor(desk.owner), owner=desk.owner)


class _Beginning:
    """A node whose chain begins with this block."""

    def __init__(self, block_hash: str) -> None:
        self._hash = block_hash

    def request(self, _method: str, _params: object) -> dict[str, str]:
        return {"hash": self._hash}

    def batch(self, _requests: object) -> list[object]:
        raise AssertionError

    def send_raw_transaction(self, _raw: bytes) -> str:
        raise AssertionError


@pytest.mark.parametrize("moment", ["before the decision", "between decision and signature"])
def test_09_a_chain_id_that_changes_while_running_is_never_signed_for(site: Site, moment: str) -> None:
    with besieged(site) as hostile:
        before = site.evidence()
        answers = 0 if moment == "before the decision" else 1
        hostile.node.on("eth_chainId", node_faults.wrong_chain_id(5), skip=answers)
        with pytest.raises((FatalError, ConfigError), match="chain"):
            for _ in range(4):
                hostile.keeper.cycle()
        assert hostile.node.sent == []
    assert site.evidence().attempts == before.attempts
