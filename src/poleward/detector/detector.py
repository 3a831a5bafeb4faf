"""The scikit-learn outlier estimator."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, OutlierMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from poleward.correction.constraints import Constraints
from poleward.data.samples import Layout
from poleward.detector.forms import like
from poleward.detector.intake import Intake, names_of
from poleward.detector.model import Model
from poleward.detector.raw import Held, Raw
from poleward.detector.recalibration import recalibrated
from poleward.detector.settings import Settings, resolve_device, seed_of
from poleward.detector.stored import load_stored
from poleward.detector.updating import updated
from poleward.records import Correction, Drift, Explanation, Ranking

if TYPE_CHECKING:
    from poleward.detector.fitting import Run


class Detector(Intake, ClassNamePrefixFeaturesOutMixin, TransformerMixin, OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Finds what does not belong: learns normal data with an autoencoder, ranks samples by how far they lie from them.

    X is an array (rows, columns), a pandas, polars or Arrow table with numeric, categorical, boolean and date
    columns, or
    images (n, height, width), (n, height, width, bands) or (n, bands, height, width), as numpy array or torch tensor.
    NaN and missing cells are
    unobserved, never imputed; infinity is an error.

    Parameters
    ----------
    objective : "compressed", "compressed-half", "vmf", "variational", "moments", "norm" or "autoencoder"
    scorer : "fused" (latent neighbours and what suits images or rows, see scoring/catalogue.py); "knn", "knn-sphere",
        "knn-whitened", "knn-local", "mixture", "isolation-forest" on the latent means; "reconstruction",
        "reconstruction-contrast" (images), "norm"; "input-knn", "input-knn-whitened", "input-knn-local",
        "input-knn-weighed", "input-knn-contrast", "input-patches" (these three for images), "input-mixture",
        "input-isolation-forest" on the prepared input
    n_latent : at least 2; None for 128 (images) or 32 (tables)
    epochs : at least 1; None for about 200 (images) or 2,000 (tables) steps, up to 100 epochs
    batch_size : at least 1; fewer samples make one batch
    learning_rate : above 0, of Adam; decays to 0 along half a cosine
    weight : at least 0, of the objective's regulariser beside the reconstruction; None for the objective's own
    schedule : of that weight; None for the objective's own, or "constant", "linear", "cyclical" or "square-root"
    parametrisation : "dimension-free", or "published" for the constants of the papers
    n_neighbors : at least 1, for the scorers with neighbours
    contamination : None when the training data are thought to be normal; 0 when they are known to be, so that rows of a
        rare kind are normal as well; else the share of anomalies in them, up to 0.5, or "auto" to estimate it; a share
        above 0 sets the threshold
    alpha : in (0, 1), level of the threshold without contamination: the expected share of false alarms, for 10 in 1,000
        0.01 or Fraction(10, 1000)
    calibration_share : in (0, 0.9], of the training data that neither network nor index see, for p-values
    stretch : images only: "linear", "percentile" or "asinh", how each band is brought to 0..1
    nodata : images only, native units: a pixel value that means "no measurement"; NaN always does
    types : tables only: {column: "numeric", "categorical", "ordinal", "ordinal:small<large", "date" or "ignore"}, over
        the type found by itself
    correction : whether to learn also how to repair wrong cells or pixels, which `correct` needs; a fit takes longer
    random_state : None, a whole number or a RandomState
    device : "auto", "cpu", "cuda", ...

    Attributes
    ----------
    model_ : the fitted model
    offset_ : float; decision_function = score_samples - offset_
    n_features_in_ : columns, or cells of one image

    Signs are scikit-learn's: score_samples and decision_function are higher for more normal samples, and
    ``score_samples = -score`` of `rank` and of the command line.

    >>> rng = np.random.default_rng(0)
    >>> detector = Detector(scorer="input-knn", epochs=1, random_state=0).fit(rng.normal(size=(200, 2)))
    >>> detector.predict([[0.0, 0.1], [30.0, -30.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        objective: str = "compressed",
        scorer: str = "fused",
        n_latent: int | None = None,
        epochs: int | None = None,
        *,
        batch_size: int = 200,
        learning_rate: float = 1e-3,
        weight: float | None = None,
        schedule: str | None = None,
        parametrisation: str = "dimension-free",
        n_neighbors: int = 3,
        contamination: float | str | None = None,
        alpha: float = 0.01,
        calibration_share: float = 0.15,
        stretch: str = "linear",
        nodata: float | None = None,
        types: dict[str, str] | None = None,
        correction: bool = False,
        random_state: Any = None,
        device: str = "auto",
    ) -> None:
        self.objective = objective
        self.scorer = scorer
        self.n_latent = n_latent
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight = weight
        self.schedule = schedule
        self.parametrisation = parametrisation
        self.n_neighbors = n_neighbors
        self.contamination = contamination
        self.alpha = alpha
        self.calibration_share = calibration_share
        self.stretch = stretch
        self.nodata = nodata
        self.types = types
        self.correction = correction
        self.random_state = random_state
        self.device = device

    def fit(self, X: Any, y: Any = None) -> "Detector":
        """Learn what is normal; y is ignored."""
        from poleward.detector.fitting import Run

        return self.fit_under(X, Run())

    def fit_under(self, X: Any, run: "Run", axes: str | None = None) -> "Detector":
        """`fit`, watched, with a checkpoint, and stoppable between any two steps.

        axes : of images, "nhw", "nhwb" or "nbhw"; None to tell them from the shape
        """
        from poleward.detector.fitting import fit_model

        settings, seed = self.settings(), seed_of(self.random_state)
        with self._refitting():
            kind, data = self._samples(X, reset=True, axes=axes)
            self._adopt(fit_model(kind, data, settings, seed, run))
        return self

    def fit_raw(self, raw: Raw, run: "Run | None" = None) -> "Detector":
        """`fit_under` with samples that may be more than memory holds, as `gathered` gives them (docs/scaling.md)."""
        from poleward.detector.fitting import fit_model

        settings, seed = self.settings(), seed_of(self.random_state)
        with self._refitting():
            known = self._remembered(raw)
            self._adopt(fit_model(known.kind, known, settings, seed, run))
        return self

    def help_fit(self, raw: Raw, run: "Run") -> None:
        """Train together with the process of the same team that fits to the same samples; nothing is kept here."""
        from poleward.detector.fitting import ready_to_train

        settings, seed = self.settings(), seed_of(self.random_state)
        with self._refitting():
            known = self._remembered(raw)
            ready_to_train(known.kind, known, settings, seed).train(settings, run)

    def _remembered(self, raw: Raw) -> Raw:
        if isinstance(raw, Held):
            return Held(*self._samples(raw.data, reset=True, axes="nhwb"))
        self._samples(next(iter(raw.pieces())), reset=True, axes="nhwb")
        return raw

    def recalibrate(self, X: Any) -> "Detector":
        """Take p-values and threshold, at alpha, from new samples X that are all normal; nothing is trained again.

        Samples that were trained on are left out; ``model_.facts["n_trained_on"]`` counts them.

        Errors
        ------
        SourceError when none is left.
        """
        return self.recalibrate_on([self._samples(X)[1]])

    def recalibrate_on(self, batches: Iterable[Any]) -> "Detector":
        """`recalibrate` with samples as `raw` gives them, in as many batches as one likes."""
        self._adopt(recalibrated(self._fitted(), batches, self.settings().alpha))
        return self

    def update(self, X: Any) -> "Detector":
        """Add X, confirmed normal samples, to what the scorer compares with; nothing is trained again.

        Errors
        ------
        SourceError when none is new to the model.
        """
        return self.update_with([self._samples(X)[1]])

    def update_with(self, batches: Iterable[Any]) -> "Detector":
        """`update` with samples as `raw` gives them, in as many batches as one likes."""
        self._adopt(updated(self._fitted(), batches))
        return self

    def settings(self) -> Settings:
        """The parameters but random_state, checked without looking at data; SettingError for one not accepted."""
        settings = Settings(**{name: value for name, value in self.get_params().items() if name != "random_state"})
        settings.build_objective()
        resolve_device(settings.device)
        return settings

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Minus the anomaly score, (n,): higher is more normal."""
        return -self._fitted().scores(self._samples(X)[1])

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """score_samples - offset_, (n,): negative for anomalies."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """-1 for anomalies, 1 for the rest, (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> NDArray[np.float64]:
        """Split-conformal p-values, (n,) in [1/(m + 1), 1]; not valid for samples that were trained on.

        A new normal sample has a p-value up to alpha with a probability of at most alpha, for every alpha.
        """
        return self._fitted().conformal.p_values(-self.score_samples(X))

    def rank(self, X: Any, ids: Any = None, *, alpha: float | None = None, fdr: float | None = None) -> Ranking:
        """One line per sample: score, p-value, decision, and whether it was in the training data.

        ids : (n,) names; row numbers when None
        alpha, fdr : decide at this level, or at this false discovery rate among X; at the threshold when both are None
        """
        data = self._samples(X)[1]
        return self._fitted().rank(data, names_of(len(data), ids), alpha, fdr)

    def drift(self, X: Any, *, number: int = 1, alpha: float = 0.01) -> Drift:
        """Whether X, as a whole, has moved away from the calibration samples, and in which columns or bands.

        number : of this batch among all that are compared, from 1; later ones are judged more strictly, so that the
            chance of any false alarm, ever, is at most alpha
        """
        return self._fitted().drift(self._samples(X)[1], number, alpha)

    def explain(self, X: Any) -> Explanation:
        """Why each sample has its score: contributions of its cells that sum to it, the nearest training samples, and
        the angles of its code that moved; a table's contributions by column, images' in the layout of X."""
        from poleward.detector.explanation import explain

        kind, data = self._samples(X)
        found = explain(self._fitted(), data)
        if kind == "table":
            return found
        return replace(found, contributions=Layout.of(X.shape).restore(found.contributions))

    def correct(self, X: Any, constraints: Constraints | None = None) -> Correction:
        """X with its wrong cells repaired, in its own form, and what was done: see `Correction`.

        Cells that are not in the mask are the very same values; a tensor comes back as an array.

        Errors
        ------
        SchemaError for samples that are not like those of training; SourceError for one that holds no value at all;
        SettingError for constraints that do not fit X.
        """
        kind, data = self._samples(X)
        correction = self._fitted().correct(data, names_of(len(data)), constraints or Constraints())
        if kind == "images":
            return replace(correction, data=Layout(str(self.layout_)).restore(correction.data))
        return replace(correction, data=like(X, correction.data, correction.mask))

    def transform(self, X: Any) -> NDArray[np.floating[Any]]:
        """Latent means, (n, n_latent)."""
        return self._fitted().codes(self._samples(X)[1])

    def inverse_transform(self, codes: Any) -> Any:
        """What the decoder expects of latent points (n, n_latent): images in the layout of X, an array for an array, an
        Arrow table for a table."""
        return self._restored(self._fitted().decode(np.asarray(codes)))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """New data from the latent island, in the form of `inverse_transform`."""
        return self._restored(self._fitted().sample(n_samples, seed_of(random_state)))

    def save(self, folder: str | Path) -> None:
        """Write the fitted detector as a folder of a readable manifest, tensors and arrays, whole or not at all.

        Errors
        ------
        OutputError when the folder cannot be written or holds something else.
        """
        from poleward.detector.storage import save_model

        self._fitted()
        place = Path(folder)
        save_model(place.resolve() if place.is_symlink() else place, self)

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> "Detector":
        """Read what `save` or ``poleward export`` wrote, without executing anything of it; a model trained on a GPU
        loads on a CPU. What was exported needs onnxruntime and no torch.

        Errors
        ------
        ModelError when the folder is missing, foreign, newer, truncated or changed.
        """
        stored = load_stored(Path(folder), device)
        detector = cls(**stored.parameters)
        detector._adopt(stored.model)
        for name, value in stored.attributes.items():
            setattr(detector, name, value)
        return detector

    def _adopt(self, model: Model) -> None:
        self.model_ = model
        self.offset_ = (
            -model.threshold
        )  # the one place where the sign turns: scores grow with anomaly, scikit-learn's fall
        self._n_features_out = model.ranker.network.n_latent

    def _fitted(self) -> Model:
        check_is_fitted(self, "model_")
        return self.model_

    def _restored(self, data: Any) -> Any:
        if self.layout_:
            return Layout(self.layout_).restore(data)
        if self.named_:
            return data
        return np.column_stack([column.to_numpy() for column in data.columns])
