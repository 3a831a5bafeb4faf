"""What the rooms hand each other: frozen records of numpy arrays and plain values, without behaviour of their own.

Shapes: ``n`` samples, ``*shape`` one prepared sample ((columns,) for a table, (bands, height, width) for images),
``d`` its number of cells, ``k`` latent dimensions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Block:
    """A run of neighbouring cells of one prepared sample that one likelihood explains.

    A numeric column or an image band is ``"numeric"``; a one-hot coded column is ``"categorical"``.
    ``start`` and ``width`` count cells along the first axis of ``*shape``.
    """

    name: str
    kind: str
    start: int
    width: int


@dataclass(frozen=True)
class Features:
    """Prepared samples: what networks and raw-input scorers see.

    values : (n, *shape) float; an unobserved cell holds its column's or band's centre
    observed : (n, *shape) bool, or None when every cell was observed
    labels : (n,) class of each sample, 0 .. C - 1, or None where there are no classes
    """

    values: NDArray[np.floating[Any]]
    observed: NDArray[np.bool_] | None = None
    labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> "Features":
        observed = None if self.observed is None else self.observed[rows]
        return Features(self.values[rows], observed, None if self.labels is None else self.labels[rows])


@dataclass(frozen=True)
class Encoded:
    """What the trained autoencoder says of n samples; the only thing a scorer sees.

    A field that the scorer did not ask for is None.

    inputs : (n, d) prepared samples, flattened
    observed : (n, d) bool, or None when every cell was observed
    means, log_variances : (n, k) of the posterior q(z | x)
    reconstructions : (n, d) decoded from the posterior mean
    """

    inputs: NDArray[np.floating[Any]] | None = None
    observed: NDArray[np.bool_] | None = None
    means: NDArray[np.floating[Any]] | None = None
    log_variances: NDArray[np.floating[Any]] | None = None
    reconstructions: NDArray[np.floating[Any]] | None = None

    def __len__(self) -> int:
        return max((len(array) for array in vars(self).values() if array is not None), default=0)

    def take(self, rows: Any) -> "Encoded":
        """The given samples."""
        return Encoded(**{name: array[rows] for name, array in vars(self).items() if array is not None})


@dataclass(frozen=True)
class Ranking:
    """One line per sample, in the order of the source; the columns of ``poleward score``.

    score : higher is more anomalous
    p_value : split-conformal, in [1/(m + 1), 1] for m calibration samples
    is_anomaly : p_value at most the level asked for, or a discovery at the rate asked for
    in_training : the sample's content was part of the data given to ``fit``
    label : of a classifier, the likeliest class, as text; the column ``class``
    confidence : of a classifier, the probability of that class if the sample is of any, in [1/C, 1]
    """

    id: Sequence[str]
    score: NDArray[np.float64]
    p_value: NDArray[np.float64]
    is_anomaly: NDArray[np.bool_]
    in_training: NDArray[np.bool_]
    label: Sequence[str] | None = None
    confidence: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class LabelDoubt:
    """A label that the network and the sample's neighbours speak against.

    probability : that the label is wrong, in [0, 1]
    agreement : what they give to the label, of 1 over all classes
    """

    id: str
    label: str
    suggested: str
    probability: float
    agreement: float


@dataclass(frozen=True)
class NearCopy:
    """A sample that is the same as one given to ``fit``, or nearly.

    copy_of : the other one's id
    distance : root mean squared difference of their cells, in prepared units; an estimate beyond 64 cells
    exact : whether every prepared value is the same
    """

    id: str
    copy_of: str
    distance: float
    exact: bool


@dataclass(frozen=True)
class Audit:
    """What may be wrong with labelled samples.

    doubts : labels that may be wrong, each with its probability
    copies : pairs of a sample and one given to ``fit`` that is the same, or nearly
    n_labelled : samples whose label is known and of a class of training
    """

    doubts: Sequence[LabelDoubt]
    copies: Sequence[NearCopy]
    n_labelled: int


@dataclass(frozen=True)
class Evaluation:
    """How well a score separates known anomalies from known normals (all in [0, 1]).

    fpr95 : share of the anomalies accepted at the threshold that accepts 95 % of the normals (normal is positive)
    fpr95_ood_positive : share of the normals flagged at the threshold that flags 95 % of the anomalies
    precision_at : {100: share of anomalies among the 100 highest scores}
    """

    n_normal: int
    n_anomalous: int
    auroc: float
    average_precision: float
    fpr95: float
    fpr95_ood_positive: float
    precision_at: Mapping[int, float]


@dataclass(frozen=True)
class Change:
    """One cell of a table that is believed wrong, and what is put in its place.

    row : from 0, in the order of the source
    old, new : in the column's own type; None for a missing cell
    probability : that the old value is wrong, in [0, 1]
    score_before, score_after : of the whole row, with all its old and with all its new values
    """

    row: int
    id: str
    column: str
    old: Any
    new: Any
    probability: float
    score_before: float
    score_after: float


@dataclass(frozen=True)
class Correction:
    """Corrected samples, and what was done to them.

    data : in the form that the samples came in; whatever is not in ``mask`` is unchanged
    mask : (n, columns) or (n, height, width, bands) bool, the cells that were changed
    probability : same shape, that a cell is wrong, in [0, 1]
    score_before, score_after : (n,) higher is more anomalous
    changes : of a table, one line per changed cell, by row and then by column; () for images
    """

    data: Any
    mask: NDArray[np.bool_]
    probability: NDArray[np.floating[Any]]
    score_before: NDArray[np.float64]
    score_after: NDArray[np.float64]
    changes: Sequence[Change] = ()


@dataclass(frozen=True)
class Explanation:
    """Why n samples have their scores.

    score : (n,) higher is more anomalous
    contributions : (n, columns), or images in the layout of the samples, one for each band of each pixel; they sum to
        the score, and those of unobserved cells are 0
    columns : of a table, in the order of the contributions; () for images
    nearest : (n, m) rows, from 0, of the data given to ``fit``: the training samples that the scorer found nearest, the
        nearest first; samples that were added later are counted on from there; m is 0 for a scorer that keeps no
        training samples
    distances : (n, m) to these, as the scorer measures them
    cosines : (n, k - 1) cos phi_k of each code
    moved : (n, k - 1) the same in standard deviations from their mean over codes of the training samples; the largest
        in absolute value are the angles that moved
    """

    score: NDArray[np.float64]
    contributions: NDArray[np.float64]
    columns: Sequence[str]
    nearest: NDArray[np.int64]
    distances: NDArray[np.float64]
    cosines: NDArray[np.float64]
    moved: NDArray[np.float64]


@dataclass(frozen=True)
class Drift:
    """Whether a batch of samples has moved away from what calibration has seen.

    number : of the batch, from 1
    level : alpha_t, of which half is for the scores and half for the columns
    p_value : of the scores, in (0, 1]
    column_p_values : of every column, or of mean and spread of every band, adjusted for their number
    moved : those up to half of the level
    has_moved : by its scores or in any column
    """

    number: int
    n_samples: int
    level: float
    p_value: float
    column_p_values: Mapping[str, float]
    moved: Sequence[str]
    has_moved: bool


@dataclass(frozen=True)
class CellEvidence:
    """One cell of a table row beside what the model expected of it.

    share : this cell's part of the row's reconstruction error, in [0, 1]
    contribution : its part of the row's score, with a sign; 0 when no explanation was asked for
    """

    column: str
    value: str
    expected: str
    share: float
    contribution: float = 0.0


@dataclass(frozen=True)
class Example:
    """One ranked sample as a report shows it.

    image, reconstruction : (height, width, bands) in the source's own units, or None for a table row
    residual : (height, width) root mean squared error over bands, in prepared units, or None
    cells : the table row's cells, worst first, or ()
    contributions : (height, width) parts of the score that the pixels have, summed over bands, or None
    nearest : (row of the training data, distance) of the nearest training samples, the nearest first, or ()
    moved : (number of the angle from 1, its cosine, standard deviations from training) of the angles that moved most
    label : what the truth says of it, or None
    """

    id: str
    rank: int
    score: float
    p_value: float
    is_anomaly: bool
    in_training: bool
    label: str | None = None
    image: NDArray[Any] | None = None
    reconstruction: NDArray[Any] | None = None
    residual: NDArray[np.floating[Any]] | None = None
    cells: Sequence[CellEvidence] = ()
    contributions: NDArray[np.floating[Any]] | None = None
    nearest: Sequence[tuple[int, float]] = ()
    moved: Sequence[tuple[int, float, float]] = ()


@dataclass(frozen=True)
class LatentPoints:
    """Some of the ranked samples, as the report draws them on the sphere.

    codes : (m, k) latent means
    cosines : (m, k - 1) of their angles
    scores : (m,)
    classes : what they can be coloured by beside the score, name -> (m,) values
    n_samples : of how many they were drawn
    name : whose codes these are
    """

    ids: Sequence[str]
    codes: NDArray[np.floating[Any]]
    cosines: NDArray[np.floating[Any]]
    scores: NDArray[np.float64]
    classes: Mapping[str, Sequence[str]]
    n_samples: int
    name: str = "Ranked samples"


@dataclass(frozen=True)
class ReportContents:
    """All that a report page shows.

    facts : (name, value) pairs: what the data and the model were
    scores, calibration_scores : (n,), (m,) of the ranked and of the calibration samples
    threshold : score at and above which a sample is called an anomaly; ``alpha`` is its level
    threshold_from : what set it: "alpha"; or "contamination" or "hand", where alpha is what calibration says of it
    history : training curves, name -> one value per epoch
    examples : the most anomalous samples, worst first
    typical : some ordinary ones, for the eye to compare with
    points : of the latent sphere, or None
    beside : the same samples as another model places them, or None
    thumbnails : (m, side, side, 3) uint8, of the most anomalous images, worst first, or None
    """

    title: str
    facts: Sequence[tuple[str, str]]
    scores: NDArray[np.float64]
    calibration_scores: NDArray[np.float64]
    threshold: float
    alpha: float
    history: Mapping[str, Sequence[float]]
    examples: Sequence[Example]
    typical: Sequence[Example] = ()
    evaluation: Evaluation | None = None
    labels: NDArray[np.bool_] | None = None
    warnings: Sequence[str] = field(default_factory=tuple)
    threshold_from: str = "alpha"
    points: LatentPoints | None = None
    beside: LatentPoints | None = None
    thumbnails: NDArray[np.uint8] | None = None
