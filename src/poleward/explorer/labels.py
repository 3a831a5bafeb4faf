"""What people said of samples: an append-only log in one SQLite file, on disc before it is acknowledged."""

import csv
import io
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from poleward.errors import OutputError, SettingError

USUAL = ("normal", "interesting", "artefact")
LONGEST = 100
"""Characters of a label, and of a name of who gave it."""

_SCHEMA = """
create table if not exists log (
    number integer primary key autoincrement, time text not null, who text not null, id text not null,
    label text not null, act integer not null, undoes integer unique references log (number)
);
create table if not exists joined (number integer primary key autoincrement, content blob not null);
"""


@dataclass(frozen=True)
class Entry:
    """One line of the log.

    number : from 1, in the order of writing
    time : UTC, ISO 8601
    label : "" takes the sample's label away
    act : number of the first entry that was written together with this one
    undoes : number of the entry that this one takes back, whose ``id`` and ``label`` it repeats; or None
    """

    number: int
    time: str
    who: str
    id: str
    label: str
    act: int
    undoes: int | None = None


class LabelLog:
    """Labels of samples, shared by every tab and every server that has the file open.

    Nothing is ever changed in the file: an undo is a line of its own. A label is on disc when `add` returns.

    path : SQLite file, made when it is not there

    Errors
    ------
    OutputError when the file cannot be opened or is something else; SettingError for a label that is not accepted.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._held: dict[str, list[Entry]] = {}
        self._mine: dict[str, list[Entry]] = {}
        self._seen = 0
        with self._faults_named():
            self._file = sqlite3.connect(self.path, timeout=10, check_same_thread=False, isolation_level=None)
            self._file.execute("pragma synchronous = extra")
            self._file.executescript(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @property
    def number(self) -> int:
        """Number of the newest entry, 0 in an empty log."""
        with self._lock:
            self._read_on()
            return self._seen

    def standing(self) -> list[Entry]:
        """The entry that holds for every labelled sample, in the order of their writing."""
        with self._lock:
            self._read_on()
            held = [entries[-1] for entries in self._held.values() if entries and entries[-1].label]
        return sorted(held, key=lambda entry: entry.number)

    def labels(self) -> dict[str, str]:
        """The label of every labelled sample, by id."""
        return {entry.id: entry.label for entry in self.standing()}

    def entries(self, after: int = 0) -> list[Entry]:
        """The log, from the entry behind number ``after`` on."""
        with self._faults_named(), self._lock:
            lines = self._file.execute(
                "select number, time, who, id, label, act, undoes from log where number > ? order by number", (after,)
            )
            return [Entry(*line) for line in lines]

    def add(self, pairs: Sequence[tuple[str, str]], who: str) -> None:
        """Label samples, for each pair (id, label), all or none; "" takes a label away."""
        self._write([(checked("name", who), name, checked("label", label), None) for name, label in pairs])

    def undo(self, who: str) -> list[Entry]:
        """Take back what this person said last, as far as it stands; returns its entries, none when nothing is left."""
        who = checked("name", who)
        with self._lock:
            self._read_on()
            mine = self._mine.get(who, [])
            last = [entry for entry in mine if entry.act == mine[-1].act]
            self._write([(who, entry.id, entry.label, entry.number) for entry in last])
            return last

    def keep(self, content: bytes) -> None:
        """Keep a catalogue that was joined."""
        with self._writing():
            self._file.execute("insert into joined (content) values (?)", (content,))

    def kept(self) -> list[bytes]:
        """Catalogues that were joined, the oldest first."""
        with self._faults_named(), self._lock:
            return [content for (content,) in self._file.execute("select content from joined order by number")]

    def _write(self, lines: Sequence[tuple[str, str, str, int | None]]) -> None:
        """Append lines (who, id, label, undoes) together."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._writing():
            (last,) = self._file.execute("select coalesce(max(number), 0) from log").fetchone()
            self._file.executemany(
                "insert into log (time, act, who, id, label, undoes) values (?, ?, ?, ?, ?, ?)",
                [(now, last + 1, *line) for line in lines],
            )

    def _read_on(self) -> None:
        for entry in self.entries(self._seen):
            held, mine = self._held.setdefault(entry.id, []), self._mine.setdefault(entry.who, [])
            if entry.undoes is None:
                held.append(entry)
                mine.append(entry)
            else:
                held[:] = [other for other in held if other.number != entry.undoes]
                mine[:] = [other for other in mine if other.number != entry.undoes]
            self._seen = entry.number

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._faults_named(), self._lock:
            self._file.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._file.execute("rollback")
                raise
            self._file.execute("commit")

    @contextmanager
    def _faults_named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            raise OutputError(f"{self.path}: labels cannot be kept in it ({fault}); name another file") from fault


def checked(what: str, text: str) -> str:
    """A label or a name without the space around it; SettingError for one that is too long or not one line.

    >>> checked("label", " merger ")
    'merger'
    """
    text = text.strip()
    if len(text) > LONGEST or not text.isprintable():
        raise SettingError(f"the {what} is {text[:LONGEST]!r}; accepted is one line of up to {LONGEST} characters")
    return text


def log_csv(entries: Sequence[Entry]) -> str:
    """The log as csv, one line per entry.

    >>> log_csv([Entry(1, "2024-01-02T03:04:05.006+00:00", "ada", "a.png", "normal", 1)]).splitlines()[1]
    '1,2024-01-02T03:04:05.006+00:00,ada,a.png,normal,1,'
    """
    return _csv(("number", "time", "who", "id", "label", "act", "undoes"), [astuple(entry) for entry in entries])


def labels_csv(standing: Sequence[Entry], scores: Mapping[str, Mapping[str, float]]) -> str:
    """The labels that hold as csv: id, label, who, time, and each of the scores, where the id has one.

    scores : name -> {id: value}
    """
    rows = [(e.id, e.label, e.who, e.time, *(values.get(e.id, "") for values in scores.values())) for e in standing]
    return _csv(("id", "label", "who", "time", *scores), rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(header)
    lines.writerows(rows)
    return file.getvalue()
