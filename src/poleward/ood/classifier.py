"""The outputs of a torch classifier: its logits, and what goes into its last linear layer or comes out of others."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from poleward.errors import SettingError
from poleward.ood.outputs import Head, Outputs

Layer = str | torch.nn.Module
"""A layer itself, or its name among the module's ``named_modules()``."""

Catch = Callable[[torch.nn.Module, Callable[[Tensor], None]], Any]
"""(layer, what to do with each batch of features) -> the handle of a hook."""


def last_linear(module: torch.nn.Module) -> torch.nn.Linear:
    """The last linear layer, in the order in which layers were registered; SettingError where there is none."""
    layers = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
    if not layers:
        raise SettingError("the module has no linear layer; name the one before the logits, or give arrays")
    return layers[-1]


def named_layer(module: torch.nn.Module, layer: Layer) -> torch.nn.Module:
    """The layer of that name, or the layer itself; SettingError where the module has none.

    >>> named_layer(torch.nn.Sequential(torch.nn.Tanh()), "0")
    Tanh()
    """
    if isinstance(layer, torch.nn.Module):
        return layer
    layers = {name: one for name, one in module.named_modules() if name}
    if layer not in layers:
        raise SettingError(f"the module has no layer {layer!r}; it has {', '.join(layers) or 'none'}")
    return layers[layer]


def head_of(layer: torch.nn.Linear) -> Head:
    """Weight and bias of a linear layer, as arrays."""
    weight = layer.weight.detach().cpu().numpy()
    bias = np.zeros(len(weight), weight.dtype) if layer.bias is None else layer.bias.detach().cpu().numpy()
    return Head(weight, bias)


def outputs_of(module: torch.nn.Module, loader: Iterable[Any], layer: Layer | None = None) -> Outputs:
    """Features and logits of all samples that a loader gives.

    Parameters
    ----------
    module : in evaluation mode: in training mode an output depends on the others of its batch
    loader : gives batches of inputs, or pairs of inputs and class numbers
    layer : what goes into it are the features; the last linear layer when None

    Errors
    ------
    SettingError for a module in training mode, without a linear layer, or whose layer is not called once per batch.
    """
    head = last_linear(module) if layer is None else named_layer(module, layer)
    return _gathered(module, loader, [head], _before)[0]


def layers_of(module: torch.nn.Module, loader: Iterable[Any], layers: Sequence[Layer]) -> list[Outputs]:
    """What comes out of several layers, for `MahalanobisLayers`: one `Outputs` for each, in one pass over the loader.

    Maps (b, channels, ...) are averaged over all but the channels, as in Lee et al. (2018).

    Errors
    ------
    As of `outputs_of`.
    """
    return _gathered(module, loader, [named_layer(module, layer) for layer in layers], _after)


def _before(layer: torch.nn.Module, keep: Callable[[Tensor], None]) -> Any:
    return layer.register_forward_pre_hook(lambda _, inputs: keep(inputs[0].flatten(1)))


def _after(layer: torch.nn.Module, keep: Callable[[Tensor], None]) -> Any:
    return layer.register_forward_hook(lambda _, inputs, result: keep(_pooled(result)))


def _pooled(maps: Tensor) -> Tensor:
    """(b, channels, ...) -> (b, channels)."""
    return maps.flatten(2).mean(dim=2) if maps.ndim > 2 else maps


def _gathered(
    module: torch.nn.Module, loader: Iterable[Any], layers: Sequence[torch.nn.Module], catch: Catch
) -> list[Outputs]:
    """Features at every layer, with the logits and labels."""
    if module.training:
        raise SettingError("the module is in training mode, where an output depends on its batch; call .eval() first")
    met: list[list[Tensor]] = [[] for _ in layers]
    handles = [catch(layer, _into(features)) for layer, features in zip(layers, met, strict=True)]
    try:
        logits, labels = _passed(module, loader, met)
    finally:
        for handle in handles:
            handle.remove()
    if not logits:
        raise SettingError("the loader gave no batch")
    known = torch.cat([torch.as_tensor(one) for one in labels]).numpy() if labels else None
    return [Outputs(torch.cat(features).numpy(), torch.cat(logits).numpy(), known) for features in met]


def _into(features: list[Tensor]) -> Callable[[Tensor], None]:
    return lambda batch: features.append(_wide(batch.detach()))


def _wide(values: Tensor) -> Tensor:
    """At least float32, which numpy knows, on the CPU."""
    return values.to("cpu", torch.promote_types(values.dtype, torch.float32))


def _passed(
    module: torch.nn.Module, loader: Iterable[Any], met: Sequence[Sequence[Tensor]]
) -> tuple[list[Tensor], list[Any]]:
    """Logits and labels of every batch; SettingError where a layer was not met once in each."""
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    logits, labels = [], []
    with torch.no_grad():
        for number, batch in enumerate(loader, start=1):
            inputs, *rest = batch if isinstance(batch, list | tuple) else (batch,)
            logits.append(_wide(module(inputs.to(device))))
            labels += rest[:1]
            if any(len(features) != number for features in met):
                times = next(len(features) for features in met if len(features) != number)
                raise SettingError(f"the layer was called {times} times in {number} batches; name another one")
    return logits, labels
