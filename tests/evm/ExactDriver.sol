// SPDX-License-Identifier: Apache-2.0
pragma solidity =0.7.6;

import '@uniswap/v3-core/contracts/interfaces/callback/IUniswapV3FlashCallback.sol';
import './PoolDriver.sol';

/// @notice Makes any call of a pool, pays what it asks for, and tells the pool's state with the answer.
contract ExactDriver is PoolDriver, IUniswapV3FlashCallback {
    /// @return done false if the pool reverted
    /// @return first and second: the words of the answer, zero where there are none
    function perform(IUniswapV3Pool pool, bytes calldata data)
        external
        returns (
            bool done,
            uint256 first,
            uint256 second,
            uint256[7] memory state
        )
    {
        bytes memory answer;
        (done, answer) = address(pool).call(data);
        if (done && answer.length >= 64) (first, second) = abi.decode(answer, (uint256, uint256));
        state = read(pool);
    }

    /// @notice A swap and nothing else, to be timed.
    function trade(
        IUniswapV3Pool pool,
        bool zeroForOne,
        int256 amountSpecified,
        uint160 sqrtPriceLimitX96
    ) external returns (int256 amount0, int256 amount1) {
        return pool.swap(address(this), zeroForOne, amountSpecified, sqrtPriceLimitX96, '');
    }

    /// @param data what is lent and what is paid for it: (amount0, amount1, paid0, paid1)
    function uniswapV3FlashCallback(
        uint256,
        uint256,
        bytes calldata data
    ) external override {
        (uint256 amount0, uint256 amount1, uint256 paid0, uint256 paid1) =
            abi.decode(data, (uint256, uint256, uint256, uint256));
        PlainToken(token0).transfer(msg.sender, amount0 + paid0);
        PlainToken(token1).transfer(msg.sender, amount1 + paid1);
    }
}
