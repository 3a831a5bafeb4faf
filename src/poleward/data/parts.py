"""A source in several parts, each of which can be read by another process."""

from collections.abc import Sequence
from copy import copy
from itertools import pairwise

import numpy as np

from poleward.data.folder import FolderPictures
from poleward.data.selection import Selection, picks
from poleward.data.source import SelectedPictures, SelectedRows, Source
from poleward.data.tables import ParquetPictures, ParquetRows


def parts(source: Source, most: int) -> Sequence[Source]:
    """At most so many sources that, one after the other, give the same samples by the same ids.

    A folder is cut by its images, a parquet file by its row groups. Another file, and a parquet file of which --ids,
    --where or --limit choose some rows, is one part: which of its rows are meant depends on those before.
    """
    if isinstance(source, SelectedPictures) and isinstance(source.reader, FolderPictures):
        return _of_folder(source, source.reader, most)
    if isinstance(source, SelectedRows | SelectedPictures) and source.selection.takes_all:
        rows = source.reader.rows if isinstance(source.reader, ParquetPictures) else source.reader
        if isinstance(rows, ParquetRows):
            return [_reading(source, piece) for piece in rows.pieces(most)]
    return [source]


def _of_folder(source: SelectedPictures, reader: FolderPictures, most: int) -> Sequence[Source]:
    """Images by their ids: where the selection was looked up in the whole catalogue, none is left to look up."""
    ids = [chunk.ids[at] for chunk, chosen in picks(source.selection, reader.chunks(), reader.path) for at in chosen]
    cuts = np.linspace(0, len(ids), min(most, len(ids)) + 1).astype(int).tolist()
    some = (FolderPictures.of(reader, ids[start:stop]) for start, stop in pairwise(cuts))
    return [SelectedPictures(part, Selection(), source.reading) for part in some]


def _reading(source: SelectedRows | SelectedPictures, rows: ParquetRows) -> Source:
    if isinstance(source, SelectedRows):
        return SelectedRows(rows, source.selection)
    pictures = copy(source.reader)
    pictures.rows = rows  # type: ignore[union-attr]
    return SelectedPictures(pictures, source.selection, source.reading)
