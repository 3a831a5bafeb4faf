"""A saved model as a function from batch to batch, which any engine can send to its workers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from poleward.data.labelled import stacked
from poleward.data.pictures import read_picture
from poleward.data.rankings import SCHEMA, ranking_table
from poleward.data.reading import Reading, parse_size
from poleward.data.samples import arrow_table
from poleward.detector.detector import Detector
from poleward.errors import SchemaError


@dataclass(frozen=True)
class BatchScorer:
    """batch -> ranking of its samples, in their order: the columns of ``poleward score``, in the batch's own form.

    A batch is an Arrow table or record batch, or a pandas data frame. The result depends on nothing but the batch, and
    each sample's line on nothing but the sample, so it does not matter how an engine cuts the data. It is the path of
    the model that travels; a worker reads the model when it meets its first batch, and again when it was replaced.

    Parameters
    ----------
    model : folder that ``poleward fit`` wrote, at the same place for every worker
    id_column : column that names the samples; the model does not see it
    image_column : column with the bytes of one encoded image each, for a model of images
    alpha : level of ``is_anomaly``; None for the model's own threshold
    device : where a worker computes

    Errors
    ------
    ModelError for the model; SchemaError or SourceError for samples that it cannot rank.
    """

    model: str
    id_column: str
    image_column: str | None = None
    alpha: float | None = None
    device: str = "cpu"

    def __call__(self, batch: Any) -> Any:
        """Rank one batch."""
        table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else arrow_table(batch)
        ranked = self._ranked(table)
        if isinstance(batch, pa.RecordBatch):
            return ranked.combine_chunks().to_batches()[0]
        return ranked.to_pandas() if hasattr(batch, "iloc") else ranked

    def each(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Rank one batch after the other: what Spark's mapInPandas and mapInArrow take."""
        return (self(batch) for batch in batches if len(batch))

    def _ranked(self, table: pa.Table) -> pa.Table:
        if not len(table):
            return SCHEMA.empty_table()
        ids = self._column(table, self.id_column).cast(pa.string()).to_pylist()
        detector = model_at(self.model, self.device)
        if self.image_column is None:
            data: Any = table.drop_columns([self.id_column])
        else:
            data = images(self._column(table, self.image_column), ids, detector.model_.facts.get("reading", {}))
        return ranking_table(detector.model_.rank(detector.raw(data), ids, self.alpha))

    def _column(self, table: pa.Table, name: str) -> pa.ChunkedArray:
        if name not in table.column_names:
            raise SchemaError(f"the batch has no column {name!r}; its columns are {', '.join(table.column_names)}")
        return table.column(name)


def images(files: pa.ChunkedArray, ids: list[str], read: dict[str, Any]) -> NDArray[Any]:
    """Encoded images (n, height, width, bands), resampled and masked as they were for training."""
    resize, nodata = read.get("resize"), read.get("nodata")
    reading = Reading(resize=None if resize is None else parse_size(resize), nodata=nodata)
    pictures = [read_picture(file.as_py() or b"", name, reading) for name, file in zip(ids, files, strict=True)]
    return stacked(pictures, Path("the batch"))


def model_at(folder: str, device: str) -> Detector:
    """The detector of a folder, read once by each process unless it was replaced."""
    manifest = Path(folder) / "manifest.json"
    return _model_written(folder, device, manifest.stat().st_mtime_ns if manifest.exists() else 0)


@lru_cache(maxsize=2)
def _model_written(folder: str, device: str, moment: int) -> Detector:
    return Detector.load(folder, device)
