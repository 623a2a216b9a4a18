// SPDX-License-Identifier: Apache-2.0
pragma solidity =0.7.6;

import "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import "@uniswap/v3-core/contracts/interfaces/IERC20Minimal.sol";

/// A searcher: moves one pool's price wherever it likes, and puts liquidity in for a moment. It keeps no accounts;
/// what it won or lost is what its token balances say.
contract Attacker {
    IUniswapV3Pool public immutable pool;
    address public immutable owner;

    constructor(IUniswapV3Pool pool_) {
        pool = pool_;
        owner = msg.sender;
    }

    modifier onlyOwner() {
        require(msg.sender == owner, "Attacker: only its owner");
        _;
    }

    function move(uint160 target) external onlyOwner {
        (uint160 price, , , , , , ) = pool.slot0();
        if (price != target) pool.swap(address(this), price > target, type(int256).max, target, "");
    }

    function provide(int24 lower, int24 upper, uint128 liquidity) external onlyOwner {
        pool.mint(address(this), lower, upper, liquidity, "");
    }

    function withdraw(int24 lower, int24 upper, uint128 liquidity) external onlyOwner {
        pool.burn(lower, upper, liquidity);
        pool.collect(address(this), lower, upper, type(uint128).max, type(uint128).max);
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        _pay(owed0, owed1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        _pay(delta0 > 0 ? uint256(delta0) : 0, delta1 > 0 ? uint256(delta1) : 0);
    }

    function _pay(uint256 owed0, uint256 owed1) private {
        require(msg.sender == address(pool), "Attacker: only its pool");
        if (owed0 > 0) IERC20Minimal(pool.token0()).transfer(msg.sender, owed0);
        if (owed1 > 0) IERC20Minimal(pool.token1()).transfer(msg.sender, owed1);
    }
}
