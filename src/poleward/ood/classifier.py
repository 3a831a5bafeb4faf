"""The outputs of a torch classifier: its logits, and what goes into its last linear layer."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from poleward.errors import SettingError
from poleward.ood.outputs import Head, Outputs


def last_linear(module: torch.nn.Module) -> torch.nn.Linear:
    """The last linear layer, in the order in which layers were registered; SettingError where there is none."""
    layers = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
    if not layers:
        raise SettingError("the module has no linear layer; name the one before the logits, or give arrays")
    return layers[-1]


def head_of(layer: torch.nn.Linear) -> Head:
    """Weight and bias of a linear layer, as arrays."""
    weight = layer.weight.detach().cpu().numpy()
    bias = np.zeros(len(weight), weight.dtype) if layer.bias is None else layer.bias.detach().cpu().numpy()
    return Head(weight, bias)


def outputs_of(module: torch.nn.Module, loader: Iterable[Any], layer: torch.nn.Linear | None = None) -> Outputs:
    """Features and logits of all samples that a loader gives.

    Parameters
    ----------
    module : in evaluation mode: in training mode an output depends on the others of its batch
    loader : gives batches of inputs, or pairs of inputs and class numbers
    layer : its input are the features; the last linear layer when None

    Errors
    ------
    SettingError for a module in training mode, without a linear layer, or whose layer is not called once per batch.
    """
    if module.training:
        raise SettingError("the module is in training mode, where an output depends on its batch; call .eval() first")
    layer = last_linear(module) if layer is None else layer
    met: list[torch.Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, inputs: met.append(inputs[0].detach().flatten(1).cpu()))
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    logits, labels = [], []
    try:
        with torch.no_grad():
            for number, batch in enumerate(loader, start=1):
                inputs, *rest = batch if isinstance(batch, list | tuple) else (batch,)
                logits.append(module(inputs.to(device)).cpu())
                labels += rest[:1]
                if len(met) != number:
                    raise SettingError(f"the layer was called {len(met)} times in {number} batches; name another one")
    finally:
        handle.remove()
    if not logits:
        raise SettingError("the loader gave no batch")
    return Outputs(
        torch.cat(met).numpy(),
        torch.cat(logits).numpy(),
        torch.cat([torch.as_tensor(one) for one in labels]).numpy() if labels else None,
    )
