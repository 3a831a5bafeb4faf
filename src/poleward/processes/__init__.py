"""Several processes that train one model: sums over all of them, and how they come together."""
