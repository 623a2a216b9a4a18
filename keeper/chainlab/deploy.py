"""Puts the real Uniswap v3 contracts, Multicall3, two tokens and a pool onto a chain, through any JSON-RPC callable."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

from eth_utils.address import to_checksum_address

from keeper.chainlab.artifacts import load_artifact, load_own_artifact, multicall3_code
from keeper.chainlab.calls import create, read, transact
from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import RpcError

MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
"""Where Multicall3 stands on nearly every public chain."""

_CORE = "@uniswap/v3-core/artifacts/contracts"
_PERIPHERY = "@uniswap/v3-periphery/artifacts/contracts"
_ZERO = "0x0000000000000000000000000000000000000000"
_SLOT0 = ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool")
_CARDINALITY_STEP = 400


@dataclass(frozen=True, slots=True)
class TokenSpec:
    """A token to deploy."""

    name: str
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """The pool to make. ``price`` is quote per base in whole tokens; ``base_is_token0`` chooses the token order.

    ``fee_pips`` is one of the factory's (100 needs :func:`deploy` to enable it, which it does); ``observation_slots``
    is the oracle's cardinality: one slot is used per block in which the pool is touched.
    """

    price: Fraction
    fee_pips: int = 500
    base: TokenSpec = TokenSpec("Wrapped Ether (local)", "WETH", 18)
    quote: TokenSpec = TokenSpec("USD Coin (local)", "USDC", 6)
    base_is_token0: bool = True
    observation_slots: int = 1


@dataclass(frozen=True, slots=True)
class Deployment:
    """Addresses (checksummed) and fixed facts of one deployed chain."""

    chain_id: int
    deployer: str
    factory: str
    position_manager: str
    swap_router: str
    quoter: str
    tick_lens: str
    multicall3: str
    wrapped_native: str
    pool: str
    token0: str
    token1: str
    symbol0: str
    symbol1: str
    decimals0: int
    decimals1: int
    fee_pips: int
    tick_spacing: int
    base_is_token0: bool

    @property
    def base(self) -> str:
        """Address of the token whose price is quoted."""
        return self.token0 if self.base_is_token0 else self.token1

    @property
    def quote(self) -> str:
        """Address of the token the price is quoted in."""
        return self.token1 if self.base_is_token0 else self.token0

    def sqrt_price_x96(self, price: Fraction) -> int:
        """The pool's sqrt price, rounded down, at ``price`` quote per base in whole tokens."""
        return sqrt_price_x96(price, self.decimals0, self.decimals1, base_is_token0=self.base_is_token0)


