"""New images from the latent island of compressed models, beside those from a VAE's prior, and the norm model at work.

Two questions. Are images decoded from the island like real ones, and are they no copies? What does the term of the
norm-regularised autoencoder do while it trains, and what is its figure worth when the epoch is chosen with the labels
of the anomalies that it is judged on, as published, beside the last epoch, which needs none?
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from poleward.benchmark.likeness import Classifier, Components, Nearness, frechet_distance
from poleward.benchmark.measuring import Interval
from poleward.benchmark.record import Figure
from poleward.data.labelled import Labelled
from poleward.data.task import Task
from poleward.detector.construction import build_autoencoder
from poleward.detector.detector import Detector
from poleward.detector.encoding import encode_all
from poleward.detector.fitting import cell_spread, fit_model, prepare, training_plan
from poleward.detector.model import Model
from poleward.detector.samples import Samples
from poleward.metrics.ranking import auroc
from poleward.records import Features
from poleward.scoring.reconstruction import ReconstructionAndNorm
from poleward.training.loop import train

MOST_IMAGES = 10_000
"""Training images, held-out images and made images at most."""

SHOWN = 12
"""Pictures of each kind in the grid."""

MAKERS = {
    "compressed, island": ("compressed", "island"),
    "compressed-half, island": ("compressed-half", "island"),
    "variational, prior": ("variational", "prior"),
    "variational, island": ("variational", "island"),
}
"""Row -> objective, and where codes are drawn: the Gaussian of the training codes, or N(0, I)."""

FEWEST_EPOCHS = 10
"""Of the norm model, so that there are epochs to choose from."""

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Gallery:
    """Real images to learn from and to hold made ones against.

    labels : (n_train,) classes, or None: features are principal components then
    """

    name: str
    train: Images
    held_out: Images
    labels: NDArray[np.int64] | None

    @classmethod
    def of_labelled(cls, name: str, train_set: Labelled, test_set: Labelled, seed: int) -> "Gallery":
        """At most 10,000 images of either part by a seeded draw."""
        rng = np.random.default_rng(seed)
        kept, aside = (rng.permutation(len(part.images))[:MOST_IMAGES] for part in (train_set, test_set))
        return cls(name, train_set.images[kept], test_set.images[aside], train_set.labels[kept])

    @classmethod
    def of_task(cls, name: str, task: Task) -> "Gallery":
        """The training images, and the normal ones of those to judge."""
        return cls(name, task.train, task.test[~task.is_odd], None)


def figures(
    gallery: Callable[[int], Gallery],
    seeds: Sequence[int],
    epochs: int | None,
    out: Path | None,
    say: Callable[[str], None],
) -> Iterator[Figure]:
    """Frechet distance and nearness of every maker, and of held-out images as the best there can be."""
    found: dict[str, list[float]] = {}
    for seed in seeds:
        real = gallery(seed)
        made = {row: make(model, real, way, seed) for row, (way, model) in trained_makers(real, epochs, seed).items()}
        for name, value in likeness(real, made, seed):
            found.setdefault(name, []).append(value)
            say(f"seed {seed}: {name}: {value:.3g}")
        if out is not None and seed == seeds[0]:
            write_grid(out / f"generation-{real.name}.png", [real.held_out, *made.values()])
    for name, values in found.items():
        yield Figure(name, Interval.of_mean(np.array(values)))


def trained_makers(real: Gallery, epochs: int | None, seed: int) -> dict[str, tuple[str, Model]]:
    """Row -> where its codes are drawn, and a model; each objective is trained once."""
    models = {
        objective: fit_model("images", real.train, Detector(objective, "knn", epochs=epochs).settings(), seed)
        for objective in dict.fromkeys(objective for objective, _ in MAKERS.values())
    }
    return {row: (way, models[objective]) for row, (objective, way) in MAKERS.items()}


def make(model: Model, real: Gallery, way: str, seed: int) -> Images:
    """As many new images as there are held-out ones."""
    n = len(real.held_out)
    if way == "island":
        return np.asarray(model.sample(n, seed))
    codes = np.random.default_rng(seed).standard_normal((n, model.ranker.autoencoder.n_latent))
    return np.asarray(model.decode(codes))


def likeness(real: Gallery, made: Mapping[str, Images], seed: int) -> Iterator[tuple[str, float]]:
    """(figure, value): how like the held-out images the made ones are, and how near the training images."""
    eye = (
        Components.trained(real.train, seed)
        if real.labels is None
        else Classifier.trained(real.train, real.labels, seed)
    )
    if isinstance(eye, Classifier):
        yield f"{real.name}, accuracy of the classifier that gives the features", eye.accuracy
    wanted = eye.features(real.held_out)
    half = len(real.train) // 2
    yield (
        f"{real.name}, Frechet distance, real training images",
        frechet_distance(eye.features(real.train[:half]), wanted),
    )
    for row, images in made.items():
        yield f"{real.name}, Frechet distance, {row}", frechet_distance(eye.features(images), wanted)
    for row, images in made.items():
        nearness = Nearness.of(images, real.train, real.held_out)
        yield f"{real.name}, distance to the nearest training image over that of held-out images, {row}", nearness.ratio
        yield f"{real.name}, share nearer to a training image than 99 % of held-out images, {row}", nearness.copies


def write_grid(path: Path, rows: Sequence[Images]) -> None:
    """A PNG with one row of pictures for each kind: held-out ones first, then the makers' in their order."""
    bands = [np.concatenate(list(images[:SHOWN]), axis=1) for images in rows]
    grid = np.concatenate(bands, axis=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid).save(path)


