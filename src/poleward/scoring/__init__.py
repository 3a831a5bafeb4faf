"""Scorers: how anomalous a sample is, from what the autoencoder says of it. Higher is more anomalous.

A scorer sees only `Encoded` records of numpy arrays, names the fields it needs, and keeps what it learned as plain
arrays.
"""
