"""The state of a training run on disk: weights, optimizer, generator, progress. Read without executing anything."""

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from poleward.artifact.folder import read_folder, remove_folder, write_folder
from poleward.artifact.naming import under
from poleward.errors import ModelError

SECONDS_BETWEEN = 15.0
"""How often a running training writes its state."""


class Checkpoint:
    """A folder that holds the latest state of one run.

    Parameters
    ----------
    path : the folder; replaced as a whole at each save
    identity : names the data and the settings of the run; a state of another run is refused
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.identity = identity
        self._last = time.monotonic()

    def exists(self) -> bool:
        """Whether there is a state to resume from."""
        return self.path.exists()

    def due(self) -> bool:
        """Whether the last save is long enough ago."""
        return time.monotonic() - self._last > SECONDS_BETWEEN

    def save(
        self,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
        progress: dict[str, Any],
    ) -> None:
        """Replace the state on disk."""
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in moments.items()}
        tensors["generator"] = generator.get_state()
        arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
        write_folder(self.path, "checkpoint", {"identity": self.identity, "progress": progress}, tensors=arrays)
        self._last = time.monotonic()

    def restore(
        self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
    ) -> dict[str, Any]:
        """Put the state on disk into the three, and give back the progress.

        Errors
        ------
        ModelError when the folder is damaged, or holds a run on other data or with other settings.
        """
        folder = read_folder(self.path, "checkpoint")
        if folder.manifest["identity"] != self.identity:
            raise ModelError(
                f"{self.path}: this checkpoint belongs to a run on other data or with other settings; use the same"
                f" ones,"
                " or delete it and start again"
            )
        tensors = {name: torch.from_numpy(array) for name, array in folder.tensors.items()}
        model.load_state_dict(under("model.", tensors))
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in under("optimizer.", tensors).items():
            index, moment = name.split(".")
            state.setdefault(int(index), {})[moment] = _lying_as(parameters[int(index)], tensor)
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        generator.set_state(tensors["generator"])
        progress: dict[str, Any] = folder.manifest["progress"]
        return progress

    def remove(self) -> None:
        """Forget the state; nothing happens where there is none."""
        remove_folder(self.path)


def _lying_as(parameter: Tensor, moment: Tensor) -> Tensor:
    """The moment in its parameter's memory order, in which fused Adam walks both; images' weights are channels-last."""
    return torch.empty_like(parameter.detach()).copy_(moment) if moment.ndim else moment
