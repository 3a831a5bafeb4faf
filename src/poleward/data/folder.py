"""A folder of image files, nested as deep as one likes, and the catalogue that may lie with it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from poleward.data.pictures import SUFFIXES, picture_suffix, read_picture
from poleward.data.reading import Pictures, Reading, listed
from poleward.data.selection import Selection, match_ids
from poleward.data.tables import read_table, table_suffix
from poleward.errors import SourceError


class FolderPictures:
    """The images under a folder in the order of their paths; an image's id is its path relative to the folder."""

    indexed = True
    features = ()

    def __init__(self, path: Path, selection: Selection, reading: Reading) -> None:
        self.path = path
        self.selection = selection
        self.reading = reading
        self.ids = _picture_paths(path)

    @classmethod
    def of(cls, whole: "FolderPictures", ids: Sequence[str]) -> "FolderPictures":
        """Some of the images of a folder, without its catalogue."""
        some = cls.__new__(cls)
        some.path, some.reading, some.ids = whole.path, whole.reading, list(ids)
        some.selection = Selection()
        return some

    @cached_property
    def catalogue(self) -> "Catalogue | None":
        """What is known of the images beside their pixels; looked for only when it is asked for."""
        path = self.selection.catalogue or _lying_with(self.path)
        return None if path is None else Catalogue(path, self.selection.id_column)

    @property
    def columns(self) -> Sequence[str]:
        """Names of the catalogue's columns."""
        return () if self.catalogue is None else self.catalogue.table.column_names

    @property
    def needs_catalogue(self) -> bool:
        """Tell whether the selection asks for a catalogue's columns."""
        return bool(self.selection.where) or self.selection.catalogue is not None

    def chunks(self) -> Iterator[Pictures]:
        """Give all images at once; one is decoded when it is asked for."""
        yield Pictures(self.ids, self.about(self.ids) if self.needs_catalogue else pa.table({}), self.picture)

    def about(self, ids: Sequence[str]) -> pa.Table:
        """Return the catalogue's rows of some images."""
        return pa.table({}) if self.catalogue is None else self.catalogue.rows(ids)

    def picture(self, position: int) -> NDArray[Any]:
        """Read the image at a position of ``ids``."""
        path = self.path / self.ids[position]
        try:
            content = path.read_bytes()
        except OSError as fault:
            raise SourceError(f"{path}: cannot be read ({fault.strerror})") from fault
        return read_picture(content, str(path), self.reading)

    def count(self) -> int:
        """Return the number of images."""
        return len(self.ids)


class Catalogue:
    """A table with one row per image, found by ``id_column``, else by the column ``id``, else by the first one."""

    def __init__(self, path: Path, id_column: str | None = None) -> None:
        self.path = path
        self.table = read_table(path)
        names = self.table.column_names
        if id_column is not None and id_column not in names:
            raise SourceError(f"{path}: has no column {id_column!r} to take ids from; its columns are {listed(names)}")
        self.id_column = id_column or ("id" if "id" in names else names[0])
        self.keys = [str(key) for key in self.table.column(self.id_column).cast(pa.string()).to_pylist()]
        twice = [key for key, times in Counter(self.keys).items() if times > 1]
        if twice:
            raise SourceError(f"{path}: {self.id_column} {twice[0]!r} stands in more than one row; ids are unique")

    def rows(self, ids: Sequence[str]) -> pa.Table:
        """Return one row for each id, empty where the catalogue does not have it."""
        places = match_ids(ids, self.keys)
        if not (places >= 0).any():
            raise SourceError(
                f"{self.path}: none of its {len(self.keys)} ids in column {self.id_column!r} fits an image "
                f"({', '.join(self.keys[:2])} against {', '.join(ids[:2])}); name the id column or another catalogue"
            )
        rows: Any = pa.array(places, mask=places < 0)
        return self.table.take(rows)


def _picture_paths(folder: Path) -> list[str]:
    files = [path.relative_to(folder) for path in folder.rglob("*")]
    seen = [path.as_posix() for path in files if not any(part.startswith(".") for part in path.parts)]
    ids = sorted(name for name in seen if picture_suffix(name) and (folder / name).is_file())
    if not ids:
        kinds = Counter(Path(name).suffix or "no ending" for name in seen if (folder / name).is_file())
        found = ", ".join(f"{times} with {kind}" for kind, times in kinds.most_common(5)) or "no file at all"
        raise SourceError(f"{folder}: holds no image ({found}); accepted are {', '.join(SUFFIXES)}")
    for name in ids:
        if name.encode(errors="replace").decode() != name:  # an id is written into rankings and pages
            raise SourceError(f"{folder}: the file name {name!a} is not UTF-8 text; rename the file")
    return ids


def _lying_with(folder: Path) -> Path | None:
    for place in (folder, folder.resolve().parent):
        tables = sorted(path for path in place.iterdir() if table_suffix(path) and not path.name.startswith("."))
        if len(tables) > 1:
            names = ", ".join(path.name for path in tables[:5])
            raise SourceError(f"{place}: holds {len(tables)} tables ({names}); name the catalogue with --catalogue")
        if tables:
            return tables[0]
    return None
