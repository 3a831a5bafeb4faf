"""poleward correct."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poleward.cli.options import HOW, Config, Device, names
from poleward.cli.terminal import progress, say, table, warn
from poleward.errors import SettingError, SourceError

if TYPE_CHECKING:
    from poleward.correction.constraints import Constraints, Mask
    from poleward.data.reading import Reading
    from poleward.data.source import Batch, Source
    from poleward.detector.detector import Detector
    from poleward.records import Correction

Cell = tuple[int, str]
"""Row, from 0, and column."""

SAMPLES_AT_A_TIME = {"images": 256, "table": 4096}
KNOWN = "What is known"


def correct(
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL] SOURCE",
            help="Folder that `poleward fit --out` wrote, and a folder of images or a csv, tsv, parquet, npy or npz "
            "file; SOURCE alone with --apply or --revert.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Where the corrected copy goes, in the form of SOURCE.", show_default=False)
    ],
    patch: Annotated[Path | None, typer.Option(help="Also list the changed cells, .csv; it can be reverted.")] = None,
    apply: Annotated[Path | None, typer.Option(help="Make the changes of this list instead.")] = None,
    revert: Annotated[Path | None, typer.Option(help="Take the changes of this list back instead.")] = None,
    max_changes: Annotated[
        int | None, typer.Option(help="Change at most so many cells, those most surely wrong.", min=0)
    ] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Change only these columns.", rich_help_panel=KNOWN)
    ] = None,
    protect: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Never change these columns.", rich_help_panel=KNOWN)
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            help="Cells known to be wrong or to be trusted: a csv or parquet of id, column, state, "
            "or an npz of the arrays `wrong`, `trusted`.",
            rich_help_panel=KNOWN,
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of what holds in the table: determines, ranges, values, sums.", rich_help_panel=KNOWN
        ),
    ] = None,
    id_column: Annotated[
        str | None, typer.Option(help="Column that names the samples; row numbers when left out.", rich_help_panel=HOW)
    ] = None,
    array: Annotated[str | None, typer.Option(help="Which array of an npz.", rich_help_panel=HOW)] = None,
    nodata: Annotated[
        float | None, typer.Option(help="Pixel value that means no measurement; NaN always does.", rich_help_panel=HOW)
    ] = None,
    device: Device = "auto",
    config: Config = None,
) -> None:
    """Write a copy of SOURCE in which what is surely wrong is repaired and everything else is as it was."""
    only_tables = {"patch": patch, "max-changes": max_changes, "columns": columns, "protect": protect, "rules": rules}
    if apply is not None or revert is not None:
        _refuse({**only_tables, "mask": mask}, "does not go with --apply or --revert, which follow their list")
        _follow(apply, revert, places, out, id_column, array)
        return
    task = _task(places, device, mask, id_column, array, nodata)
    if task.source.kind == "images":
        _refuse(only_tables, f"is about the cells of a table, and {task.path} holds images")
        _correct_images(task, out)
        return
    constraints = _constraints(task, columns, protect, rules)
    chosen = None if max_changes is None else _surest(task, replace(constraints, max_changes=max_changes))
    _correct_table(task, constraints, chosen, out, patch)


@dataclass(frozen=True)
class Task:
    """What is to be corrected, and by what."""

    detector: "Detector"
    path: Path
    source: "Source"
    reading: "Reading"
    id_column: str | None
    mask: "Mask | None"

    def corrections(
        self, constraints: "Constraints", chosen: set[Cell] | None = None
    ) -> Iterator[tuple[int, "Batch", "Correction"]]:
        """Go through the source: (number of the first sample, samples, their correction).

        chosen : only these cells may change; None for all that may
        """
        start, total = 0, self.source.count()
        with progress("correcting") as advance:
            for batch in self.source.batches(SAMPLES_AT_A_TIME[self.source.kind]):
                yield start, batch, self._correction(start, batch, self._of_piece(constraints, start, batch, chosen))
                start += len(batch.ids)
                advance(start, total)
        if self.mask is not None:
            self.mask.finish(start)

    def new_columns(self, batch: "Batch") -> list[str]:
        """Columns of a table that the model has never seen."""
        preparation: Any = self.detector.model_.preparation
        seen = {column.name for column in (*preparation.columns, *preparation.left_out)}
        return [name for name in self.detector.raw(batch.data).column_names if name not in seen]

    def _correction(self, start: int, batch: "Batch", constraints: "Constraints") -> "Correction":
        data: Any = batch.data
        try:
            samples = self.detector.raw(data)
            correction: Correction = self.detector.model_.correct(samples, batch.ids, constraints)
        except SourceError as error:  # rows are counted within a batch
            raise type(error)(f"from sample {batch.ids[0]} on, {error}" if start else str(error)) from error
        if self.source.kind == "images":
            return correction
        # a model of unnamed columns knows them by other names
        named = dict(zip(samples.column_names, data.column_names, strict=True))
        changes = [replace(one, row=start + one.row, column=named[one.column]) for one in correction.changes]
        return replace(correction, changes=changes)

    def _of_piece(
        self, constraints: "Constraints", start: int, batch: "Batch", chosen: set[Cell] | None
    ) -> "Constraints":
        import numpy as np

        data: Any = batch.data
        columns, shape = data.column_names if self.source.kind == "table" else [], data.shape
        if self.mask is not None:
            wrong, trusted = self.mask.piece(start, batch.ids, columns, shape)
            constraints = replace(constraints, wrong=wrong, trusted=trusted)
        if chosen is None:
            return constraints
        may = np.array([[(start + row, name) in chosen for name in columns] for row in range(shape[0])], bool)
        return replace(constraints, trusted=~may, wrong=None if constraints.wrong is None else constraints.wrong & may)


def _task(
    places: Sequence[Path],
    device: str,
    mask: Path | None,
    id_column: str | None,
    array: str | None,
    nodata: float | None,
) -> Task:
    from poleward.correction.constraints import read_mask
    from poleward.data.reading import Reading
    from poleward.data.selection import Selection
    from poleward.data.source import open_source
    from poleward.detector.detector import Detector

    if len(places) != 2:
        raise SettingError(f"{len(places)} places are given; write poleward correct MODEL SOURCE --out FIXED")
    known = None if mask is None else read_mask(mask)
    detector = Detector.load(places[0], device)
    trained = detector.model_.facts.get("reading", {})
    reading = Reading(array=array, nodata=trained.get("nodata") if nodata is None else nodata)
    source = open_source(places[1], selection=Selection(id_column=id_column), reading=reading)
    return Task(detector, places[1], source, reading, id_column, known)


def _constraints(task: Task, columns: str | None, protect: str | None, rules: Path | None) -> "Constraints":
    """What the options say of a table, with rules that have learned from all of it."""
    from poleward.correction.constraints import Constraints
    from poleward.correction.rules import read_rules

    changeable = None if columns is None else names(columns)
    constraints = Constraints(changeable=changeable, protected=names(protect))
    if rules is None:
        return constraints
    batches = task.source.batches(SAMPLES_AT_A_TIME["table"])
    return replace(constraints, rules=read_rules(rules).fit(task.detector.raw(batch.data) for batch in batches))


def _surest(task: Task, constraints: "Constraints") -> set[Cell]:
    """The cells of the whole source that are most surely wrong, as many as may change."""
    changes = (change for _, _, correction in task.corrections(constraints) for change in correction.changes)
    surest = heapq.nlargest(constraints.max_changes or 0, changes, key=lambda one: (one.probability, -one.row))
    return {(change.row, change.column) for change in surest}


def _correct_table(
    task: Task, constraints: "Constraints", chosen: set[Cell] | None, out: Path, patch: Path | None
) -> None:
    from poleward.data.copies import copied
    from poleward.data.patches import forward, in_file, open_patch
    from poleward.data.placement import require_another

    cells: Counter[str] = Counter()
    n_changed = n_rows = n_cells = 0
    new: list[str] = []
    with ExitStack() as opened:
        listed = None if patch is None else opened.enter_context(open_patch(patch))
        copy = opened.enter_context(copied(task.path, out, task.id_column, task.reading.array))
        if patch is not None:
            require_another(patch, task.path, out)
        for start, batch, correction in task.corrections(constraints, chosen):
            exact = copy.replace([forward(change) for change in correction.changes])
            if listed is not None:
                listed.write([in_file(*pair) for pair in zip(correction.changes, exact, strict=True)])
            cells.update(change.column for change in correction.changes)
            n_changed += len({change.row for change in correction.changes})
            n_rows, n_cells = start + len(batch.ids), n_cells + correction.mask.size
            new = task.new_columns(batch)
    share = _share(cells.total(), n_cells)
    say(f"{cells.total():,} cells in {n_changed:,} of {n_rows:,} rows changed ({share}); the copy lies in {out}")
    if new:
        warn(f"not there in training, and left as they are: columns {', '.join(map(repr, new))}")
    if cells:
        lines = [(name, f"{n:,}", _share(n, n_rows)) for name, n in cells.most_common()]
        table("", lines, header=("column", "changed", "of its cells"))


def _correct_images(task: Task, out: Path) -> None:
    import numpy as np

    from poleward.correction.constraints import Constraints
    from poleward.data.retouch import copied_images

    n_images = n_changed = n_pixels = n_all = 0
    with copied_images(task.path, out, task.reading) as copy:
        for start, batch, correction in task.corrections(Constraints()):
            images = np.where(correction.mask, correction.data, batch.data)
            copy.write(start, batch.ids, images, correction.mask)
            pixels = correction.mask.any(axis=-1).reshape(len(images), -1)
            n_images, n_all = start + len(images), n_all + pixels.size
            n_changed += int(pixels.any(axis=1).sum())
            n_pixels += int(pixels.sum())
    share = _share(n_pixels, n_all)
    say(f"{n_pixels:,} pixels in {n_changed:,} of {n_images:,} images changed ({share}); the copies lie in {out}")
    if copy.renamed:
        warn(f"{len(copy.renamed)} JPEG became PNG, as writing a JPEG anew changes all its pixels:")
        for name in copy.renamed:
            warn(f"  {name}")


def _follow(
    apply: Path | None, revert: Path | None, places: Sequence[Path], out: Path, id_column: str | None, array: str | None
) -> None:
    """Make the changes of a list, or take them back."""
    from poleward.data.patches import apply_changes, read_changes
    from poleward.data.placement import require_another

    lists = [path for path in (apply, revert) if path is not None]
    if len(lists) > 1:
        raise SettingError("--apply makes changes and --revert takes them back; choose one")
    if len(places) > 1:
        raise SettingError(f"{len(places)} places are given; --apply and --revert take SOURCE alone, without a model")
    require_another(out, lists[0])
    changes = read_changes(lists[0])
    apply_changes(places[0], changes, out, revert=apply is None, id_column=id_column, array=array)
    n_rows, done = len({change.row for change in changes}), "put back" if apply is None else "changed"
    say(f"{len(changes):,} cells in {n_rows:,} rows {done}; the copy lies in {out}")


def _refuse(given: Mapping[str, Any], why: str) -> None:
    for name, value in given.items():
        if value is not None:
            raise SettingError(f"--{name} {why}; leave it out")


def _share(part: int, whole: int) -> str:
    """Write a share.

    >>> _share(1, 400)
    '0.25 %'
    """
    return f"{100 * part / max(whole, 1):.2g} %"
