"""The trained network as an ONNX graph, for one chunk of prepared samples."""

import warnings
from copy import deepcopy

import torch
from torch import Tensor, nn

from poleward.autoencoder.autoencoder import Autoencoder
from poleward.detector.encoding import CHUNK
from poleward.detector.graph import OUTPUTS

OPSET = 18


class Maximum(nn.Module):
    """LeakyReLU as max(x, slope x), for slopes below 1: onnxruntime has no other one in float64."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Element by element."""
        return torch.maximum(x, self.slope * x)


class Encoding(nn.Module):
    """What a graph computes: mean, log-variance and, with a decoder, the reconstruction from the mean."""

    def __init__(self, autoencoder: Autoencoder, decodes: bool) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.decodes = decodes

    def forward(self, values: Tensor, observed: Tensor | None = None) -> tuple[Tensor, ...]:
        """(chunk, *shape) -> (chunk, n) twice, and (chunk, *shape)."""
        posterior = self.autoencoder.posterior(values, observed)
        if not self.decodes:
            return posterior.mean, posterior.log_variance
        codes = self.autoencoder.place(posterior.mean)
        return posterior.mean, posterior.log_variance, self.autoencoder.reconstruct(codes)


def as_onnx(autoencoder: Autoencoder, kind: str, shape: tuple[int, ...], decodes: bool) -> bytes:
    """The network in evaluation mode, its batch being one chunk of samples of this shape.

    Inputs: ``values`` and, where the encoder sees which cells are missing, ``observed`` (bool), both (chunk, *shape).
    Outputs: those of `OUTPUTS`, the reconstruction only if ``decodes``.
    """
    network = Encoding(deepcopy(autoencoder).cpu(), decodes).eval()
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    if kind == "table":
        _without_leaky(network)
    dtype = next(network.parameters()).dtype
    size = (CHUNK[kind], *shape)
    given = (torch.zeros(size, dtype=dtype), torch.ones(size, dtype=torch.bool))[: 1 + autoencoder.sees_missing]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own insides
        program = torch.onnx.export(
            network,
            given,
            dynamo=True,
            opset_version=OPSET,
            input_names=["values", "observed"][: len(given)],
            output_names=list(OUTPUTS.values())[: 2 + decodes],
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch gave no program")
    return bytes(program.model_proto.SerializeToString())


def _without_leaky(network: nn.Module) -> None:
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.LeakyReLU):
                setattr(module, name, Maximum(child.negative_slope))
