"""Fixed splits of labelled data: what is trained on, what is ranked, and a hash that names exactly these samples."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.errors import SettingError

HASH_DIGITS = 12


@dataclass(frozen=True)
class Split:
    """Samples to train on and labelled samples to rank.

    group : the protocol; means are taken over the data sets of one group
    data : name of the data set
    seed : of the draw, and of all training on it
    train, test : (n, columns), or images (n, height, width, bands)
    is_anomaly : (m,) bool, of the samples to rank
    """

    group: str
    data: str
    seed: int
    train: NDArray[Any]
    test: NDArray[Any]
    is_anomaly: NDArray[np.bool_]

    @property
    def kind(self) -> str:
        """The kind of data, "images" or "table"."""
        return "table" if self.train.ndim == 2 else "images"

    @cached_property
    def hash(self) -> str:
        """12 hexadecimal digits of SHA-256 over all samples in their order, and the labels."""
        digest = hashlib.sha256()
        for array in (self.train, self.test, self.is_anomaly):
            digest.update(f"{array.shape} {array.dtype}".encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:HASH_DIGITS]


@dataclass(frozen=True)
class DataSet:
    """A data set under one protocol, not yet read.

    names : words by which ``--only`` may ask for it
    protocol : a word that narrows the choice further, or ""
    usual : whether it is taken when no data set was asked for
    split : seed -> split
    """

    group: str
    data: str
    names: frozenset[str]
    split: Callable[[int], Split]
    protocol: str = ""
    usual: bool = True

    def is_asked(self, words: Collection[str]) -> bool:
        """Whether any of the words names it."""
        return not self.names.isdisjoint(words)


def chosen(data_sets: Sequence[DataSet], words: Collection[str]) -> list[DataSet]:
    """The data sets that some of the words name, or the usual ones; of these, those of a protocol named.

    Errors
    ------
    SettingError when nothing is left.
    """
    named = any(one.is_asked(words) for one in data_sets)
    protocols = {one.protocol for one in data_sets}.intersection(words)
    found = [
        one
        for one in data_sets
        if (one.is_asked(words) if named else one.usual) and (not protocols or one.protocol in protocols)
    ]
    if not found:
        raise SettingError(f"no data set is left of {', '.join(sorted({one.data for one in data_sets})) or 'none'}")
    return found
