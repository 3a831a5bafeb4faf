"""A short name for the content of a prepared sample, by which a model knows its training data again."""

from hashlib import blake2b

import numpy as np
from jaxtyping import UInt64

from poleward.records import Features


def fingerprints(features: Features) -> UInt64[np.ndarray, " n"]:
    """Hash every sample by itself: BLAKE2b, 64 bits, over its values, and over which cells it lacks if any.

    Equal samples have equal fingerprints whatever batch they come in; 0.0 and -0.0 are the same value. Two different
    samples share one with probability 2^-64.

    Parameters
    ----------
    features : n prepared samples

    Examples
    --------
    >>> first, second, third = fingerprints(Features(np.array([[1.0, 0.0], [1.0, 2.0], [1.0, -0.0]])))
    >>> bool(first == second), bool(first == third)
    (False, True)
    """
    native = features.values.dtype.newbyteorder("=")
    digests = bytearray()
    for row, values in enumerate(features.values):
        content = blake2b(np.add(values, 0.0, dtype=native).tobytes(), digest_size=8)
        if features.observed is not None and not features.observed[row].all():
            content.update(np.packbits(features.observed[row]).tobytes())
        digests += content.digest()
    return np.frombuffer(bytes(digests), dtype="<u8").astype(np.uint64)


def data_fingerprint(prints: UInt64[np.ndarray, " n"]) -> str:
    """Hash a collection by its samples' fingerprints, in whatever order they come.

    Returns
    -------
    str : 32 hexadecimal digits

    Examples
    --------
    >>> data_fingerprint(np.array([1, 2], dtype="uint64")) == data_fingerprint(np.array([2, 1], dtype="uint64"))
    True
    """
    return blake2b(np.sort(prints).astype("<u8", copy=False).data, digest_size=16).hexdigest()
