"""Which class each sample is of: from a file, a column that lies with the samples, or the folders they lie in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from poleward.data.reading import Reading, listed
from poleward.data.selection import Selection, picks
from poleward.data.source import open_reader
from poleward.data.tables import read_table, table_suffix
from poleward.data.truth import columns_held, keys_of, own_columns, places_of, texts_of
from poleward.errors import SourceError

FOLDERS = "folders"
"""Stands for the name of the folder that each image lies in."""

LABEL = "label"
"""The column of a file of labels."""


@dataclass(frozen=True)
class Classes:
    """The class of each of n samples, as text.

    where : what names them, for an error
    labels : n texts, "" where there is none
    keys : ways of naming the n samples, the likelier first; the one that fits more ids is used
    """

    where: str
    labels: Sequence[str]
    keys: tuple[Sequence[str], ...]

    def of(self, ids: Sequence[str]) -> list[str]:
        """The label of each id, "" where there is none."""
        places = max((places_of(ids, keys) for keys in self.keys), key=lambda found: int((found >= 0).sum()))
        return [self.labels[place] if place >= 0 else "" for place in places.tolist()]

    def of_all(self, ids: Sequence[str]) -> list[str]:
        """The label of each id; SourceError where there is none."""
        labels = self.of(ids)
        without = [name for name, label in zip(ids, labels, strict=True) if not label]
        if without:
            raise SourceError(
                f"{self.where}: {len(without)} of {len(ids)} samples have no label ({listed(without, 3)}); label them,"
                " or leave them out with --ids or --where"
            )
        return labels

    def require_within(self, ids: Sequence[str]) -> None:
        """SourceError where a name stands for none of all the ids that a source has."""
        strangers = min((_strangers(keys, ids) for keys in self.keys), key=len)
        if strangers:
            raise SourceError(
                f"{self.where}: {len(strangers)} of {len(self.labels)} ids are not in the source"
                f" ({listed(strangers, 3)} against {listed(ids, 2)}); name the id column, or remove them"
            )


def read_classes(
    said: str, source: Path, selection: Selection | None = None, reading: Reading | None = None
) -> Classes:
    """The classes of the selected samples of a source.

    said : ``"folders"``, for a folder of images; a csv or parquet file with an id (by ``id_column``, ``id``, the row's
        number or the first column) and a column ``label`` (or only one beside the id); else a column of the table, an
        array of the npz, or a column of the catalogue

    Errors
    ------
    SourceError for a file or column that is not there, and for an id that is not in the source.
    """
    selection, reading = selection or Selection(), reading or Reading()
    if said == FOLDERS and source.is_dir():
        return _of_folders(source, selection, reading)
    if table_suffix(Path(said)):
        found = _of_file(Path(said), selection.id_column)
        found.require_within(_all_ids(source, selection, reading))
        return found
    table, keys = own_columns(source, selection, reading)
    if said not in table.column_names:
        raise SourceError(
            f"{source}: has no column {said!r} to take labels from; {columns_held(table.column_names)}; --labels takes"
            " such a column, a csv or parquet file, or the word folders"
        )
    return Classes(f"{source}, column {said!r}", texts_of(table.column(said)), keys)


def is_feature(said: str, source: Path, selection: Selection, reading: Reading) -> bool:
    """Whether the labels stand in a column that the rows of the source would be learned from."""
    return said in open_reader(source, selection, reading).features


def _of_folders(source: Path, selection: Selection, reading: Reading) -> Classes:
    chunks = picks(selection, open_reader(source, selection, reading).chunks(), source)
    ids = [chunk.ids[position] for chunk, positions in chunks for position in positions]
    return Classes(f"{source}, folders", [Path(name).parent.name for name in ids], (ids,))


def _of_file(path: Path, id_column: str | None) -> Classes:
    table = read_table(path)
    keys, id_name = keys_of(table, id_column)
    named_by = id_name or table.column_names[0]
    others = [name for name in table.column_names if name != named_by]
    if LABEL not in others and len(others) != 1:
        raise SourceError(
            f"{path}: a file of labels has a column of ids and a column 'label'; {columns_held(table.column_names)}"
        )
    column = LABEL if LABEL in others else others[0]
    return Classes(f"{path}, column {column!r}", texts_of(table.column(column)), keys)


def _all_ids(source: Path, selection: Selection, reading: Reading) -> list[str]:
    every = Selection(id_column=selection.id_column, catalogue=selection.catalogue)
    return [name for chunk in open_reader(source, every, reading).chunks() for name in chunk.ids]


def _strangers(keys: Sequence[str], ids: Sequence[str]) -> list[str]:
    met = set(places_of(ids, keys).tolist())
    return [key for place, key in enumerate(keys) if place not in met]
