"""Scores of an already trained classifier's features and logits: higher is further out of distribution, everywhere.

One method, one file. Features and logits go in as arrays, scores come out as float64; a score depends on its own row
alone. ``guard.py`` joins them with a torch module and with conformal p-values.
"""
