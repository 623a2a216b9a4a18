"""Well-known Uniswap v3 pools, so that a file of events whose chain and pool are known needs nothing more.

Every address follows from the factory, the two tokens and the fee (CREATE2), which a test reckons for each line; the
decimals are those of the token contracts.
"""

from __future__ import annotations

from keeper.model.price import Token

# chain id -> symbol -> address, decimals.
_TOKENS: dict[int, dict[str, Token]] = {
    chain_id: {symbol: Token(address, symbol, decimals) for symbol, (address, decimals) in tokens.items()}
    for chain_id, tokens in {
        1: {
            "USDC": ("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", 6),
            "WETH": ("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", 18),
            "WBTC": ("0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", 8),
            "USDT": ("0xdAC17F958D2ee523a2206206994597C13D831ec7", 6),
            "DAI": ("0x6B175474E89094C44Da98b954EedeAC495271d0F", 18),
        },
        137: {
            "USDC": ("0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174", 6),
            "WETH": ("0x7ceB23fD6bC0adD59E62ac25578270cFf1b9f619", 18),
        },
        8453: {
            "WETH": ("0x4200000000000000000000000000000000000006", 18),
            "USDC": ("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", 6),
        },
        42161: {
            "WETH": ("0x82aF49447D8a07e3bd95BD0d56f35241523fBab1", 18),
            "USDC": ("0xaf88d065e77c8cC2239327C5EDb3A432268e5831", 6),
            "USDC.e": ("0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8", 6),
        },
    }.items()
}

_POOLS: dict[int, dict[str, tuple[str, str, int]]] = {
    1: {
        "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640": ("USDC", "WETH", 500),
        "0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8": ("USDC", "WETH", 3000),
        "0x11b815efB8f581194ae79006d24E0d814B7697F6": ("WETH", "USDT", 500),
        "0x4e68Ccd3E89f51C3074ca5072bbAC773960dFa36": ("WETH", "USDT", 3000),
        "0xCBCdF9626bC03E24f779434178A73a0B4bad62eD": ("WBTC", "WETH", 3000),
        "0x4585FE77225b41b697C938B018E2Ac67Ac5a20c0": ("WBTC", "WETH", 500),
        "0x3416cF6C708Da44DB2624D63ea0AAef7113527C6": ("USDC", "USDT", 100),
        "0x5777d92f208679DB4b9778590Fa3CAB3aC9e2168": ("DAI", "USDC", 100),
    },
    137: {"0x45dDa9cb7c25131DF268515131f647d726f50608": ("USDC", "WETH", 500)},
    8453: {"0xd0b53D9277642d899DF5C87A3966A349A798F224": ("WETH", "USDC", 500)},
    42161: {
        "0xC6962004f452bE9203591991D15f6b388e09E8D0": ("WETH", "USDC", 500),
        "0xC31E54c7a869B9FcBEcc14363CF510d1c41fa443": ("WETH", "USDC.e", 500),
    },
}

SPACINGS: dict[int, int] = {100: 1, 500: 10, 2500: 50, 3000: 60, 10_000: 200}
"""The tick spacing that a fee (pips) usually comes with: Uniswap's own tiers, and PancakeSwap's 2500."""

Known = tuple[Token, Token, int]
"""Token0, token1 and the fee in pips."""


def known_pool(chain_id: int, address: str) -> Known | None:
    """What is known of the pool at an address of a chain, however its hex is cased."""
    for known, (token0, token1, fee_pips) in _POOLS.get(chain_id, {}).items():
        if known.lower() == address.lower():
            tokens = _TOKENS[chain_id]
            return tokens[token0], tokens[token1], fee_pips
    return None


def known_pools() -> list[tuple[int, str]]:
    """Chain id and address of each."""
    return [(chain_id, address) for chain_id, pools in _POOLS.items() for address in pools]
