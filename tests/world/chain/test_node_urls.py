"""The URLs of a node: what they must lead to and look like, and that no message shows what is secret in them."""

from __future__ import annotations

import pytest

from keeper.errors import ConfigError, TransientError
from keeper.world.chain.node import HttpNode
from tests.world.chain import hostile
from tests.world.chain.hostile import ABSENT, Exchange, HostileServer, good, node

CANARY = "canarykey0123456789"


def test_wrong_chain_is_found_on_every_fresh_connection() -> None:
    with HostileServer(good(), chain_id=8453) as server:
        asked = node(server.url, chain_id=8453)
        assert asked.request("eth_blockNumber", []) == "0x2a"
        server.chain_id = 1
        asked.close()
        with pytest.raises(ConfigError, match=r"serves chain id 1, the configuration says 8453"):
            asked.request("eth_blockNumber", [])
        assert [call["method"] for call in server.seen] == ["eth_chainId", "eth_blockNumber", "eth_chainId"]


def test_check_chain_asks_every_url() -> None:
    with HostileServer(good(), chain_id=8453) as right, HostileServer(good(), chain_id=10) as wrong:
        node(right.url, ABSENT).check_chain(8453)
        with pytest.raises(ConfigError, match=f"{wrong.url} serves chain id 10, the configuration says 8453"):
            node(right.url, wrong.url).check_chain(8453)
    with pytest.raises(TransientError):
        node(ABSENT).check_chain(8453)


def test_no_message_holds_the_key_in_a_url() -> None:
    def tell_tale(exchange: Exchange) -> None:
        exchange.reply({"error": {"code": -32000, "message": f"bad key {exchange.path} for you"}})

    faults = [hostile.status(401), hostile.status(500), hostile.half_json, hostile.hang_up, hostile.wrong_id, tell_tale]
    for fault in faults:
        with HostileServer(fault) as server:
            url = server.url.replace("http://", f"http://user:{CANARY}@") + f"/v2/{CANARY}?key={CANARY}"
            for chain_id in (None, 5):
                with pytest.raises((TransientError, ConfigError)) as caught:
                    node(url, retries=0, chain_id=chain_id).request("eth_blockNumber", [])
                assert CANARY not in str(caught.value)
                assert caught.value.__cause__ is None
    for url in (f"ftp://host/{CANARY}", f"http://:80/{CANARY}", f"{CANARY}", f"http://host:{CANARY}/"):
        with pytest.raises(ConfigError) as refused:
            HttpNode([url])
        assert CANARY not in str(refused.value)


def test_credentials_and_target_reach_the_server() -> None:
    paths = []

    def note(exchange: Exchange) -> None:
        paths.append((exchange.path, exchange.headers["Authorization"]))
        exchange.reply({"result": "0x1"})

    with HostileServer(note) as server:
        node(server.url.replace("http://", "http://me:s%40fe@") + "/v2/abc?x=1").request("eth_blockNumber", [])
    assert paths == [("/v2/abc?x=1", "Basic bWU6c0BmZQ==")]


def test_a_node_without_urls_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="at least one rpc URL"):
        HttpNode([])


@pytest.mark.parametrize(
    "url", ["https://[bad/CANARY1", "https://a b/CANARY1", "https://\u2100x/CANARY1", "http:///CANARY1"]
)
def test_half_a_url_is_a_mistake_and_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="not a URL of the form") as raised:
        HttpNode([url])
    assert "CANARY1" not in str(raised.value)
