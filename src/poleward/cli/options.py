"""Options that several commands share: which samples of a source are meant, and how its files are read."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from poleward.errors import OutputError, SettingError, SourceError

if TYPE_CHECKING:
    from poleward.data.classes import Classes
    from poleward.data.reading import Reading
    from poleward.data.selection import Selection
    from poleward.data.source import Source

WHICH = "Which samples"
HOW = "How files are read"

Model = Annotated[Path, typer.Argument(help="Folder that `poleward fit --out` wrote.", show_default=False)]
SourcePath = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="Folder of images, or a csv, tsv, parquet, npy, npz or zarr; also at an address, s3://...",
        show_default=False,
    ),
]
Device = Annotated[str, typer.Option(help='Where to compute: "auto", "cpu", "cuda", ...')]
Alpha = Annotated[
    float | None,
    typer.Option(help="Call a sample an anomaly at a p-value up to this; the model's own level when left out."),
]
Alarms = Annotated[
    str | None,
    typer.Option(
        metavar="ALARMS/ROWS",
        help="The same said in another way: the false alarms to expect, for example 10/1000, ten in a thousand normal"
        " samples.",
    ),
]

Labels = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|COLUMN|folders",
        help="The class of each sample: a csv or parquet file (id, label), a column of SOURCE or of its catalogue, an"
        " array of the npz, or the names of the folders that the images lie in.",
        show_default=False,
    ),
]


def asked_level(alpha: float | None, alarms: str | None, fdr: float | None = None) -> float | None:
    """The level that --alpha or --alarms ask for, None for neither; SettingError for more than one of all three.

    >>> asked_level(None, "10/1000")
    0.01
    """
    from poleward.calibration.alarms import parse_alarms

    said = {"--alpha": alpha, "--alarms": alarms, "--fdr": fdr}
    named = [name for name, value in said.items() if value is not None]
    if len(named) > 1:
        raise SettingError(f"{' and '.join(named)} were both said; a decision is taken at one of them")
    return alpha if alarms is None else float(parse_alarms(alarms))


def _config(context: Any, path: Path | None) -> Path | None:
    """Options from a TOML file become the command's defaults."""
    if path is not None:
        known = {name for option in context.command.params for name in (option.name, *option.opts) if name}
        context.default_map = {**(context.default_map or {}), **read_config(path, known)}
    return path


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=_config,
        is_eager=True,
        help='TOML file with options of this command, for example `objective = "vmf"`; the command line comes first.',
    ),
]


