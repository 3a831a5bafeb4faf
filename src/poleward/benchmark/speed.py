"""Speed and memory, each against the thing it should beat, in the same run."""

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import torch
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from torch.utils.flop_counter import FlopCounterMode

from poleward.autoencoder.autoencoder import Autoencoder
from poleward.benchmark.measuring import Interval, take_turns
from poleward.benchmark.published_way import masked_coordinates
from poleward.benchmark.record import Figure
from poleward.data.galaxies import galaxy_task
from poleward.metrics.ranking import auroc
from poleward.objectives.compressed import Compressed
from poleward.objectives.objective import Objective, Posterior
from poleward.objectives.published import BATCH_SIZE, LEARNING_RATE, PublishedCompressed
from poleward.records import Block
from poleward.scoring.neighbors import ExactIndex
from poleward.training.loop import supports_half_precision

BANDS, SIDE, N_LATENT = 3, 32, 128

WAYS = {"bfloat16": (True, True), "float32": (False, True), "published way": (False, False)}
"""Name -> (networks in bfloat16, channels-last and O(n) coordinates)."""


class Stepper:
    """Training steps of the published network and objective, one way or another."""

    def __init__(self, way: str, objective: Objective, n_latent: int = N_LATENT, seed: int = 0) -> None:
        self.half, self.ours = WAYS[way]
        blocks = [Block(f"band {band}", "numeric", band, 1) for band in range(BANDS)]
        shape = (BANDS, SIDE, SIDE)
        self.model = Autoencoder(shape, blocks, [0.05] * BANDS, n_latent, objective, sigmoid=True, seed=seed).train()
        if self.ours:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, fused=self.ours)
        self.noise = torch.Generator().manual_seed(seed)

    def step(self, images: torch.Tensor, epoch: int = 0) -> None:
        """One step on a batch (batch, bands, height, width) in [0, 1]."""
        if self.ours:
            images = images.contiguous(memory_format=torch.channels_last)
        with nullcontext() if self.ours else masked_coordinates():
            self.optimizer.zero_grad(set_to_none=True)
            loss, _ = self.model.loss(images, None, epoch, 300, self.noise, self.half)
            loss.backward()
            self.optimizer.step()


