"""How fast an exported network encodes, beside the network that it comes from, in the same run."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from poleward.artifact.folder import GRAPH
from poleward.autoencoder.autoencoder import Autoencoder
from poleward.benchmark.measuring import Interval, take_turns
from poleward.benchmark.record import Figure
from poleward.benchmark.serving import PROGRAM, image_model, table_model
from poleward.detector.detector import Detector
from poleward.detector.encoding import CHUNK, NETWORK, encode
from poleward.detector.graph import Graph
from poleward.records import Features

CHUNKS = 20


def exported_figures(turns: int) -> Iterator[Figure]:
    """Samples encoded per second by eager torch and by onnxruntime, on one thread each, and how far they are apart."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        models = {"rows": table_model(folder), "images": image_model(folder)[0]}
        for name, model in models.items():
            yield from beside(name, model, turns)


def beside(name: str, model: Path, turns: int) -> Iterator[Figure]:
    """The same chunk of samples encoded in turn; the decoder is in a graph where the scorer asks for it."""
    command = [sys.executable, "-c", PROGRAM, "export", str(model), "--onnx", f"{model}-onnx"]
    subprocess.run(command, check=True, capture_output=True)
    detector = Detector.load(model, "cpu")
    fitted = detector.model_
    network = fitted.ranker.autoencoder
    graph = Graph(Path(f"{model}-onnx", GRAPH).read_bytes(), network.n_latent, rows=True)
    wanted = NETWORK if "reconstructions" in fitted.ranker.scorer.needs else NETWORK - {"reconstructions"}
    shape = (CHUNK[fitted.kind], *fitted.preparation.shape)
    dtype = next(network.parameters()).detach().numpy().dtype
    features = Features(np.random.default_rng(0).standard_normal(shape).astype(dtype))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ways: dict[str, Autoencoder | Graph] = {"eager torch": network, "onnxruntime": graph}
    seconds = take_turns({way: partial(encoded, one, features, wanted) for way, one in ways.items()}, turns)
    torch.set_num_threads(threads)
    for way, values in seconds.items():
        yield Figure(f"{name}, {way}, samples/s", Interval.of(CHUNKS * len(features) / values))
    yield Figure(f"{name}, onnxruntime over eager torch", Interval.of(seconds["eager torch"] / seconds["onnxruntime"]))
    means = [np.asarray(encode(one, features, wanted, "cpu").means) for one in ways.values()]
    apart = float(np.abs(means[0] - means[1]).max())
    yield Figure(f"{name}, largest difference of a latent mean", Interval.of(np.array([apart])))


def encoded(network: Autoencoder | Graph, features: Features, wanted: frozenset[str]) -> None:
    """Encode the same chunk several times."""
    for _ in range(CHUNKS):
        encode(network, features, wanted, "cpu")
