// SPDX-License-Identifier: Apache-2.0
pragma solidity =0.7.6;

import '@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol';
import '@uniswap/v3-core/contracts/interfaces/callback/IUniswapV3MintCallback.sol';
import '@uniswap/v3-core/contracts/interfaces/callback/IUniswapV3SwapCallback.sol';

/// @notice The least token a pool can work with; its maker owns more than any swap can ask.
contract PlainToken {
    mapping(address => uint256) public balanceOf;

    constructor() {
        balanceOf[msg.sender] = 2**255;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        require(balanceOf[msg.sender] >= amount, 'balance');
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
        return true;
    }
}

/// @notice Trades and provides liquidity from its own balance, and tells the pool's state in one call.
contract PoolDriver is IUniswapV3MintCallback, IUniswapV3SwapCallback {
    address public immutable token0;
    address public immutable token1;

    constructor() {
        address a = address(new PlainToken());
        address b = address(new PlainToken());
        (token0, token1) = a < b ? (a, b) : (b, a);
    }

    function swap(
        IUniswapV3Pool pool,
        bool zeroForOne,
        int256 amountSpecified,
        uint160 sqrtPriceLimitX96
    )
        external
        returns (
            int256 amount0,
            int256 amount1,
            uint256[7] memory state
        )
    {
        (amount0, amount1) = pool.swap(address(this), zeroForOne, amountSpecified, sqrtPriceLimitX96, '');
        state = read(pool);
    }

    function mint(
        IUniswapV3Pool pool,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount
    )
        external
        returns (
            uint256 amount0,
            uint256 amount1,
            uint256[7] memory state
        )
    {
        (amount0, amount1) = pool.mint(address(this), tickLower, tickUpper, amount, '');
        state = read(pool);
    }

    function burn(
        IUniswapV3Pool pool,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount
    )
        external
        returns (
            uint256 amount0,
            uint256 amount1,
            uint256[7] memory state
        )
    {
        (amount0, amount1) = pool.burn(tickLower, tickUpper, amount);
        state = read(pool);
    }

    /// @notice What a position's fee figures are before and after the pool itself brings them up to date.
    function poke(
        IUniswapV3Pool pool,
        int24 tickLower,
        int24 tickUpper
    ) external returns (uint256[13] memory words) {
        bytes32 key = keccak256(abi.encodePacked(address(this), tickLower, tickUpper));
        (words[0], words[1], words[2], words[3], words[4]) = position(pool, key);
        (, , words[5], words[6], , , , ) = pool.ticks(tickLower);
        (, , words[7], words[8], , , , ) = pool.ticks(tickUpper);
        pool.burn(tickLower, tickUpper, 0);
        (, words[9], words[10], words[11], words[12]) = position(pool, key);
    }

    /// @return state sqrt price, tick, liquidity, both global fee growths, both protocol fees
    function read(IUniswapV3Pool pool) public view returns (uint256[7] memory state) {
        (uint160 sqrtPriceX96, int24 tick, , , , , ) = pool.slot0();
        (uint128 protocolFees0, uint128 protocolFees1) = pool.protocolFees();
        state[0] = sqrtPriceX96;
        state[1] = uint256(int256(tick));
        state[2] = pool.liquidity();
        state[3] = pool.feeGrowthGlobal0X128();
        state[4] = pool.feeGrowthGlobal1X128();
        state[5] = protocolFees0;
        state[6] = protocolFees1;
    }

    function uniswapV3MintCallback(
        uint256 amount0Owed,
        uint256 amount1Owed,
        bytes calldata
    ) external override {
        if (amount0Owed > 0) PlainToken(token0).transfer(msg.sender, amount0Owed);
        if (amount1Owed > 0) PlainToken(token1).transfer(msg.sender, amount1Owed);
    }

    function uniswapV3SwapCallback(
        int256 amount0Delta,
        int256 amount1Delta,
        bytes calldata
    ) external override {
        if (amount0Delta > 0) PlainToken(token0).transfer(msg.sender, uint256(amount0Delta));
        if (amount1Delta > 0) PlainToken(token1).transfer(msg.sender, uint256(amount1Delta));
    }

    function position(IUniswapV3Pool pool, bytes32 key)
        private
        view
        returns (
            uint256,
            uint256,
            uint256,
            uint256,
            uint256
        )
    {
        (uint128 liquidity, uint256 inside0, uint256 inside1, uint128 owed0, uint128 owed1) = pool.positions(key);
        return (liquidity, inside0, inside1, owed0, owed1);
    }
}
