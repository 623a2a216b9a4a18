// SPDX-License-Identifier: Apache-2.0
pragma solidity =0.7.6;

/// Answers as Chainlink's proxies do (AggregatorV3Interface), with rounds that the test pushes.
contract Aggregator {
    struct Round {
        int256 answer;
        uint256 startedAt;
        uint256 updatedAt;
        uint80 answeredInRound;
    }

    uint8 public immutable decimals;
    uint80 public latestRound;
    mapping(uint80 => Round) private rounds;

    constructor(uint8 _decimals) {
        decimals = _decimals;
    }

    function push(int256 answer, uint256 startedAt, uint256 updatedAt, uint80 roundsBehind) external {
        latestRound += 1;
        rounds[latestRound] = Round(answer, startedAt, updatedAt, latestRound - roundsBehind);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        require(latestRound > 0, "No data present");
        Round memory last = rounds[latestRound];
        return (latestRound, last.answer, last.startedAt, last.updatedAt, last.answeredInRound);
    }
}
