// SPDX-License-Identifier: Apache-2.0
pragma solidity =0.7.6;

import "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import "@uniswap/v3-core/contracts/interfaces/IERC20Minimal.sol";

/// Borrows from a pool and pays back with fees.
contract Flasher {
    function flash(IUniswapV3Pool pool, uint256 amount0, uint256 amount1) external {
        pool.flash(address(this), amount0, amount1, abi.encode(amount0, amount1));
    }

    function uniswapV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        (uint256 amount0, uint256 amount1) = abi.decode(data, (uint256, uint256));
        IERC20Minimal(IUniswapV3Pool(msg.sender).token0()).transfer(msg.sender, amount0 + fee0);
        IERC20Minimal(IUniswapV3Pool(msg.sender).token1()).transfer(msg.sender, amount1 + fee1);
    }
}
