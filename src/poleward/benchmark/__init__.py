"""Measurements of speed and of quality: every figure with its command, seed and interval."""
