"""Reversible lists of changes on disk, and their exact application to a file and back.

A list is a csv with the columns ``row`` (from 0, without the header), ``id``, ``column``, ``old``, ``new``,
``probability``, ``score_before``, ``score_after`` and ``old_exact``. A missing cell is empty, an empty text is ``""``.
``old_exact`` is how the file spelled the old cell, quotes included, where that is not the usual way: with it, going
back gives the bytes of the source again. Lines may be taken out or put in another order.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedIOBase
from operator import attrgetter
from pathlib import Path

from poleward.data.copies import Replacement, copied, reading, text_of
from poleward.data.delimited import MARK, cells, is_empty, records, said, written
from poleward.data.placement import placed, writing
from poleward.data.reading import listed
from poleward.errors import SettingError, SourceError
from poleward.records import Change

COLUMNS = ("row", "id", "column", "old", "new", "probability", "score_before", "score_after", "old_exact")
DELIMITER = b","
ENDING = ".csv"


@dataclass(frozen=True)
class PatchLine(Change):
    """A change, and how the source's file spells the old cell: None in the usual way."""

    old_exact: str | None = None


class PatchWriter:
    """A list of changes on its way to a file; ``open_patch`` gives one."""

    def __init__(self, path: Path, file: BufferedIOBase) -> None:
        self.path = path
        self.file = file

    def write(self, changes: Sequence[Change]) -> None:
        """Append changes."""
        lines = [_line(_texts(change)) for change in changes]
        with writing(self.path):
            self.file.writelines(lines)


@contextmanager
def open_patch(path: Path) -> Iterator[PatchWriter]:
    """Give a writer of changes, in as many pieces as one likes; the list is put in place when the block ends well.

    Errors
    ------
    SettingError : the path does not end in .csv
    OutputError : the place cannot be written
    """
    if path.suffix.lower() != ENDING:
        raise SettingError(f"{path}: a list of changes ends in {ENDING}")
    with placed(path) as part:
        with writing(path):
            file = part.open("wb")
            file.write(_line(COLUMNS))
        try:
            yield PatchWriter(path, file)
            with writing(path):
                file.close()
        finally:
            with suppress(OSError):  # said already
                file.close()


def write_changes(path: Path, changes: Sequence[Change]) -> None:
    """Write a whole list of changes."""
    with open_patch(path) as patch:
        patch.write(changes)


def read_changes(path: Path) -> list[PatchLine]:
    """Read a list of changes, by rising row; values are text.

    Errors
    ------
    SourceError : the file cannot be read or is no list of changes
    """
    with reading(path), path.open("rb") as file:
        if file.read(len(MARK)) != MARK:
            file.seek(0)
        lines = (record for record in records(file, DELIMITER) if not is_empty(record))
        names = [_text(cell, path) or "" for cell in cells(next(lines, b""), DELIMITER)[0]]
        missing = [name for name in COLUMNS[:-1] if name not in names]
        if missing:
            raise SourceError(f"{path}: is no list of changes; it lacks {', '.join(missing)} and has {listed(names)}")
        found = [_read_change(record, names, f"{path}, change {number}") for number, record in enumerate(lines, 1)]
    return sorted(found, key=attrgetter("row"))


def apply_changes(
    source: Path,
    changes: Sequence[Change],
    out: Path,
    revert: bool = False,
    *,
    id_column: str | None = None,
    array: str | None = None,
) -> None:
    """Write a copy of a csv, tsv, parquet, npy or npz file in which the changes are made, or taken back.

    id_column : column of the file whose cells are the changes' ids; None does not compare ids
    array : which array of an .npz

    Errors
    ------
    SourceError : the file does not hold what the changes expect: the old values, or the new ones to take them back
    OutputError : ``out`` is the source or cannot be written
    """
    with copied(source, out, id_column, array) as copy:
        by_row = sorted(changes, key=attrgetter("row"))
        copy.replace([_backward(change) if revert else forward(change) for change in by_row])


def forward(change: Change) -> Replacement:
    """The replacement that makes a change."""
    return Replacement(change.row, change.column, change.old, change.new, change.id)


def in_file(change: Change, old_exact: str | None) -> PatchLine:
    """A change with the spelling that its old cell had in the file, as ``Copy.replace`` gives it."""
    return PatchLine(**{**vars(change), "old_exact": old_exact})


def _backward(change: Change) -> Replacement:
    exact = change.old_exact if isinstance(change, PatchLine) else None
    return Replacement(change.row, change.column, change.new, change.old, change.id, exact)


def _texts(change: Change) -> list[str | None]:
    return [text_of(getattr(change, name, None)) for name in COLUMNS]


def _line(texts: Sequence[str | None]) -> bytes:
    return DELIMITER.join(b'""' if text == "" else written(text, DELIMITER) for text in texts) + b"\n"


def _read_change(record: bytes, names: Sequence[str], place: str) -> PatchLine:
    found, _ = cells(record, DELIMITER)
    if len(found) != len(names):
        raise SourceError(f"{place}: has {len(found)} cells; the first line names {len(names)}")
    texts = {name: _text(cell, place) for name, cell in zip(names, found, strict=True)}
    numbers = {name: _number(texts[name], name, place) for name in ("probability", "score_before", "score_after")}
    return PatchLine(
        row=_row(texts["row"], place),
        id=texts["id"] or "",
        column=texts["column"] or "",
        old=texts["old"],
        new=texts["new"],
        old_exact=texts.get("old_exact"),
        **numbers,
    )


def _text(cell: bytes, place: object) -> str | None:
    try:
        return "" if cell == b'""' else said(cell)
    except UnicodeDecodeError as fault:
        raise SourceError(f"{place}: is not UTF-8 text; save the list as UTF-8") from fault


def _row(text: str | None, place: str) -> int:
    if text is None or not (text.isascii() and text.isdigit()):
        raise SourceError(f"{place}: row is {text!r}; rows are whole numbers from 0")
    return int(text)


def _number(text: str | None, name: str, place: str) -> float:
    try:
        return float(text or "")
    except ValueError as fault:
        raise SourceError(f"{place}: {name} is {text!r}, which is no number") from fault
