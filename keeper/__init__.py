"""Range Keeper: an automated range manager for Uniswap v3-style concentrated liquidity."""

import os

__version__ = "0.1.0"

# Linear algebra works with one thread: with more it sums in another order, and a fitted model, so a decision, would
# depend on how many cores the machine lends. The libraries read this when they are loaded, so it comes before them all.
os.environ.update(OPENBLAS_NUM_THREADS="1", VECLIB_MAXIMUM_THREADS="1")
