"""Full state of many positions at one block: Multicall3 through web3's contracts, and our reads, in one run.

Both read the same seven things of every position NFT (its record, the pool's slot0, liquidity and two global fee
growths, its two ticks) on one local chain with the real Uniswap v3 contracts, and must come to the same values.

    python bench/read_state.py [--positions 1000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.artifacts import load_artifact
from keeper.chainlab.calls import call_data, read, send, transact
from keeper.chainlab.deploy import Deployment, PoolSpec, deploy
from keeper.model.ticks import tick_at_sqrt_price
from keeper.world.chain.codec import checksum, unsigned
from keeper.world.chain.multicall import Call, Multicall
from keeper.world.chain.node import HttpNode
from keeper.world.v3 import reads

POOL_FEES = (500, 3_000, 10_000)
SPACINGS = {500: 10, 3_000: 60, 10_000: 200}
POOL_READS = ("slot0()", "liquidity()", "feeGrowthGlobal0X128()", "feeGrowthGlobal1X128()")
MINT = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
CHUNK_CALLS = 500
AGGREGATE3 = {
    "type": "function", "name": "aggregate3", "stateMutability": "payable",
    "inputs": [{"name": "calls", "type": "tuple[]", "components": [
        {"name": "target", "type": "address"}, {"name": "allowFailure", "type": "bool"},
        {"name": "callData", "type": "bytes"}]}],
    "outputs": [{"name": "returnData", "type": "tuple[]", "components": [
        {"name": "success", "type": "bool"}, {"name": "returnData", "type": "bytes"}]}],
}  # fmt: skip


@dataclass(frozen=True)
class Held:
    """What is known of a position before it is read: the journal remembers as much."""

    token_id: int
    pool: str
    lower_tick: int
    upper_tick: int


State = tuple[tuple[int, ...], ...]


def main() -> None:
    """Builds the chain, runs both, prints medians and ratios."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--positions", type=int, default=1_000)
    arguments.add_argument("--rounds", type=int, default=7)
    asked = arguments.parse_args()
    with Anvil(AnvilOptions(automine=True)) as anvil:
        deployment = deploy(anvil.rpc, PoolSpec(Fraction(2000)))
        held = make_positions(anvil, deployment, asked.positions)
        block_hash = anvil.rpc("eth_getBlockByNumber", "latest", False)["hash"]
        node = HttpNode([f"http://127.0.0.1:{anvil.port}"])
        multicall = Multicall(node, deployment.multicall3, chunk_calls=CHUNK_CALLS)
        peer = make_peer(f"http://127.0.0.1:{anvil.port}", deployment, held, block_hash)
        runs: dict[str, Callable[[], list[State]]] = {
            "Multicall3 through web3 contracts": peer,
            "ours, every read made": lambda: read_all(multicall, deployment.position_manager, held, block_hash),
            "ours, each pool read once": lambda: read_deduplicated(
                multicall, deployment.position_manager, held, block_hash
            ),
        }
        report(runs, asked.rounds, len(held))


def report(runs: dict[str, Callable[[], list[State]]], rounds: int, positions: int) -> None:
    """Interleaves the runs, so that a noisy moment of the machine hits all of them."""
    states = {name: run() for name, run in runs.items()}
    first = next(iter(states.values()))
    for name, state in states.items():
        if state != first:
            raise SystemExit(f"{name} read something else than the first")
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    slowest = next(iter(medians.values()))
    write = sys.stdout.write
    write(f"{positions} positions x 7 reads at one block, median of {rounds} rounds, values equal\n")
    for name, median in medians.items():
        write(f"  {name:<36} {median * 1e3:9.1f} ms   {slowest / median:6.1f} x\n")


def calls_of(positions: str, held: Held) -> list[Call]:
    pool = held.pool
    return [
        reads.position_call(positions, held.token_id),
        *(reads.plain(pool, signature) for signature in POOL_READS),
        reads.tick_call(pool, held.lower_tick),
        reads.tick_call(pool, held.upper_tick),
    ]


def read_all(multicall: Multicall, positions: str, held: list[Held], block_hash: str) -> list[State]:
    """Seven reads for each position, as the peer does."""
    calls = [call for each in held for call in calls_of(positions, each)]
    results = multicall.read(calls, block_hash)
    return [_state(results[at : at + 7]) for at in range(0, len(results), 7)]


def _state(results: list[bytes | None]) -> State:
    position, slot0, liquidity, growth_0, growth_1, lower, upper = results
    assert position and slot0 and liquidity and growth_0 and growth_1 and lower and upper
    return (
        reads.decode_position(position)[2:],
        reads.decode_slot0(slot0),
        (unsigned(liquidity), unsigned(growth_0), unsigned(growth_1)),
        reads.decode_tick(lower),
        reads.decode_tick(upper),
    )


def read_deduplicated(multicall: Multicall, positions: str, held: list[Held], block_hash: str) -> list[State]:
    """The same state with every distinct call made and decoded once, as the observer does."""
    pools = list(dict.fromkeys(each.pool for each in held))
    ticks = list(dict.fromkeys((each.pool, tick) for each in held for tick in (each.lower_tick, each.upper_tick)))
    calls = [reads.position_call(positions, each.token_id) for each in held]
    calls += [reads.tick_call(pool, tick) for pool, tick in ticks]
    calls += [reads.plain(pool, signature) for pool in pools for signature in POOL_READS]
    results = multicall.read(calls, block_hash)
    filled = [result for result in results if result is not None]
    assert len(filled) == len(results)
    records = [reads.decode_position(data) for data in filled[: len(held)]]
    rest = filled[len(held) :]
    tick_of = dict(zip(ticks, map(reads.decode_tick, rest), strict=False))
    pool_data = rest[len(ticks) :]
    of_pool = {
        pool: (
            reads.decode_slot0(pool_data[4 * at]),
            tuple(unsigned(data) for data in pool_data[4 * at + 1 : 4 * at + 4]),
        )
        for at, pool in enumerate(pools)
    }
    return [
        (record[2:], *of_pool[each.pool], tick_of[each.pool, each.lower_tick], tick_of[each.pool, each.upper_tick])
        for each, record in zip(held, records, strict=True)
    ]


