"""What a suite is: rows compared on splits, or a list of figures, run as a request asks and left as a record."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol, runtime_checkable

from poleward.benchmark.comparison import as_table
from poleward.benchmark.contenders import Contender, Effort, among, require_known
from poleward.benchmark.outcomes import Outcome, Record, Run, compared
from poleward.benchmark.record import Figure, code_hash, digest_of, machine, write_record
from poleward.benchmark.splits import DataSet, chosen
from poleward.errors import SettingError

QUICK_EPOCHS = 1
USUAL_SEEDS = 3

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What was asked for.

    only : words that name rows, data sets or parts; () for all
    seeds : how many
    data : folder of the data sets
    out : folder for the record, or None
    """

    suite: str
    only: tuple[str, ...] = ()
    seeds: int = USUAL_SEEDS
    data: Path = Path("../shared/data")
    out: Path | None = None
    quick: bool = False

    @property
    def numbers(self) -> range:
        """The seeds, from 0; the quick form has one."""
        return range(1 if self.quick else self.seeds)

    @property
    def effort(self) -> Effort:
        """Of whatever trains."""
        return Effort(QUICK_EPOCHS if self.quick else None)

    @property
    def record(self) -> str:
        """Name of the record of a comparison."""
        return f"{self.suite}-quick" if self.quick else self.suite

    @property
    def command(self) -> str:
        """The command line that asks for the same."""
        only = ["--only", _quoted(",".join(self.only))] if self.only else []
        seeds = ["--seeds", str(self.seeds)] if self.seeds != USUAL_SEEDS and not self.quick else []
        return " ".join(["poleward bench", self.suite, *only, *seeds, *(["--quick"] if self.quick else [])])


@runtime_checkable
class Suite(Protocol):
    """Something that measures when asked, says what it finds, and leaves a record."""

    @property
    def about(self) -> str: ...  # noqa: D102 - a sentence for the record

    def run(self, request: Request, say: Say) -> None: ...  # noqa: D102 - told above


@dataclass(frozen=True)
class Comparison:
    """Rows ranked on splits.

    data_sets : request -> those that can be asked for
    made : those of the quick form
    """

    about: str
    contenders: Sequence[Contender]
    data_sets: Callable[[Request], list[DataSet]]
    made: Callable[[], list[DataSet]]

    def run(self, request: Request, say: Say) -> None:
        """Let every row chosen rank every split chosen, and write SUITE.json and SUITE.md after each split."""
        contenders, data_sets = self.choice(request)
        path = None if request.out is None else request.out / f"{request.record}.json"
        merged = path is not None and bool(request.only) and path.exists()
        record = Record.read(path) if path is not None and merged else Record(request.suite, machine())
        before, start = list(record.runs), time.monotonic()
        for one in data_sets:
            for seed in request.numbers:
                compared(contenders, one.split(seed), request.numbers[0], request.effort, record, say)
                minutes = round((time.monotonic() - start) / 60, 1)
                elsewhere = machine() if machine() != record.machine else ""
                run = Run(request.command, date.today().isoformat(), code_hash(), minutes, elsewhere)
                record.runs = [*before, run]
                if path is not None:
                    self.write(record, path)
        say("\n" + self.markdown(record) if path is None else f"The record lies in {path.with_suffix('.md')}")

    def choice(self, request: Request) -> tuple[list[Contender], list[DataSet]]:
        """The contenders and data sets that a request asks for; SettingError for a word that is neither."""
        there = self.made() if request.quick else self.data_sets(request)
        words = {word for one in there for word in (*one.names, one.protocol)} - {""}
        require_known(request.only, self.contenders, words)
        return among(self.contenders, request.only), chosen(there, request.only)

    def write(self, record: Record, path: Path) -> None:
        """JSON and Markdown beside each other."""
        record.write(path)
        path.with_suffix(".md").write_text(self.markdown(record))

    def markdown(self, record: Record) -> str:
        """The whole record as a page."""
        order = [row for contender in self.contenders for row in contender.rows]
        outcomes = list(record.outcomes.values())
        lines = [*self.head(record, outcomes), "", READING]
        apart = frozenset[str]().union(*(contender.apart for contender in self.contenders))
        for group in dict.fromkeys(outcome.group for outcome in outcomes):
            of_group = [one for one in outcomes if one.group == group]
            lines += ["", f"## {group}", "", as_table(of_group, order, apart)]
        return "\n".join([*lines, "", *self.notes(outcomes)]) + "\n"

    def head(self, record: Record, outcomes: Sequence[Outcome]) -> list[str]:
        """Where the figures come from."""
        runs = [
            f"- `{run.command}`, {run.date}, code `{run.code}`, {run.minutes:g} minutes"
            + (f", on {run.machine}" if run.machine else "")
            for run in record.runs
        ]
        seeds = ", ".join(str(seed) for seed in sorted({one.seed for one in outcomes}))
        data = digest_of(sorted({one.split for one in outcomes}))
        where = f"Seeds {seeds}; data `{data}`; {record.machine}."
        return [f"# {record.suite}", "", self.about, "", *runs, "", where]

    def notes(self, outcomes: Sequence[Outcome]) -> list[str]:
        """What a reader should know of rows, and which of them have no figures."""
        rows = {one.row for one in outcomes}
        notes = [f"- `{one.name}`: {one.note}." for one in self.contenders if one.note and rows.intersection(one.rows)]
        failures = dict.fromkeys(f"- `{one.row}` on {one.data}: {one.failure}" for one in outcomes if one.failure)
        return ["Rows:", "", *notes, *(["", "Without figures:", "", *failures] if failures else [])]


READING = (
    "Mean over the data sets of the mean over seeds, with 95 % bootstrap intervals over the data sets, or over the"
    " seeds where there is one data set. FPR95 is the share of anomalies accepted where 95 % of the normals are; with"
    " anomalies positive, the share of normals flagged where 95 % of the anomalies are. Differences are taken on the"
    " same splits. Seconds are of training and scoring; rows of one training share them; rows whose code differs"
    " were measured by different versions. On images, rows that train a network are run with the first seed only, the"
    " default with all seeds."
)


@dataclass(frozen=True)
class Figures:
    """A list of figures.

    figures : (request, say) -> figures
    parts : words that ``--only`` may say
    """

    about: str
    figures: Callable[[Request, Say], Iterator[Figure]]
    parts: tuple[str, ...] = ()

    def run(self, request: Request, say: Say) -> None:
        """Measure, say every figure, and write SUITE.json and SUITE.md anew after each."""
        for word in request.only:
            if word not in self.parts:
                raise SettingError(
                    f"--only is {word!r}; choose among {', '.join(self.parts) or 'nothing: leave it out'}"
                )
        found: list[Figure] = []
        name = "-".join([request.suite, *request.only, *(["quick"] if request.quick else [])])
        for figure in self.figures(request, say):
            verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
            say(f"{figure.name}: {figure.value}  {figure.goal}  {verdict}".rstrip())
            found.append(figure)
            if request.out is not None:
                write_record(request.out, name, request.command, request.numbers[0], found)
        if request.out is not None:
            say(f"The record lies in {request.out / name}.md")


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text
