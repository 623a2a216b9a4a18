"""Range Keeper: an automated range manager for Uniswap v3-style concentrated liquidity."""

__version__ = "0.1.0"