def step_figures(turns: int) -> Iterator[Figure]:
    """Images per second of a training step, ours over the published way (batch 200, 3x32x32, n = 128)."""
    images = torch.rand(BATCH_SIZE, BANDS, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    steppers = {way: Stepper(way, PublishedCompressed()) for way in WAYS}
    seconds = take_turns({way: _on(stepper, images) for way, stepper in steppers.items()}, turns)
    for way in WAYS:
        yield Figure(f"training step, {way}, images/s", Interval.of(BATCH_SIZE / seconds[way]))
    with FlopCounterMode(display=False) as counter:
        steppers["float32"].step(images)
    reached = counter.get_total_flops() / seconds["published way"]
    for way, dtype, goal in (("bfloat16", torch.bfloat16, 10), ("float32", torch.float32, 5)):
        ratio = Interval.of(seconds["published way"] / seconds[way])
        name = f"training step, {way} over the published way"
        yield Figure(name, ratio, f"at least {goal}", ratio.typical >= goal)
        limit = matrix_product_speed(dtype) / reached
        yield Figure(f"the same, were every operation a large {way} matrix product", Interval.of(limit))


def matrix_product_speed(dtype: torch.dtype, side: int = 4096) -> float:
    """Operations per second of a product of two large square matrices: what the processor can do at best."""
    a, b = (torch.rand(side, side).to(dtype) for _ in range(2))
    return 2 * side**3 / float(take_turns({"product": lambda: a @ b}, 5)["product"].min())


def quality_figures(seeds: int, epochs: int) -> Iterator[Figure]:
    """AUROC of the latent 3-NN after the same short training our way and the published way, on made galaxies."""
    found: dict[str, list[float]] = {"ours": [], "published way": []}
    fast = "bfloat16" if supports_half_precision("cpu") else "float32"
    for seed in range(seeds):
        task = galaxy_task(1000, 800, seed=seed)
        for name, way in (("ours", fast), ("published way", "published way")):
            found[name].append(_trained_auroc(way, task.train, task.test, task.is_odd, seed, epochs))
    for name, values in found.items():
        yield Figure(f"AUROC after {epochs} epochs, {name}", Interval.of(np.array(values)))
    difference = Interval.of(np.array(found["ours"]) - np.array(found["published way"]))
    spread = float(np.std(found["published way"], ddof=1)) if seeds > 1 else np.inf
    met = abs(difference.typical) <= 2 * spread
    goal = f"within two standard deviations over seeds ({2 * spread:.3f})"
    yield Figure("AUROC, ours minus the published way", difference, goal, met)


def objective_figures(turns: int) -> Iterator[Figure]:
    """Time of the compressed objective itself, forward and backward, as a share of the training step."""
    for n, percent in ((200, 1.0), (2048, 3.0)):
        way = "bfloat16" if supports_half_precision("cpu") else "float32"
        images = torch.rand(BATCH_SIZE, BANDS, SIDE, SIDE)
        stepper = Stepper(way, Compressed(), n)
        noise = torch.Generator().manual_seed(0)
        mean, log_variance = (torch.randn(BATCH_SIZE, n, generator=noise).requires_grad_() for _ in range(2))
        objective = Compressed()

        def alone(mean: Any = mean, log_variance: Any = log_variance, objective: Objective = objective) -> None:
            for _ in range(10):
                objective.regulariser(Posterior(mean, log_variance), BANDS * SIDE * SIDE).backward()

        seconds = take_turns({"step": _on(stepper, images), "objective": alone}, turns)
        share = Interval.of(100 * seconds["objective"] / 10 / seconds["step"])
        name = f"compressed objective, % of the {way} step, n = {n:,}"
        yield Figure(name, share, f"at most {percent:g}", share.typical <= percent)


def neighbor_figures(turns: int, n_queries: int = 10_000, n_points: int = 50_000, d: int = 256) -> Iterator[Figure]:
    """3-NN of 10,000 among 50,000 points in 256 dimensions, against scikit-learn brute force and faiss flat."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((n_points, d), dtype=np.float32)
    queries = rng.standard_normal((n_queries, d), dtype=np.float32)
    ours = ExactIndex(points)
    contenders: dict[str, Callable[[], Any]] = {
        "ours": lambda: ours.distances(queries, 3),
        "scikit-learn brute": lambda: (
            NearestNeighbors(n_neighbors=3, algorithm="brute").fit(points).kneighbors(queries)
        ),
    }
    flat = _faiss_flat(points)
    if flat is not None:
        contenders["faiss flat"] = lambda: flat.search(queries, 3)
    seconds = take_turns(contenders, turns)
    for name, values in seconds.items():
        yield Figure(f"k-NN, {name}, s", Interval.of(values))
    best = np.min([values for name, values in seconds.items() if name != "ours"], axis=0)
    ratio = Interval.of(seconds["ours"] / best)
    yield Figure("k-NN, ours over the better of the others", ratio, "at most 1.2", ratio.typical <= 1.2)


def memory_figures(sizes: Sequence[int] = (10_000, 50_000, 200_000), command: str = "score") -> Iterator[Figure]:
    """Peak memory of ``poleward score`` or ``poleward correct`` on a csv of 20 columns, by its number of rows."""
    peaks = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _write_rows(folder / "train.csv", 2000)
        _run("fit", folder / "train.csv", "--out", folder / "model", "--epochs", "2", "--correction")
        for n in sizes:
            _write_rows(folder / "rows.csv", n)
            peaks.append(_run(command, folder / "model", folder / "rows.csv", "--out", folder / "written.csv"))
            yield Figure(f"{command}, {n:,} rows, peak MiB", Interval.of(np.array([peaks[-1]])))
    growth = Interval.of(np.array([peaks[-1] / peaks[0]]))
    name = f"{command}, peak at {sizes[-1]:,} rows over peak at {sizes[0]:,}"
    yield Figure(name, growth, "at most 1.1", growth.typical <= 1.1)


COLUMNS = 30
STREAMED = (100_000, 500_000, 1_000_000, 5_000_000)


def stream_figures(sizes: Sequence[int] = STREAMED) -> Iterator[Figure]:
    """Peak memory and time of ``poleward fit`` and ``poleward score`` on a parquet file of 30 columns, by its rows.

    One epoch, whose steps grow with the rows, and the scorer input-mixture, whose time a row does not grow with them.
    """
    peaks: dict[str, list[float]] = {"fit": [], "score": []}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows, model = folder / "rows.parquet", folder / "model"
        commands = {
            "fit": ("fit", rows, "--out", model, "--epochs", "1", "--scorer", "input-mixture"),
            "score": ("score", model, rows, "--out", folder / "ranking.parquet"),
        }
        for n in sizes:
            _write_made_rows(rows, n)
            for name, words in commands.items():
                start = time.perf_counter()
                peaks[name].append(_run(*words))
                minutes = (time.perf_counter() - start) / 60
                yield Figure(f"{name}, {n:,} rows x {COLUMNS}, peak MiB", Interval.of(np.array([peaks[name][-1]])))
                yield Figure(f"{name}, {n:,} rows x {COLUMNS}, minutes", Interval.of(np.array([minutes])))
    for name, values in peaks.items():
        growth = Interval.of(np.array([values[-1] / values[0]]))
        about = f"{name}, peak at {sizes[-1]:,} rows over peak at {sizes[0]:,}"
        yield Figure(about, growth, "at most 1.25", growth.typical <= 1.25)


CORRECTED = (10_000, 100_000, 1_000_000)
LEARNED_ROWS = 20_000


def correction_figures(sizes: Sequence[int] = CORRECTED, learned: int = LEARNED_ROWS) -> Iterator[Figure]:
    """Peak memory, time and rows a second of ``poleward correct`` on a parquet file of 20 columns, by its rows.

    Half of the columns are numbers near a plane, half are words that follow from one another; one cell in a hundred is
    wrong.
    """
    peaks = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows, model = folder / "rows.parquet", folder / "model"
        _write_mixed_rows(rows, learned)
        _run("fit", rows, "--out", model, "--epochs", "1", "--scorer", "input-mixture", "--correction")
        for n in sizes:
            _write_mixed_rows(rows, n)
            start = time.perf_counter()
            peaks.append(_run("correct", model, rows, "--out", folder / "fixed.parquet", "--patch", folder / "p.csv"))
            seconds = time.perf_counter() - start
            about = f"correct, {n:,} rows x {MIXED_COLUMNS}"
            for words, value in {"peak MiB": peaks[-1], "minutes": seconds / 60, "rows a second": n / seconds}.items():
                yield Figure(f"{about}, {words}", Interval.of(np.array([value])))
    growth = Interval.of(np.array([peaks[-1] / peaks[0]]))
    about = f"correct, peak at {sizes[-1]:,} rows over peak at {sizes[0]:,}"
    yield Figure(about, growth, "at most 1.25", growth.typical <= 1.25)


MIXED_COLUMNS = 20


def _write_mixed_rows(path: Path, n: int, at_once: int = 100_000) -> None:
    """A parquet file of ten numbers near a plane and ten words that follow from one, a row group for 100,000 rows."""
    rng = np.random.default_rng(0)
    half = MIXED_COLUMNS // 2
    plane, words = rng.standard_normal((4, half)), rng.integers(0, 12, (half, 40))
    types = [pa.float64()] * half + [pa.string()] * half
    schema = pa.schema([(f"c{column}", kind) for column, kind in enumerate(types)])
    with pa.parquet.ParquetWriter(path, schema) as file:
        for start in range(0, n, at_once):
            m = min(at_once, n - start)
            x = rng.standard_normal((m, 4)) @ plane + 0.3 * rng.standard_normal((m, half))
            x = np.where(rng.random(x.shape) < 0.01, 10 * x, x).round(3)
            k = np.where(rng.random((m, half)) < 0.01, rng.integers(40, size=(m, 1)), rng.integers(40, size=(m, 1)))
            texts = [np.char.add("word ", words[column][k[:, column]].astype(str)) for column in range(half)]
            file.write_table(pa.table([*np.ascontiguousarray(x.T), *texts], schema=schema))


def _on(stepper: Stepper, images: torch.Tensor) -> Callable[[], None]:
    return lambda: stepper.step(images)


def _trained_auroc(
    way: str, train: NDArray[Any], test: NDArray[Any], is_odd: NDArray[np.bool_], seed: int, epochs: int
) -> float:
    stepper = Stepper(way, PublishedCompressed(), seed=seed)
    images = torch.from_numpy(train).permute(0, 3, 1, 2) / 255
    order = np.random.default_rng(seed)
    for epoch in range(epochs):
        for rows in np.array_split(order.permutation(len(images)), len(images) // BATCH_SIZE):
            stepper.step(images[rows], epoch)
    stepper.model.eval()
    with torch.no_grad():
        codes, others = (
            torch.cat([stepper.model.posterior(part).mean for part in (batch.permute(0, 3, 1, 2) / 255).split(200)])
            for batch in (torch.from_numpy(train), torch.from_numpy(test))
        )
    return auroc(is_odd, ExactIndex(codes.numpy()).distances(others.numpy(), 3).mean(axis=1))


def _faiss_flat(points: NDArray[np.float32]) -> Any:
    try:
        import faiss
    except ImportError:
        return None
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(points)
    return index


def _write_rows(path: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"c{column}" for column in range(20)])
        for _ in range(n):
            writer.writerow(np.round(rng.standard_normal(20), 4))


def _write_made_rows(path: Path, n: int, at_once: int = 100_000) -> None:
    """A parquet file of numbers that lie near a plane of four dimensions, a row group for every 100,000 rows."""
    rng = np.random.default_rng(0)
    plane = rng.standard_normal((4, COLUMNS))
    schema = pa.schema([(f"c{column}", pa.float64()) for column in range(COLUMNS)])
    with pa.parquet.ParquetWriter(path, schema) as file:
        for start in range(0, n, at_once):
            m = min(at_once, n - start)
            x = rng.standard_normal((m, 4)) @ plane + 0.3 * rng.standard_normal((m, COLUMNS))
            file.write_table(pa.table(list(np.ascontiguousarray(x.T)), schema=schema))


def _run(*words: object) -> float:
    """Run the command line in a process of its own and give its peak resident memory in MiB."""
    program = "import sys, resource; from poleward.cli import main; main()"
    watcher = (
        "import subprocess, sys, resource; code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    command = [sys.executable, "-c", watcher, sys.executable, "-c", program, *map(str, words)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(printed.split()[-1]) / 1024
