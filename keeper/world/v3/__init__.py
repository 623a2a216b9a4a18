"""What Uniswap v3 and its forks have in common: reads, calldata, the meaning of their logs. Not plug-ins themselves."""