@dataclass(frozen=True)
class Course:
    """One training, epoch by epoch: mean latent norm, and AUROC of error and norm together on labelled samples."""

    norms: list[float]
    aurocs: list[float]


def course(objective: str, task: Task, epochs: int | None, seed: int) -> Course:
    """Train an objective on a task's images and look at it after every epoch."""
    settings = Detector(objective, "norm", epochs=epochs).settings()
    rows = np.arange(len(task.train))
    samples = Samples.of(prepare("images", task.train, rows, settings), task.train)
    plan = training_plan("images", len(rows), settings, seed)
    network = build_autoencoder(samples.preparation, settings, cell_spread(samples, rows, seed)[0], seed)
    judged = samples.preparation.encode(task.test)
    aurocs: list[float] = []

    def look(done: int, total: int) -> None:
        if done % (total // plan.epochs) == 0:
            aurocs.append(_auroc(network, judged, task.is_odd, plan.device))

    history = train(network, samples.load, len(rows), plan, None, look, None)
    return Course(history["latent norm"], aurocs)


def _auroc(network: Any, judged: Features, is_odd: NDArray[np.bool_], device: str) -> float:
    """With the network in evaluation mode, and in training mode again afterwards."""
    fields = frozenset({"inputs", "observed", "means", "reconstructions"})
    network.eval()
    try:
        encoded = encode_all(network, judged.__getitem__, len(judged), "images", fields, device)
    finally:
        network.train()
    weight = network.objective.relative_weight(int(np.prod(judged.values.shape[1:])), network.n_latent)
    return auroc(is_odd, ReconstructionAndNorm(weight).score(encoded, np.zeros(len(judged), bool)))


def norm_figures(
    name: str,
    task: Callable[[int], Task],
    seeds: Sequence[int],
    epochs: int | None,
    say: Callable[[str], None],
) -> Iterator[Figure]:
    """Norms while training, with the norm's term and without, and what choosing the epoch with labels is worth."""
    tasks = {seed: task(seed) for seed in seeds}
    for objective in ("norm", "autoencoder"):
        courses = [course(objective, one, epochs or _epochs(one), seed) for seed, one in tasks.items()]
        norms = np.array([one.norms for one in courses])  # (seeds, epochs)
        n_epochs = norms.shape[1]
        for epoch in sorted({1, min(2, n_epochs), (n_epochs + 1) // 2, n_epochs}):
            yield Figure(
                f"{name}, {objective}, mean norm of the codes in epoch {epoch}", Interval.of_mean(norms[:, epoch - 1])
            )
        if objective == "norm":
            aurocs = np.array([one.aurocs for one in courses])  # (seeds, epochs)
            say(f"{name}: AUROC by epoch {np.round(aurocs.mean(axis=0), 3).tolist()}")
            yield from choice_figures(name, aurocs)


def choice_figures(name: str, aurocs: NDArray[np.float64]) -> Iterator[Figure]:
    """The last epoch, which needs no labels, beside the best one, which needs them; (seeds, epochs)."""
    free, using = aurocs[:, -1], aurocs.max(axis=1)
    yield Figure(f"{name}, norm, AUROC after the last epoch (no labels)", Interval.of_mean(free))
    yield Figure(f"{name}, norm, AUROC of the best epoch (chosen on the judged labels)", Interval.of_mean(using))
    yield Figure(f"{name}, norm, AUROC gained by looking at the labels", Interval.of_mean(using - free))


def _epochs(task: Task) -> int:
    default = Detector().settings().epochs_for("images", len(task.train))
    return max(FEWEST_EPOCHS, default)