@dataclass(frozen=True)
class SourceOptions:
    """What the shared options say, as given on the command line."""

    ids: Annotated[
        Path | None, typer.Option(help="Only the ids in this file, one a line or a column `id`.", rich_help_panel=WHICH)
    ] = None
    limit: Annotated[int | None, typer.Option(help="At most so many.", min=1, rich_help_panel=WHICH)] = None
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Only samples whose column has this value; may be repeated. For images, columns of the catalogue.",
            rich_help_panel=WHICH,
        ),
    ] = None
    catalogue: Annotated[
        Path | None,
        typer.Option(
            help="Table about the images of a folder; found by itself when it is the only one in or beside the folder.",
            rich_help_panel=WHICH,
        ),
    ] = None
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Only these columns of a table.", rich_help_panel=WHICH)
    ] = None
    exclude: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="All columns but these.", rich_help_panel=WHICH)
    ] = None
    id_column: Annotated[
        str | None,
        typer.Option(help="Column that names the samples; row numbers when left out.", rich_help_panel=WHICH),
    ] = None
    array: Annotated[
        str | None, typer.Option(help="Which array of an npz, or image column of a parquet.", rich_help_panel=HOW)
    ] = None
    resize: Annotated[
        str | None,
        typer.Option(metavar="HEIGHTxWIDTH", help="Resample every image to this many pixels.", rich_help_panel=HOW),
    ] = None
    nodata: Annotated[
        float | None, typer.Option(help="Pixel value that means no measurement; NaN always does.", rich_help_panel=HOW)
    ] = None
    on_error: Annotated[
        str, typer.Option(metavar="stop|skip", help="What a damaged image does.", rich_help_panel=HOW)
    ] = "stop"

    def selection(self) -> "Selection":
        """Which samples are meant."""
        from poleward.data.selection import Selection, parse_where, read_ids

        return Selection(
            ids=None if self.ids is None else read_ids(self.ids),
            limit=self.limit,
            where=tuple(parse_where(text) for text in self.where or ()),
            columns=names(self.columns),
            exclude=names(self.exclude),
            id_column=self.id_column,
            catalogue=self.catalogue,
        )

    def reading(self) -> "Reading":
        """How files become arrays."""
        from poleward.data.reading import Reading, parse_size

        return Reading(
            resize=None if self.resize is None else parse_size(self.resize),
            nodata=self.nodata,
            on_error=self.on_error,  # type: ignore[arg-type]
            array=self.array,
        )

    def open(self, path: Path) -> "Source":
        """The source, with what was selected of it."""
        from poleward.data.source import open_source

        return open_source(path, selection=self.selection(), reading=self.reading())

    def named_as_trained(self, facts: Mapping[str, Any], path: Path) -> "SourceOptions":
        """These options, samples named by the column of training where the source has it and none is said here."""
        named = replace(self, id_column=self.id_column or facts.get("id_column"))
        if named == self:
            return self
        try:
            named.open(path)
        except SourceError:  # has no such column; whatever else is wrong is said when it is opened
            return self
        return named

    def as_trained(self, facts: Mapping[str, Any]) -> "SourceOptions":
        """These options, images resampled and masked as they were for training unless it is said here how."""
        read = facts.get("reading", {})
        return replace(
            self,
            resize=self.resize if self.resize is not None else read.get("resize"),
            nodata=self.nodata if self.nodata is not None else read.get("nodata"),
        )


def require_other(source: Path, out: Path, what: str = "--out") -> None:
    """OutputError where an output would overwrite the source itself.

    what : is to be chosen anew
    """
    if out.exists() and source.exists() and out.samefile(source):
        raise OutputError(f"{out}: is the source itself; choose another {what}")


def read_labels(labels: str, source: Path, options: SourceOptions) -> "Classes":
    """The class of each sample that is meant, as --labels says it."""
    from poleward.data.classes import read_classes

    return read_classes(labels, source, options.selection(), options.reading())


def with_source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes ``options: SourceOptions`` one command line option for each of its fields."""
    own = dict(inspect.signature(command).parameters)
    own.pop("options")
    shared = inspect.signature(SourceOptions).parameters
    hints = get_type_hints(command, include_extras=True) | get_type_hints(SourceOptions, include_extras=True)

    @wraps(command)
    def called(**given: Any) -> None:
        options = SourceOptions(**{name: given.pop(name) for name in shared})
        command(**given, options=options)

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
        for name, parameter in {**own, **shared}.items()
    ]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def names(text: str | None) -> tuple[str, ...]:
    """Names between commas.

    >>> names("a, b")
    ('a', 'b')
    """
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def parse_types(text: str | None) -> dict[str, str] | None:
    """Column types from COLUMN=TYPE between commas; None when nothing is given.

    >>> parse_types("code=categorical,day=date")
    {'code': 'categorical', 'day': 'date'}
    """
    if text is None:
        return None
    pairs = [part.rpartition("=") for part in names(text)]
    if not all(column and kind for column, _, kind in pairs):
        raise SettingError(f"--types is {text!r}; write it as COLUMN=TYPE,COLUMN=TYPE, for example code=categorical")
    return {column: kind for column, _, kind in pairs}


def read_config(path: Path, known: set[str]) -> dict[str, Any]:
    """Options of a TOML file, with underscores for hyphens; SettingError for one that the command does not have."""
    import tomllib

    try:
        with path.open("rb") as file:
            given = tomllib.load(file)
    except OSError as error:
        raise SettingError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: is not TOML ({error})") from error
    options = {name.replace("-", "_"): value for name, value in given.items()}
    unknown = [name for name in options if name not in known]
    if unknown:
        raise SettingError(f"{path}: this command has no option {', '.join(unknown)}")
    return options
