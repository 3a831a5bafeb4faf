"""The report: one self-contained HTML page that needs no network; without scripts only its sphere is missing."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from poleward.geometry.picture import BLOCKS
from poleward.records import CellEvidence, Evaluation, Example, LatentPoints, ReportContents
from poleward.report import sphere
from poleward.report.angles import chart
from poleward.report.charts import curve, histogram, number
from poleward.report.thresholds import LEVELS, Threshold, thresholds
from poleward.report.thumbnails import LARGEST_SIDE, colours, display_range, heat, png_uri
from poleward.report.wall import sheets

CELLS_SHOWN = 8
RESIDUAL_PERCENTILE = 99.5

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What the page may load: nothing but what stands in it."""


@dataclass(frozen=True)
class Figure:
    """A number of the page, its name, and what it means in plain words."""

    value: str
    name: str
    meaning: str


@dataclass(frozen=True)
class Picture:
    """One picture of a card; ``alt`` says it to who cannot see it."""

    caption: str
    uri: str
    alt: str
    is_small: bool


@dataclass(frozen=True)
class Card:
    """One sample as the page shows it."""

    example: Example
    score: str
    p_value: str
    pictures: Sequence[Picture]
    cells: Sequence["CellLine"]
    rest: str
    nearest: Sequence[tuple[str, str]]
    moved: Sequence[tuple[int, str, str]]


@dataclass(frozen=True)
class CellLine:
    """One cell of a row: its contribution as text, and as the length of a bar in percent of the card's longest."""

    column: str
    value: str
    expected: str
    contribution: str
    length: float
    lowers: bool


