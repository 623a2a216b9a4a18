"""Contract addresses of well-known chains: the defaults of ``chains.NAME.contracts``.

Sources: the deployment table of Uniswap/v3-periphery (``deploys.md``; QuoterV2, and SwapRouter where there is one),
the wrapped coins of Uniswap/sdks (``sdks/sdk-core/src/entities/weth9.ts``), Multicall3 of mds1/multicall3
(the same address on every chain here). Base and BNB have SwapRouter02 alone.
"""

from __future__ import annotations

_MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"

# What Ethereum, Arbitrum, Optimism and Polygon share.
_FIRST = {
    "factory": "0x1F98431c8aD98523631AE4a59f267346ea31F984",
    "positions": "0xC36442b4a4522E871399CD717aBDD847Ab11FE88",
    "router": "0xE592427A0AEce92De3Edee1F18E0157C05861564",
    "router02": "0x68b3465833fb72A70ecDF485E0e4C7bD8665Fc45",
    "quoter": "0x61fFE014bA17989E743c5F6cB21bF9697530B21e",
    "multicall3": _MULTICALL3,
}

CONTRACTS: dict[int, dict[str, str]] = {
    1: {**_FIRST, "wrapped_native": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"},
    10: {**_FIRST, "wrapped_native": "0x4200000000000000000000000000000000000006"},
    137: {**_FIRST, "wrapped_native": "0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270"},
    42161: {**_FIRST, "wrapped_native": "0x82aF49447D8a07e3bd95BD0d56f35241523fBab1"},
    56: {
        "factory": "0xdB1d10011AD0Ff90774D0C6Bb92e5C5c8b4461F7",
        "positions": "0x7b8A01B39D58278b5DE7e48c8449c9f4F5170613",
        "router02": "0xB971eF87ede563556b2ED4b1C0b0019111Dd85d2",
        "quoter": "0x78D78E420Da98ad378D7799bE8f4AF69033EB077",
        "multicall3": _MULTICALL3,
        "wrapped_native": "0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c",
    },
    8453: {
        "factory": "0x33128a8fC17869897dcE68Ed026d694621f6FDfD",
        "positions": "0x03a520b32C04BF3bEEf7BEb72E919cf822Ed34f1",
        "router02": "0x2626664c2603336E57B271c5C0b26F421741e481",
        "quoter": "0x3d4e44Eb1374240CE5F1B871ab261CD16335B76a",
        "multicall3": _MULTICALL3,
        "wrapped_native": "0x4200000000000000000000000000000000000006",
    },
}

# The chain ids that names promise: a name that says one chain and an id that says another is a mistake.
CHAIN_IDS = {"ethereum": 1, "mainnet": 1, "optimism": 10, "bnb": 56, "polygon": 137, "base": 8453, "arbitrum": 42161}
