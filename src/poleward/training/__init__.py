"""The training loop, its checkpoints, and the signs that it went wrong."""