def sqrt_price_x96(price: Fraction, decimals0: int, decimals1: int, *, base_is_token0: bool) -> int:
    """√(token1 units per token0 unit)·2⁹⁶, rounded down, from a price in quote per base, whole tokens."""
    raw = (price if base_is_token0 else 1 / price) * Fraction(10) ** (decimals1 - decimals0)
    return isqrt((raw.numerator << 192) // raw.denominator)


def deploy(rpc: Rpc, spec: PoolSpec, *, deployer: str | None = None, periphery: bool = True) -> Deployment:
    """Deploys everything and initialises the pool at ``spec.price``.

    ``deployer`` is an account the node signs for (default: its first). Without ``periphery`` only factory, tokens and
    pool are made and the other addresses are zero: enough for small chains with a low gas limit.

    Raises:
        ConfigError: the contracts are not installed.
        RpcError: the node refused a transaction.
    """
    deployer = deployer or str(rpc("eth_accounts")[0])
    wrapped = create(rpc, deployer, load_own_artifact("WrappedEther").bytecode)
    factory = create(rpc, deployer, load_artifact(f"{_CORE}/UniswapV3Factory.sol/UniswapV3Factory.json").bytecode)
    if spec.fee_pips == 100:  # on public chains the 0.01 % tier was added after deployment
        transact(rpc, deployer, factory, "enableFeeAmount(uint24,int24)", 100, 1)
    base, quote = _deploy_tokens(rpc, deployer, spec)
    pool, tick_spacing = _make_pool(rpc, deployer, factory, base, quote, spec)
    manager = router = quoter = lens = multicall3 = _ZERO
    if periphery:
        manager = _periphery(rpc, deployer, "NonfungiblePositionManager", factory, wrapped, _ZERO)
        router = _periphery(rpc, deployer, "SwapRouter", factory, wrapped)
        quoter = _periphery(rpc, deployer, "lens/QuoterV2", factory, wrapped)
        lens = _periphery(rpc, deployer, "lens/TickLens")
        multicall3 = _place_multicall3(rpc, deployer)
    first, second = (spec.base, spec.quote) if spec.base_is_token0 else (spec.quote, spec.base)
    return Deployment(
        chain_id=int(rpc("eth_chainId"), 16), deployer=deployer, factory=factory, position_manager=manager,
        swap_router=router, quoter=quoter, tick_lens=lens, multicall3=multicall3, wrapped_native=wrapped, pool=pool,
        token0=base if spec.base_is_token0 else quote, token1=quote if spec.base_is_token0 else base,
        symbol0=first.symbol, symbol1=second.symbol, decimals0=first.decimals, decimals1=second.decimals,
        fee_pips=spec.fee_pips, tick_spacing=tick_spacing, base_is_token0=spec.base_is_token0,
    )  # fmt: skip


def _periphery(rpc: Rpc, deployer: str, path: str, *addresses: str) -> str:
    name = path.rsplit("/", 1)[-1]
    artifact = load_artifact(f"{_PERIPHERY}/{path}.sol/{name}.json")
    return create(rpc, deployer, artifact.bytecode, ("address",) * len(addresses), *addresses)


def _deploy_token(rpc: Rpc, deployer: str, token: TokenSpec) -> str:
    code = load_own_artifact("Token").bytecode
    return create(rpc, deployer, code, ("string", "string", "uint8"), token.name, token.symbol, token.decimals)


def _deploy_tokens(rpc: Rpc, deployer: str, spec: PoolSpec) -> tuple[str, str]:
    """Base and quote. The pool orders tokens by address, so the quote is deployed anew until it sorts as asked."""
    base = _deploy_token(rpc, deployer, spec.base)
    while True:
        quote = _deploy_token(rpc, deployer, spec.quote)
        if (int(base, 16) < int(quote, 16)) == spec.base_is_token0:
            return base, quote


def _make_pool(rpc: Rpc, deployer: str, factory: str, base: str, quote: str, spec: PoolSpec) -> tuple[str, int]:
    transact(rpc, deployer, factory, "createPool(address,address,uint24)", base, quote, spec.fee_pips)
    (pool,) = read(rpc, factory, "getPool(address,address,uint24)", ("address",), base, quote, spec.fee_pips)
    (spacing,) = read(rpc, pool, "tickSpacing()", ("int24",))
    first, second = (spec.base, spec.quote) if spec.base_is_token0 else (spec.quote, spec.base)
    start = sqrt_price_x96(spec.price, first.decimals, second.decimals, base_is_token0=spec.base_is_token0)
    transact(rpc, deployer, pool, "initialize(uint160)", start)
    for slots in range(_CARDINALITY_STEP, spec.observation_slots + _CARDINALITY_STEP, _CARDINALITY_STEP):
        wanted = min(slots, spec.observation_slots)
        transact(rpc, deployer, pool, "increaseObservationCardinalityNext(uint16)", wanted)
    return to_checksum_address(pool), int(spacing)


def _place_multicall3(rpc: Rpc, deployer: str) -> str:
    """At its well-known address where the node can do that, else wherever it lands."""
    code = multicall3_code()
    try:
        rpc("anvil_setCode", MULTICALL3, "0x" + code.hex())
    except RpcError:
        # PUSH2 size, DUP1, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 0, RETURN: returns what follows as runtime code
        loader = b"\x61" + len(code).to_bytes(2, "big") + bytes.fromhex("80600c6000396000f3")
        return create(rpc, deployer, loader + code)
    return MULTICALL3


def slot0(rpc: Rpc, pool: str) -> tuple[int, int]:
    """``(sqrt_price_x96, tick)`` of the pool at the latest block."""
    values = read(rpc, pool, "slot0()", _SLOT0)
    return int(values[0]), int(values[1])
