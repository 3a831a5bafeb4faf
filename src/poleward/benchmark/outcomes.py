"""What comparisons leave behind: the outcome of every row on every split, kept as JSON and joined only where the splits
are the same."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from poleward.benchmark.contenders import Contender, Effort
from poleward.benchmark.record import code_hash
from poleward.benchmark.splits import Split
from poleward.errors import PolewardError, SettingError, SourceError
from poleward.metrics.ranking import evaluate
from poleward.records import Evaluation

FIGURES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "fpr95": "FPR95",
    "fpr95_ood_positive": "FPR95, anomalies positive",
}
"""Of `records.Evaluation`, and how a table calls them."""

COSTS = {"training_minutes": "CPU minutes of training", "gpu_minutes": "GPU minutes"}
FURTHER = {"accuracy": "accuracy", **COSTS}
"""Figures that only some suites have; where one is a cost, no row is the best."""

HIGHER_IS_BETTER = frozenset({"auroc", "average_precision", "accuracy"})


@dataclass(frozen=True)
class Outcome:
    """How well one row ranked one split.

    split : its hash
    figures : the four figures by name, and further ones of the suite; empty for a row that failed
    seconds : of training and scoring; rows of one training share them
    code : hash of the package that measured it
    failure : why there are no figures, or ""
    """

    group: str
    data: str
    seed: int
    row: str
    split: str
    figures: Mapping[str, float]
    seconds: float
    code: str
    failure: str = ""

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What it is the outcome of."""
        return self.group, self.data, self.seed, self.row


@dataclass(frozen=True)
class Run:
    """One call of the benchmark that added outcomes.

    machine : what it ran on; "" for the record's own
    """

    command: str
    date: str
    code: str
    minutes: float
    machine: str = ""


@dataclass
class Record:
    """The outcomes of one suite, and the runs that they came from."""

    suite: str
    machine: str
    runs: list[Run] = field(default_factory=list)
    outcomes: dict[tuple[str, str, int, str], Outcome] = field(default_factory=dict)

    def require_same(self, split: Split) -> None:
        """SettingError when outcomes of other samples are held under this data set and seed."""
        for held in self.outcomes.values():
            same_name = (held.group, held.data, held.seed) == (split.group, split.data, split.seed)
            if same_name and held.split != split.hash:
                raise SettingError(
                    f"{split.data}, seed {split.seed}: the record holds rows of the split {held.split}, and this one is"
                    f" {split.hash}; rows of different splits are not compared: run the whole suite, or choose another"
                    " --out"
                )

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Put outcomes in, in place of older ones of the same row on the same split."""
        self.outcomes |= {outcome.key: outcome for outcome in outcomes}

    def write(self, path: Path) -> None:
        """Write as JSON."""
        content = {
            "suite": self.suite,
            "machine": self.machine,
            "runs": [asdict(run) for run in self.runs],
            "outcomes": [asdict(self.outcomes[key]) for key in sorted(self.outcomes)],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Take back what `write` wrote; SourceError for anything else."""
        try:
            content = json.loads(path.read_text())
            outcomes = [Outcome(**outcome) for outcome in content["outcomes"]]
            runs = [Run(**run) for run in content["runs"]]
            record = cls(content["suite"], content["machine"], runs)
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(
                f"{path}: is not a record of this benchmark ({type(error).__name__}); move it away"
            ) from error
        record.add(outcomes)
        return record


def measure(contender: Contender, split: Split, effort: Effort) -> list[Outcome]:
    """Let a contender rank a split; where it refuses, its rows say why."""
    start = time.perf_counter()
    found: dict[str, Evaluation] = {}
    further: Mapping[str, float] = {}
    failure = ""
    try:
        scores = contender.scores(split, effort)
        seconds = time.perf_counter() - start
        found = {row: evaluate(split.is_anomaly, scores[row].astype(np.float64)) for row in contender.rows}
        further = {} if contender.also is None else contender.also(split, effort)
    except PolewardError as error:
        seconds, failure = time.perf_counter() - start, str(error)
    return [
        Outcome(
            split.group,
            split.data,
            split.seed,
            row,
            split.hash,
            {name: getattr(found[row], name) for name in FIGURES} | dict(further) if row in found else {},
            round(seconds, 3),
            code_hash(),
            failure,
        )
        for row in contender.rows
    ]


def compared(
    contenders: Sequence[Contender],
    split: Split,
    first_seed: int,
    effort: Effort,
    record: Record,
    say: Callable[[str], None],
) -> None:
    """Let every contender rank a split, and add what comes of it to the record.

    Errors
    ------
    SettingError when the record holds rows of other samples under the same name.
    """
    record.require_same(split)
    for contender in contenders:
        if contender.takes(split, first_seed):
            found = measure(contender, split, effort)
            record.add(found)
            for outcome in found:
                said = f"AUROC {outcome.figures['auroc']:.3f}" if outcome.figures else outcome.failure
                say(f"{split.group}, {split.data}, seed {split.seed}: {outcome.row}: {said}")
