// SPDX-License-Identifier: Apache-2.0
pragma solidity =0.7.6;
pragma abicoder v2;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

interface IPool {
    function token0() external view returns (address);

    function token1() external view returns (address);

    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint8, bool);

    function mint(address recipient, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);

    function swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
}

/// Everybody else in one pool: the other liquidity providers, the arbitrageur and the noise traders.
/// It talks to the pool directly and pays callbacks from its own balance, so that one transaction can hold
/// everything the rest of the market does in a block.
contract Crowd {
    uint160 private constant LOWEST = 4295128740;
    uint160 private constant HIGHEST = 1461446703485210103287273052203988822378723970341;

    struct Range {
        int24 lower;
        int24 upper;
        uint128 liquidity;
    }

    IPool public immutable pool;
    IToken public immutable token0;
    IToken public immutable token1;
    address public immutable owner;

    constructor(IPool pool_) {
        pool = pool_;
        token0 = IToken(pool_.token0());
        token1 = IToken(pool_.token1());
        owner = msg.sender;
    }

    modifier onlyOwner() {
        require(msg.sender == owner, "Crowd: only its owner");
        _;
    }

    modifier onlyPool() {
        require(msg.sender == address(pool), "Crowd: only its pool");
        _;
    }

    function provide(Range[] calldata ranges) external onlyOwner {
        for (uint256 i = 0; i < ranges.length; i++) {
            pool.mint(address(this), ranges[i].lower, ranges[i].upper, ranges[i].liquidity, "");
        }
    }

    /// Brings the price into [lower, upper], then makes each noise trade (positive: that much token0 in;
    /// negative: that much token1 in) with the arbitrageur answering every one of them.
    function trade(int256[] calldata noise, uint160 lower, uint160 upper) external onlyOwner {
        _arbitrage(lower, upper);
        for (uint256 i = 0; i < noise.length; i++) {
            if (noise[i] == 0) continue;
            bool zeroForOne = noise[i] > 0;
            _swap(zeroForOne, zeroForOne ? noise[i] : -noise[i], zeroForOne ? LOWEST : HIGHEST);
            _arbitrage(lower, upper);
        }
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external onlyPool {
        _pay(owed0, owed1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external onlyPool {
        _pay(delta0 > 0 ? uint256(delta0) : 0, delta1 > 0 ? uint256(delta1) : 0);
    }

    function _arbitrage(uint160 lower, uint160 upper) private {
        (uint160 price, , , , , , ) = pool.slot0();
        if (price < lower) _swap(false, type(int256).max, lower);
        else if (price > upper) _swap(true, type(int256).max, upper);
    }

    function _swap(bool zeroForOne, int256 amount, uint160 limit) private {
        pool.swap(address(this), zeroForOne, amount, limit, "");
    }

    function _pay(uint256 owed0, uint256 owed1) private {
        if (owed0 > 0) require(token0.transfer(msg.sender, owed0), "Crowd: token0 refused");
        if (owed1 > 0) require(token1.transfer(msg.sender, owed1), "Crowd: token1 refused");
    }
}
