// SPDX-License-Identifier: Apache-2.0
pragma solidity =0.7.6;

import '@uniswap/v3-core/contracts/libraries/FullMath.sol';
import '@uniswap/v3-core/contracts/libraries/LiquidityMath.sol';
import '@uniswap/v3-core/contracts/libraries/Position.sol';
import '@uniswap/v3-core/contracts/libraries/SqrtPriceMath.sol';
import '@uniswap/v3-core/contracts/libraries/SwapMath.sol';
import '@uniswap/v3-core/contracts/libraries/Tick.sol';
import '@uniswap/v3-core/contracts/libraries/TickMath.sol';
import '@uniswap/v3-core/contracts/libraries/UnsafeMath.sol';
import '@uniswap/v3-periphery/contracts/libraries/LiquidityAmounts.sol';

/// @notice Opens the libraries' internal functions to the outside, one case or many at a time.
contract MathHarness {
    using Position for Position.Info;
    using Tick for mapping(int24 => Tick.Info);

    mapping(int24 => Tick.Info) private ticks;
    Position.Info private position;

    /// @notice Calls one function of this contract for every record in `packed`.
    /// @param selector The function
    /// @param inputWords How many 32-byte words one record holds
    /// @param outputWords How many words the function returns
    /// @return results For each record one word saying whether the call returned, then the words it returned
    function batch(
        bytes4 selector,
        uint256 inputWords,
        uint256 outputWords,
        bytes calldata packed
    ) external returns (bytes memory results) {
        uint256 inputBytes = inputWords * 32;
        uint256 outputBytes = outputWords * 32;
        results = new bytes((packed.length / inputBytes) * (outputBytes + 32));
        bytes memory scratch = new bytes(inputBytes + 4);
        assembly {
            let input := add(scratch, 32)
            mstore(input, selector)
            let source := packed.offset
            let end := add(source, packed.length)
            let record := add(results, 32)
            for { } lt(source, end) { source := add(source, inputBytes) } {
                calldatacopy(add(input, 4), source, inputBytes)
                // The gas is bounded because a division by zero burns all it is given.
                let ok := call(300000, address(), 0, input, add(inputBytes, 4), add(record, 32), outputBytes)
                mstore(record, ok)
                record := add(record, add(outputBytes, 32))
            }
        }
    }

    function mulDiv(uint256 a, uint256 b, uint256 denominator) external pure returns (uint256) {
        return FullMath.mulDiv(a, b, denominator);
    }

    function mulDivRoundingUp(uint256 a, uint256 b, uint256 denominator) external pure returns (uint256) {
        return FullMath.mulDivRoundingUp(a, b, denominator);
    }

    function divRoundingUp(uint256 x, uint256 y) external pure returns (uint256) {
        return UnsafeMath.divRoundingUp(x, y);
    }

    function sqrtRatioAtTick(int24 tick) external pure returns (uint160) {
        return TickMath.getSqrtRatioAtTick(tick);
    }

    function tickAtSqrtRatio(uint160 sqrtPriceX96) external pure returns (int24) {
        return TickMath.getTickAtSqrtRatio(sqrtPriceX96);
    }

    function maxLiquidityPerTick(int24 tickSpacing) external pure returns (uint128) {
        return Tick.tickSpacingToMaxLiquidityPerTick(tickSpacing);
    }

    function amount0Delta(uint160 a, uint160 b, uint128 liquidity, bool roundUp) external pure returns (uint256) {
        return SqrtPriceMath.getAmount0Delta(a, b, liquidity, roundUp);
    }

    function amount1Delta(uint160 a, uint160 b, uint128 liquidity, bool roundUp) external pure returns (uint256) {
        return SqrtPriceMath.getAmount1Delta(a, b, liquidity, roundUp);
    }

    function nextFromAmount0(uint160 price, uint128 liquidity, uint256 amount, bool add) external pure returns (uint160) {
        return SqrtPriceMath.getNextSqrtPriceFromAmount0RoundingUp(price, liquidity, amount, add);
    }

    function nextFromAmount1(uint160 price, uint128 liquidity, uint256 amount, bool add) external pure returns (uint160) {
        return SqrtPriceMath.getNextSqrtPriceFromAmount1RoundingDown(price, liquidity, amount, add);
    }

    function nextFromInput(uint160 price, uint128 liquidity, uint256 amount, bool zeroForOne)
        external
        pure
        returns (uint160)
    {
        return SqrtPriceMath.getNextSqrtPriceFromInput(price, liquidity, amount, zeroForOne);
    }

    function nextFromOutput(uint160 price, uint128 liquidity, uint256 amount, bool zeroForOne)
        external
        pure
        returns (uint160)
    {
        return SqrtPriceMath.getNextSqrtPriceFromOutput(price, liquidity, amount, zeroForOne);
    }

    function swapStep(uint160 current, uint160 target, uint128 liquidity, int256 remaining, uint24 feePips)
        external
        pure
        returns (uint160, uint256, uint256, uint256)
    {
        return SwapMath.computeSwapStep(current, target, liquidity, remaining, feePips);
    }

    function liquidityForAmount0(uint160 a, uint160 b, uint256 amount0) external pure returns (uint128) {
        return LiquidityAmounts.getLiquidityForAmount0(a, b, amount0);
    }

    function liquidityForAmount1(uint160 a, uint160 b, uint256 amount1) external pure returns (uint128) {
        return LiquidityAmounts.getLiquidityForAmount1(a, b, amount1);
    }

    function liquidityForAmounts(uint160 price, uint160 a, uint160 b, uint256 amount0, uint256 amount1)
        external
        pure
        returns (uint128)
    {
        return LiquidityAmounts.getLiquidityForAmounts(price, a, b, amount0, amount1);
    }

    function amountsForLiquidity(uint160 price, uint160 a, uint160 b, uint128 liquidity)
        external
        pure
        returns (uint256, uint256)
    {
        return LiquidityAmounts.getAmountsForLiquidity(price, a, b, liquidity);
    }

    function addDelta(uint128 liquidity, int128 delta) external pure returns (uint128) {
        return LiquidityMath.addDelta(liquidity, delta);
    }

    /// @dev Token1's half is given the same numbers the other way round, to prove the two halves alike.
    function feeGrowthInside(
        int24 lower,
        int24 upper,
        int24 current,
        uint256 growthGlobal,
        uint256 lowerOutside,
        uint256 upperOutside
    ) external returns (uint256 inside0, uint256 inside1) {
        ticks[lower].feeGrowthOutside0X128 = lowerOutside;
        ticks[upper].feeGrowthOutside0X128 = upperOutside;
        ticks[lower].feeGrowthOutside1X128 = upperOutside;
        ticks[upper].feeGrowthOutside1X128 = lowerOutside;
        return ticks.getFeeGrowthInside(lower, upper, current, growthGlobal, ~growthGlobal);
    }

    /// @dev A poke of an empty position reverts, so an empty one is given a unit of liquidity in the same update.
    function uncollectedFees(uint128 liquidity, uint256 insideNow, uint256 insideLast, uint128 owed)
        external
        returns (uint128, uint128)
    {
        position.liquidity = liquidity;
        position.feeGrowthInside0LastX128 = insideLast;
        position.feeGrowthInside1LastX128 = insideNow;
        position.tokensOwed0 = owed;
        position.tokensOwed1 = owed;
        position.update(liquidity == 0 ? int128(1) : int128(0), insideNow, insideLast);
        return (position.tokensOwed0, position.tokensOwed1);
    }
}