_ENVIRONMENT = Environment(
    loader=PackageLoader("poleward", "report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(contents: ReportContents) -> str:
    """Write the report as one HTML page.

    Every text from the data (ids, labels, columns, facts) is escaped, and the page's own policy forbids the network and
    every script but that of the sphere. What UTF-8 cannot write, such as half a surrogate pair in a file name, becomes
    ``?``.

    contents : what to show; every array in the order of the ranked samples
    returns : the page, which starts with ``<!doctype html>``
    """
    samples = [*contents.examples, *contents.typical]
    top = residual_top(samples)
    n_calibration = len(contents.calibration_scores)
    latent = [points for points in (contents.points, contents.beside) if points is not None]
    latent = [] if any(points.codes.shape[1] < BLOCKS for points in latent) else latent
    html = _ENVIRONMENT.get_template("page.html.j2").render(
        contents=contents,
        policy=POLICY if not latent else f"{POLICY}; script-src {sphere.script_source()}",
        thresholds=[_told(threshold) for threshold in thresholds(contents)],
        strictest=number(1000 / (n_calibration + 1), 2) if LEVELS[0] * (n_calibration + 1) < 1 else None,
        sphere=_sphere(latent) if latent else None,
        angles=[chart(f"Angles: {points.name}", points.cosines) for points in latent],
        latent=latent[0] if latent else None,
        sheets=[] if contents.thumbnails is None else list(sheets(contents.thumbnails)),
        headline=headline(contents),
        evaluation=list(evaluation_figures(contents.evaluation)) if contents.evaluation else [],
        histogram=histogram(score_groups(contents), contents.threshold),
        curves=[(name, curve(name, values)) for name, values in contents.history.items()],
        notes=list(picture_notes(samples, top)),
        ramp=png_uri(heat(np.linspace(0.0, 1.0, LARGEST_SIDE)[None], 1.0)) if _residuals(samples) else None,
        top=number(top, 3),
        examples=[card(example, top, n_calibration) for example in contents.examples],
        typical=[card(example, top, n_calibration) for example in contents.typical],
        n_calibration=n_calibration,
        cells_shown=CELLS_SHOWN,
    )
    return html.encode("utf-8", "replace").decode("utf-8")


def headline(contents: ReportContents) -> list[Figure]:
    """Return how many samples were ranked, how many were flagged, and where the threshold lies."""
    n, flagged = len(contents.scores), int(np.count_nonzero(contents.scores >= contents.threshold))
    by_alpha = contents.threshold_from == "alpha"
    return [
        Figure(f"{n:,}", "samples ranked", "Each by itself, from the most to the least anomalous."),
        Figure(
            f"{flagged:,}",
            f"flagged at alpha = {number(contents.alpha)}" if by_alpha else "flagged above the threshold",
            f"{percent(flagged / max(n, 1))} of the samples. {'About' if by_alpha else 'Up to'} "
            f"{number(contents.alpha * n, 3)} would be flagged by chance if every sample were normal.",
        ),
        Figure(_threshold_value(contents.threshold), "score threshold", _threshold_meaning(contents)),
    ]


def _threshold_value(threshold: float) -> str:
    return number(threshold) if math.isfinite(threshold) else "none"


def _threshold_meaning(contents: ReportContents) -> str:
    m = len(contents.calibration_scores)
    if math.isinf(contents.threshold):
        return f"No score can be flagged: {m:,} calibration samples are too few for alpha = {number(contents.alpha)}."
    by_alpha = (
        f"Set on {m:,} calibration samples that the model was not trained on; at and above it a sample is flagged."
    )
    level = f"by {m:,} calibration samples, up to {number(1000 * contents.alpha, 3)} in 1,000 normal samples lie above."
    return {
        "alpha": by_alpha,
        "contamination": f"Set by the share of anomalies in the training data; {level}",
        "hand": f"Set by hand; {level}",
    }[contents.threshold_from]


def _told(threshold: Threshold) -> Mapping[str, Any]:
    return {
        "alarms": number(1000 * threshold.level, 3),
        "score": number(threshold.score) if math.isfinite(threshold.score) else "none",
        "flagged": f"{threshold.n_flagged:,}",
        "found": None if threshold.n_found is None else f"{threshold.n_found:,}",
        "is_own": threshold.is_own,
    }


def _sphere(latent: Sequence[LatentPoints]) -> str:
    clouds = [sphere.Cloud(points.name, points.codes, points.scores) for points in latent]
    return sphere.fragment(clouds, latent[0].ids, latent[0].classes)


def evaluation_figures(evaluation: Evaluation) -> Iterator[Figure]:
    """Yield the figures that labels make possible, each with its meaning."""
    prevalence = evaluation.n_anomalous / max(evaluation.n_normal + evaluation.n_anomalous, 1)
    yield Figure(
        _ratio(evaluation.auroc),
        "AUROC",
        "Chance that an anomaly scores higher than a normal sample. Guessing gives 0.5, perfect is 1.",
    )
    yield Figure(
        _ratio(evaluation.average_precision),
        "Average precision",
        "Precision averaged while going down the ranking until every anomaly is found. "
        f"Guessing gives about {number(prevalence, 2)}, perfect is 1.",
    )
    yield Figure(
        _ratio(evaluation.fpr95),
        "FPR95 (normal is positive)",
        "Share of the anomalies missed at the threshold that accepts 95 % of the normal samples. Lower is better.",
    )
    yield Figure(
        _ratio(evaluation.fpr95_ood_positive),
        "FPR95 (anomaly is positive)",
        "Share of the normal samples flagged at the threshold that flags 95 % of the anomalies. Lower is better.",
    )
    for count, precision in evaluation.precision_at.items():
        meaning = f"Share of anomalies among the {count:,} highest scores. Higher is better."
        yield Figure(_ratio(precision), f"Precision among the first {count:,}", meaning)


def _ratio(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "not defined"


def percent(share: float) -> str:
    """Write a share in percent.

    share : in [0, 1]

    >>> percent(0.125), percent(1.0)
    ('12.5 %', '100 %')
    """
    return f"{number(100 * share, 3)} %"


def score_groups(contents: ReportContents) -> Mapping[str, NDArray[np.float64]]:
    """Return the scores that the histogram sets side by side, by name."""
    calibration = {"Calibration samples": contents.calibration_scores}
    if contents.labels is None:
        return calibration | {"Ranked samples": contents.scores}
    return calibration | {
        "Ranked samples labelled normal": contents.scores[~contents.labels],
        "Ranked samples labelled anomalous": contents.scores[contents.labels],
    }


def p_value_text(p_value: float, n_calibration: int) -> str:
    """Write a conformal p-value; the smallest possible one, 1 / (m + 1), only bounds it.

    p_value : in (0, 1]
    n_calibration : m, the number of calibration samples

    >>> p_value_text(0.25, 499), p_value_text(1 / 500, 499)
    ('p = 0.25', 'p ≤ 0.002')
    """
    smallest = 1 / (n_calibration + 1)
    if p_value <= smallest * (1 + 1e-9):
        return f"p ≤ {number(smallest, 2)}"
    return f"p = {number(p_value, 2)}"


def card(example: Example, top: float, n_calibration: int) -> Card:
    """Prepare one sample for the page.

    top : residual shown in the last colour of the heat ramp
    """
    p_value = p_value_text(example.p_value, n_calibration)
    return Card(
        example,
        number(example.score),
        p_value,
        list(_pictures(example, top)),
        cell_lines(example.cells[:CELLS_SHOWN]),
        number(math.fsum(cell.contribution for cell in example.cells[CELLS_SHOWN:]), 3),
        [(f"{row:,}", number(distance, 3)) for row, distance in example.nearest],
        [(angle, number(cosine, 2), f"{moved:+.1f}") for angle, cosine, moved in example.moved],
    )


def cell_lines(cells: Sequence[CellEvidence]) -> list[CellLine]:
    """The cells of a row as the page shows them.

    >>> cells = [CellEvidence("a", "9", "0", 1.0, 4.0), CellEvidence("b", "0", "0", 0.0, -1.0)]
    >>> [line.length for line in cell_lines(cells)]
    [100.0, 25.0]
    """
    longest = max((abs(cell.contribution) for cell in cells), default=0.0) or 1.0
    return [
        CellLine(
            cell.column,
            cell.value,
            cell.expected,
            number(cell.contribution, 3),
            100 * abs(cell.contribution) / longest,
            cell.contribution < 0,
        )
        for cell in cells
    ]


def _pictures(example: Example, top: float) -> Iterator[Picture]:
    if example.image is not None:
        low, high = display_range(example.image)
        yield _picture("Image", example, colours(example.image, low, high))
        if example.reconstruction is not None:
            yield _picture("Reconstruction", example, colours(example.reconstruction, low, high))
    if example.residual is not None:
        yield _picture("Residual", example, heat(example.residual, top))
    if example.contributions is not None:
        highest = float(np.percentile(example.contributions, RESIDUAL_PERCENTILE))
        yield _picture("Contribution", example, heat(np.maximum(example.contributions, 0), max(highest, 0) or 1.0))


def _picture(caption: str, example: Example, pixels: NDArray[np.uint8]) -> Picture:
    return Picture(
        caption, png_uri(pixels), f"{caption} of {example.id}", is_small=max(pixels.shape) < LARGEST_SIDE / 2
    )


def _residuals(samples: Iterable[Example]) -> list[NDArray[Any]]:
    return [np.ravel(sample.residual) for sample in samples if sample.residual is not None]


def residual_top(samples: Iterable[Example]) -> float:
    """Return the residual that takes the last colour in every heat map of the page: nearly the largest of all.

    returns : prepared units, above 0; 1 when there is nothing to show
    """
    pooled = np.concatenate([np.empty(0), *_residuals(samples)])
    pooled = pooled[np.isfinite(pooled)]
    return (float(np.percentile(pooled, RESIDUAL_PERCENTILE)) if pooled.size else 0.0) or 1.0


def picture_notes(samples: Sequence[Example], top: float) -> Iterator[str]:
    """Yield what a reader must know to read the cards: bands, stretch, scales, contributions and missing pixels."""
    images = [sample.image for sample in samples if sample.image is not None]
    bands = {image.shape[-1] for image in images}
    if 2 in bands:
        yield "Of two bands, the first is shown as red and the second as green."
    if most := max((count for count in bands if count > 3), default=0):
        yield f"Of {most} bands, the first three are shown as red, green and blue; the score uses all."
    if any(image.dtype != np.uint8 for image in images):
        yield (
            "Each image is stretched by itself, from its 1st (black) to its 99th percentile (white); "
            "its reconstruction is shown with the same two limits."
        )
    if _residuals(samples):
        yield (
            "The residual is the difference between image and reconstruction in the units that the model sees; "
            f"all heat maps share one scale, and what exceeds {number(top, 3)} takes its last colour."
        )
    if any(sample.contributions is not None for sample in samples):
        yield (
            "The contribution says where the score comes from: the pixels' contributions sum to it. Each map has its "
            "own scale, and pixels that lower the score are black."
        )
    if any(sample.cells for sample in samples):
        yield (
            "Expected is what the model makes of the whole row. The contribution of a cell is its part of the score, "
            "and a row's contributions sum to it; an empty bar lowers the score."
        )
    if any(not np.isfinite(image[..., :3]).all() for image in images):
        yield "Pixels without a value are shown in cyan."
