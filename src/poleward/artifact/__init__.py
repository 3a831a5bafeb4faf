"""Folders on disk that hold a model or a checkpoint: a readable manifest, tensors and arrays, never code."""