def make_peer(url: str, deployment: Deployment, held: list[Held], block_hash: str) -> Callable[[], list[State]]:
    """The common way: contract objects encode each call, eth_abi decodes each answer."""
    from eth_abi.abi import decode
    from web3 import HTTPProvider, Web3

    w3: Any = Web3(HTTPProvider(url, cache_allowed_requests=True))
    core, periphery = "@uniswap/v3-core/artifacts/contracts", "@uniswap/v3-periphery/artifacts/contracts"
    # Only the functions that are called: a whole ABI makes web3 more than twice as slow.
    pool_abi = _functions(f"{core}/UniswapV3Pool.sol/UniswapV3Pool.json", "ticks", *(name[:-2] for name in POOL_READS))
    manager_abi = _functions(f"{periphery}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json", "positions")
    manager = w3.eth.contract(address=deployment.position_manager, abi=manager_abi)
    pools = {each.pool: w3.eth.contract(address=each.pool, abi=pool_abi) for each in held}
    multicall = w3.eth.contract(address=deployment.multicall3, abi=[AGGREGATE3])
    outputs = {item["name"]: [output["type"] for output in item["outputs"]] for item in (*pool_abi, *manager_abi)}

    def peer() -> list[State]:
        calls: list[tuple[str, bool, Any]] = []
        names: list[str] = []
        for each in held:
            pool = pools[each.pool]
            for contract, name, args in (
                (manager, "positions", [each.token_id]), (pool, "slot0", []), (pool, "liquidity", []),
                (pool, "feeGrowthGlobal0X128", []), (pool, "feeGrowthGlobal1X128", []),
                (pool, "ticks", [each.lower_tick]), (pool, "ticks", [each.upper_tick]),
            ):  # fmt: skip
                calls.append((contract.address, True, contract.encode_abi(name, args=args)))
                names.append(name)
        values: list[tuple[Any, ...]] = []
        for start in range(0, len(calls), CHUNK_CALLS):
            chunk = calls[start : start + CHUNK_CALLS]
            answers = multicall.functions.aggregate3(chunk).call(block_identifier=block_hash)
            values += [decode(outputs[name], data) for name, (_, data) in zip(names[start:], answers, strict=False)]
        return [_peer_state(values[at : at + 7]) for at in range(0, len(values), 7)]

    return peer


def _functions(artifact: str, *names: str) -> list[dict[str, Any]]:
    return [item for item in load_artifact(artifact).abi if item["type"] == "function" and item["name"] in names]


def _peer_state(values: list[tuple[Any, ...]]) -> State:
    position, slot0, liquidity, growth_0, growth_1, lower, upper = values
    seen = (slot0[0], slot0[1], slot0[3], slot0[5])
    return position[4:], seen, (liquidity[0], growth_0[0], growth_1[0]), lower[:4], upper[:4]


def make_positions(anvil: Anvil, deployment: Deployment, count: int) -> list[Held]:
    """``count`` NFTs over three pools with varied ranges, then a swap in each pool so that fee growth is not zero."""
    rpc, owner, manager = anvil.rpc, deployment.deployer, deployment.position_manager
    price = deployment.sqrt_price_x96(Fraction(2000))
    pools: dict[int, str] = {}
    for fee in POOL_FEES:
        if fee != deployment.fee_pips:
            create = "createAndInitializePoolIfNecessary(address,address,uint24,uint160)"
            transact(rpc, owner, manager, create, deployment.token0, deployment.token1, fee, price)
        key = (deployment.token0, deployment.token1, fee)
        (pool,) = read(rpc, deployment.factory, "getPool(address,address,uint24)", ("address",), *key)
        pools[fee] = checksum(pool)
    for token in (deployment.token0, deployment.token1):
        transact(rpc, owner, token, "mint(address,uint256)", owner, 10**36)
        for spender in (manager, deployment.swap_router):
            transact(rpc, owner, token, "approve(address,uint256)", spender, 2**256 - 1)
    tick = tick_at_sqrt_price(price)
    held, mints = [], []
    for index in range(count):
        fee = POOL_FEES[index % len(POOL_FEES)]
        spacing = SPACINGS[fee]
        middle = tick // spacing * spacing
        lower, upper = middle - spacing * (1 + index % 97), middle + spacing * (1 + index % 89)
        held.append(Held(index + 1, pools[fee], lower, upper))
        wanted = (deployment.token0, deployment.token1, fee, lower, upper, 10**18, 2 * 10**9, 0, 0, owner, 2**40)
        mints.append(bytes.fromhex(call_data(MINT, wanted)[2:]))
    for start in range(0, count, 20):
        send(rpc, owner, manager, call_data("multicall(bytes[])", mints[start : start + 20]))
    swap = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
    for fee in POOL_FEES:
        for token_in, token_out, amount in (
            (deployment.token0, deployment.token1, 10**18), (deployment.token1, deployment.token0, 10**9)
        ):  # fmt: skip
            given = (token_in, token_out, fee, owner, 2**40, amount, 0, 0)
            transact(rpc, owner, deployment.swap_router, swap, given)
    return held


if __name__ == "__main__":
    main()
