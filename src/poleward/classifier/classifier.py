"""The scikit-learn classifier."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from poleward.classifier.classes import numbered_labels
from poleward.classifier.fitting import fit_classifier
from poleward.classifier.model import ClassifierModel
from poleward.classifier.settings import ClassifierSettings
from poleward.classifier.storage import load_classifier, save_classifier
from poleward.detector.fitting import Run
from poleward.detector.intake import Intake, names_of
from poleward.detector.settings import resolve_device, seed_of
from poleward.records import Audit, Ranking


class OpenSetClassifier(Intake, ClassNamePrefixFeaturesOutMixin, ClassifierMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Tells classes apart, and says of a sample that is of none of them that it does not know.

    X is what `poleward.Detector` takes: an array, a table with mixed columns, or images. y has a label per sample,
    texts or whole numbers, of 2 to 1,000 classes, all of them of normal samples.

    Parameters
    ----------
    objective : see `objectives.classes.catalogue`: "islands" (a compact island per class), "cross-entropy", ...
    scorer : how far a sample lies from every class: "fused" (the largest logit together with the nearest features, of
        an earlier layer too, and codes of images, or with the Mahalanobis distance of rows), a part of it ("knn",
        "knn-earlier" of images, "knn-codes", "max-logit"), or another score of `poleward.ood`: "energy", "vim", ...
    width : at least 1; channels of the first convolution (images), of the hidden layers (tables)
    epochs : at least 1; None for about 1,500 (images) or 2,000 (tables) steps
    batch_size : at least 1; fewer samples make one batch
    learning_rate : above 0, the largest; None for 0.1 (images, Muon) or 0.001 (tables, Adam)
    augment : images only: whether training shows them shifted, mirrored and with a square cut out
    n_neighbors : at least 1, for scores with neighbours
    alpha : in (0, 1), the expected share of samples of the classes that are not accepted
    calibration_share : in (0, 0.9], of the training data that neither network nor index see, for p-values and
        confidence; None for 0.15, but at most 3,000 samples; one of each class is always trained on
    stretch, nodata, types : as of `poleward.Detector`
    random_state : None, a whole number or a RandomState
    device : "auto", "cpu", "cuda", ...

    Attributes
    ----------
    classes_ : (C,) the labels, sorted
    model_ : the fitted model
    n_features_in_ : columns, or cells of one image

    `score_samples` has scikit-learn's sign: higher is more normal, minus the score of `rank` and of the command line.

    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 9])
    >>> classifier = OpenSetClassifier(epochs=20, alpha=0.05, random_state=0).fit(X, ["low"] * 100 + ["high"] * 100)
    >>> classifier.predict([[0.0, 0.1], [9.0, 8.0]]).tolist()
    ['low', 'high']
    >>> classifier.accepts([[0.0, 0.1], [300.0, -300.0]]).tolist()
    [True, False]
    """

    def __init__(
        self,
        objective: str = "islands",
        scorer: str = "fused",
        width: int | None = None,
        epochs: int | None = None,
        *,
        batch_size: int = 128,
        learning_rate: float | None = None,
        augment: bool = True,
        n_neighbors: int = 50,
        alpha: float = 0.05,
        calibration_share: float | None = None,
        stretch: str = "linear",
        nodata: float | None = None,
        types: dict[str, str] | None = None,
        random_state: Any = None,
        device: str = "auto",
    ) -> None:
        self.objective = objective
        self.scorer = scorer
        self.width = width
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.augment = augment
        self.n_neighbors = n_neighbors
        self.alpha = alpha
        self.calibration_share = calibration_share
        self.stretch = stretch
        self.nodata = nodata
        self.types = types
        self.random_state = random_state
        self.device = device

    def fit(self, X: Any, y: Any = None) -> "OpenSetClassifier":
        """Learn the classes that y names.

        Errors
        ------
        SourceError (a ValueError) for labels or samples that cannot be learned from, among them a single class.
        """
        return self.fit_under(X, y, run=Run())

    def fit_under(
        self, X: Any, y: Any, *, run: Run, axes: str | None = None, ids: Sequence[str] | None = None
    ) -> "OpenSetClassifier":
        """`fit`, watched, with a checkpoint, and stoppable between any two steps.

        axes : of images, "nhw", "nhwb" or "nbhw"; None to tell them from the shape
        ids : (n,) names of the samples, which an audit gives back; row numbers when None
        """
        settings, seed = self.settings(), seed_of(self.random_state)
        with self._refitting():
            kind, data = self._samples(X, reset=True, axes=axes)
            classes, labels = numbered_labels(y)
            check_consistent_length(X, labels)
            self._adopt(fit_classifier(kind, data, classes, labels, settings, seed, run, ids))
        return self

    def settings(self) -> ClassifierSettings:
        """The parameters but random_state, checked without looking at data; SettingError for one not accepted."""
        given = {name: value for name, value in self.get_params().items() if name != "random_state"}
        settings = ClassifierSettings(**given)
        resolve_device(settings.device)
        return settings

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each sample, (n,), whether it is accepted or not."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities (n, C) of the classes, in the order of `classes_`, if each sample is of one of them.

        Their temperature comes from the calibration samples.
        """
        data = self._samples(X)[1]
        return self._fitted().probabilities(data)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Minus the distance from every class, (n,): higher is more normal."""
        data = self._samples(X)[1]
        return -self._fitted().scores(data)

    def p_values(self, X: Any) -> NDArray[np.float64]:
        """Split-conformal p-values, (n,) in [1/(m + 1), 1]; not valid for samples that were trained on.

        A new sample of the classes has a p-value up to alpha with a probability of at most alpha, for every alpha.
        """
        return self._fitted().conformal.p_values(-self.score_samples(X))

    def accepts(self, X: Any) -> NDArray[np.bool_]:
        """Whether each sample is like those of training, (n,): its p-value is above alpha."""
        return np.asarray(-self.score_samples(X) <= self._fitted().threshold)

    def rank(self, X: Any, ids: Any = None, *, alpha: float | None = None) -> Ranking:
        """One line per sample: score, p-value, decision, class, confidence, and whether it was in the training data.

        ids : (n,) names; row numbers when None
        alpha : decide at this level; at the threshold when None
        """
        data = self._samples(X)[1]
        return self._fitted().rank(data, names_of(len(data), ids), alpha)

    def audit(self, X: Any, y: Any = None, ids: Sequence[str] | None = None) -> Audit:
        """Likely wrong labels among those of X, and near copies of the training samples; see `classifier.audit`.

        y : (n,) labels; None for those that the samples were fitted with, where they were
        ids : (n,) names; row numbers when None
        """
        data = self._samples(X)[1]
        names = list(names_of(len(data), ids))
        if y is not None:
            check_consistent_length(data, y)
        return self._fitted().audit(data, names, None if y is None else [str(label) for label in y])

    def transform(self, X: Any) -> NDArray[np.floating[Any]]:
        """Codes (n, k), where the objective places the samples."""
        data = self._samples(X)[1]
        return self._fitted().codes(data)

    def save(self, folder: str | Path) -> None:
        """Write the fitted classifier as a folder of a readable manifest, tensors and arrays, whole or not at all.

        Errors
        ------
        OutputError when the folder cannot be written or holds something else.
        """
        self._fitted()
        place = Path(folder)
        save_classifier(place.resolve() if place.is_symlink() else place, self)

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> "OpenSetClassifier":
        """Read what `save` wrote, without executing anything of it; a model trained on a GPU loads on a CPU.

        Errors
        ------
        ModelError when the folder is missing, foreign, newer, truncated or changed.
        """
        stored = load_classifier(Path(folder), device)
        classifier = cls(**stored.parameters)
        classifier._adopt(stored.model)
        for name, value in stored.attributes.items():
            setattr(classifier, name, value)
        return classifier

    def _adopt(self, model: ClassifierModel) -> None:
        self.model_ = model
        self.classes_ = model.classes
        self._n_features_out = model.facts["n_codes"]

    def _fitted(self) -> ClassifierModel:
        check_is_fitted(self, "model_")
        return self.model_
