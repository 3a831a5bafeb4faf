"""The network of an exported model, run by onnxruntime; nothing here needs torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.errors import ModelError, SettingError
from poleward.records import Features

OUTPUTS = {"means": "mean", "log_variances": "log_variance", "reconstructions": "reconstruction"}
"""Fields of `Encoded` and the graph's names for them; a graph without a decoder lacks the last."""


class Graph:
    """A network as ONNX, for one full chunk of prepared samples at a time.

    content : the bytes of network.onnx
    n_latent : dimensions of a code
    rows : whether samples are rows: their network runs on one thread, as it does in torch

    Errors
    ------
    ModelError without onnxruntime, and for bytes that are no network.
    """

    def __init__(self, content: bytes, n_latent: int, rows: bool) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as missing:
            raise ModelError(f'{missing.name} is not installed; pip install "poleward[export]"') from missing
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1 if rows else 0
        try:
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as fault:  # onnxruntime has its own errors, one for each status
            raise ModelError(f"the network cannot be read ({' '.join(str(fault).split())[:200]})") from fault
        self.n_latent = n_latent
        self._session = session
        self._inputs: Mapping[str, Any] = {one.name: one for one in session.get_inputs()}
        self._outputs = {one.name for one in session.get_outputs()}

    def fields(self, features: Features, wanted: frozenset[str]) -> dict[str, NDArray[np.floating[Any]]]:
        """The wanted fields of `Encoded` that the network computes, of exactly one chunk."""
        asked = [field for field in OUTPUTS if field in wanted]
        lacking = [field for field in asked if OUTPUTS[field] not in self._outputs]
        if lacking:
            raise SettingError(
                f"an exported model has no {', '.join(lacking)} where its scorer asks for none; take the model folder"
                " that poleward fit wrote"
            )
        dtype = np.float64 if "double" in self._inputs["values"].type else np.float32
        given: dict[str, NDArray[Any]] = {"values": np.ascontiguousarray(features.values, dtype)}
        if "observed" in self._inputs:
            seen = np.ones(features.values.shape, bool) if features.observed is None else features.observed
            given["observed"] = np.ascontiguousarray(seen)
        found = self._session.run([OUTPUTS[field] for field in asked], given)
        return dict(zip(asked, found, strict=True))
