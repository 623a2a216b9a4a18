"""Mathematics of volatility that the forecasters and the walk-forward study share: arrays in, figures out."""
