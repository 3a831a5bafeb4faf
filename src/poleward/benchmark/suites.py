"""The suites by name."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from poleward.benchmark import (
    audit,
    banks,
    class_splits,
    compression,
    correction,
    cost,
    exported,
    galleries,
    generation,
    images,
    open_set,
    published,
    reranking,
    restoration,
    serving,
    speed,
    tables,
)
from poleward.benchmark.classical import CLASSICAL
from poleward.benchmark.corruption import Pair, with_random_errors
from poleward.benchmark.pyod_networks import PYOD
from poleward.benchmark.record import Figure
from poleward.benchmark.suite import Comparison, Figures, Request, Say, Suite
from poleward.benchmark.trained import DEFAULT, OURS
from poleward.data.collections import galaxy_zoo
from poleward.data.labelled import TEST
from poleward.data.task import Task
from poleward.errors import SettingError

NORM = "norm"


def speed_figures(request: Request, say: Say) -> Iterator[Figure]:
    """The parts of the suite that were asked for."""
    quick, turns = request.quick, 3 if request.quick else 15
    parts: dict[str, Callable[[], Iterator[Figure]]] = {
        "step": lambda: speed.step_figures(turns),
        "quality": lambda: speed.quality_figures(*((2, 1) if quick else (5, 8))),
        "objective": lambda: speed.objective_figures(turns),
        "neighbors": lambda: speed.neighbor_figures(turns // 3, *((1000, 20_000) if quick else ())),
        "scale": lambda: banks.scale_figures(turns // 3, *(((2000,),) if quick else ())),
        "bank": lambda: iter(()) if quick else banks.bank_figures(request.data, request.numbers),
        "default": lambda: cost.cost_figures(*((1, ((500, 5),), 1) if quick else (turns // 7,))),
        "memory": lambda: speed.memory_figures(*(((2000, 20_000),) if quick else ())),
        "stream": lambda: speed.stream_figures(*(((2000, 20_000),) if quick else ())),
    }
    for name, measure in parts.items():
        if not request.only or name in request.only:
            yield from measure()


def serving_figures(request: Request, say: Say) -> Iterator[Figure]:
    """A server under load, and under requests that are nearly right; an exported network beside its original."""
    if not request.only or "load" in request.only:
        yield from serving.load_figures(*((50, 1) if request.quick else (400, 3)))
    if not request.only or "malformed" in request.only:
        yield from serving.malformed_figures(200 if request.quick else 10_000, seed=request.numbers[0])
    if not request.only or "export" in request.only:
        yield from exported.exported_figures(3 if request.quick else 15)


def generation_figures(request: Request, say: Say) -> Iterator[Figure]:
    """Samples of labelled and of unlabelled images, and the norm model."""
    found = galleries.made() if request.quick else galleries.real(request.data)
    for name, gallery in found.items():
        if not request.only or name in request.only:
            yield from generation.figures(gallery, request.numbers, request.effort.epochs, request.out, say)
    if not request.only or NORM in request.only:
        task = galleries.made_task if request.quick else partial(galleries.norm_task, request.data)
        yield from generation.norm_figures("norm model", task, request.numbers, request.effort.epochs, say)


def reranking_figures(request: Request, say: Say) -> Iterator[Figure]:
    """Of the galaxies to report on, or of those to choose on; in the quick form, of made ones."""
    zoo = request.data / "galaxy_zoo"
    tasks: dict[str, Callable[[], Task]] = {
        "galaxy_zoo": lambda: galaxy_zoo(zoo, TEST),
        "dev": lambda: galaxy_zoo(zoo, "dev"),
    }
    if request.quick:
        tasks = {"galaxy_zoo": lambda: galleries.made_task(seed=0)}
    for name in request.only or ("galaxy_zoo",):
        yield from reranking.figures(name, tasks[name], request.numbers, request.effort.epochs, say)


def audit_figures(request: Request, say: Say) -> Iterator[Figure]:
    """Of clothes and of network connections; in the quick form, of digits."""
    if request.quick:
        yield from audit.figures("digits", audit.digits, request.numbers, {"width": 4, "epochs": 2}, say)
        return
    if not request.only or "fashion_mnist" in request.only:
        images = partial(audit.fashion_mnist, request.data)
        yield from audit.figures("fashion_mnist", images, request.numbers, {"width": 16, "epochs": 8}, say)
    if not request.only or "nsl_kdd" in request.only:
        rows = partial(audit.nsl_kdd, request.data)
        yield from audit.figures("nsl_kdd", rows, request.numbers, {"epochs": 20}, say)


def correction_figures(request: Request, say: Say) -> Iterator[Figure]:
    """Of tables with wrong cells, of images with wrong pixels, of a long stream; in the quick form, of a made table."""
    if request.quick:
        yield from correction.table_figures([made_pair(seed) for seed in request.numbers], request.numbers, say)
        return
    if not request.only or "tables" in request.only:
        yield from correction.figures(request.data / "dirty_tabular", request.numbers, say)
    if not request.only or "confirm" in request.only:
        yield from correction.confirmed(request.data, request.numbers, say)
    if not request.only or "images" in request.only:
        yield from restoration.figures(request.data, request.numbers, say)
    if not request.only or "stream" in request.only:
        yield from speed.correction_figures()


def made_pair(seed: int) -> Pair:
    """A table of 200 rows, one column following from another, with random errors."""
    rng = np.random.default_rng(seed)
    length = rng.normal(10, 2, 200)
    columns = [[f"{value:.2f}" for value in values] for values in (length, 3 * length + rng.normal(0, 0.5, 200))]
    texts = np.array([*columns, np.where(length > 10, "long", "short").tolist()], object).T
    return with_random_errors(Pair("made", ("length", "weight", "kind"), texts, texts), seed)


SIMPLE = tuple(one for one in CLASSICAL if one.name in ("raw-5nn", "pca-3nn"))

SUITES: dict[str, Suite] = {
    "tables": Comparison(
        "Tables of ADBench, trained on normal rows only and on contaminated ones.",
        (*OURS, *CLASSICAL, *PYOD),
        lambda request: tables.data_sets(request.data),
        tables.made_data_sets,
    ),
    "images": Comparison(
        "Images, trained on normal ones. One class as normal is the protocol of Deep SVDD (Ruff et al. 2018); it is"
        " artificial, for in no application is nearly everything an anomaly.",
        (*OURS, *CLASSICAL, *PYOD),
        lambda request: images.data_sets(request.data, request.only),
        images.made_data_sets,
    ),
    "compression": Comparison(
        "Why compression hurts without labels, and what mends it; development data alone. Objective, weight w, latent"
        " dimensions n and score.",
        compression.contenders(),
        lambda request: compression.data_sets(request.data),
        tables.made_data_sets,
    ),
    "published": Comparison(
        "The published detector on what data are here. 'by-itself': evaluation mode, a score depends on its own sample."
        " 'pure-batches': batch statistics on batches of one kind, as the published figures were made; the labels are"
        " given away, so these rows show a fault and are compared with nothing. 'mixed-batches': batch statistics, both"
        " kinds shuffled together.",
        (DEFAULT, *published.PUBLISHED, *SIMPLE),
        lambda request: published.data_sets(request.data, request.only),
        images.made_data_sets,
    ),
    "ood": Comparison(
        "Classifiers that should know what they do not know: every class objective under every score, one training for"
        " all scores, the same network and the same number of views for each. CIFAR-10 against images of other classes"
        " that went through the same codec; nothing was chosen on these. 'released' is the published network: by"
        " itself, and with the batch statistics of its figures, which give the answer away.",
        open_set.contenders(),
        lambda request: class_splits.data_sets(request.data),
        class_splits.made_data_sets,
    ),
    "generation": Figures("New images, and the norm model.", generation_figures, (*galleries.PARTS, NORM)),
    "reranking": Figures(
        "What labels of the top-ranked images are worth: odd ones among the next places, with labels and without.",
        reranking_figures,
        ("galaxy_zoo", "dev"),
    ),
    "audit": Figures(
        "Labels made wrong, and how many of them an audit lists first.", audit_figures, ("fashion_mnist", "nsl_kdd")
    ),
    "correction": Figures(
        "Wrong cells of tables and wrong pixels of images, found and repaired.",
        correction_figures,
        ("tables", "confirm", "images", "stream"),
    ),
    "serving": Figures("Requests over HTTP, and exported networks.", serving_figures, ("load", "malformed", "export")),
    "speed": Figures(
        "Speed and memory.",
        speed_figures,
        ("step", "quality", "objective", "neighbors", "scale", "bank", "default", "memory", "stream"),
    ),
}
"""Name -> suite; a new one is an entry here."""


def suite_named(name: str) -> Suite:
    """The suite of that name; SettingError for an unknown one."""
    if name not in SUITES:
        raise SettingError(f"suite {name!r} is unknown; choose one of {', '.join(SUITES)}")
    return SUITES[name]
