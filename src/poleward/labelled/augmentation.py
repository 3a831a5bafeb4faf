"""Random views of images: shifted, mirrored, with a square cut out; every draw comes from the generator given."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """How a view may differ from its image.

    shift : at least 0, largest shift in each direction as a share of the side; the border is mirrored in
    mirror : whether left and right are swapped in half of the views
    cutout : in [0, 1], side of a square as a share of the image's, set to 0 around a random pixel
    """

    shift: float = 0.125
    mirror: bool = True
    cutout: float = 0.25

    def view(self, images: Float[Tensor, "b c h w"], generator: torch.Generator) -> Float[Tensor, "b c h w"]:
        """One random view of each image, channels-last in memory."""
        device = images.device
        rows = _moved_positions(len(images), images.shape[2], self.shift, generator).to(device)
        columns = _moved_positions(len(images), images.shape[3], self.shift, generator)
        if self.mirror:
            swapped = torch.rand(len(images), 1, generator=generator) < 0.5
            columns = torch.where(swapped, columns.flip(1), columns)
        columns, sample = columns.to(device), torch.arange(len(images), device=device)[:, None, None]
        moved = images.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None]]
        if self.cutout > 0:
            hole = [side.to(device) for side in self._hole(len(images), images.shape[2:], generator)]
            moved = moved.masked_fill((hole[0][:, :, None] & hole[1][:, None])[..., None], 0.0)
        return moved.permute(0, 3, 1, 2)

    def _hole(self, n: int, size: torch.Size, generator: torch.Generator) -> list[Tensor]:
        """(n, h) and (n, w), true for the rows and columns of the square."""
        inside = []
        for length in size:
            centre = torch.randint(length, (n, 1), generator=generator)
            inside.append((2 * (torch.arange(length) - centre)).abs() < self.cutout * length)
        return inside


def _moved_positions(n: int, length: int, share: float, generator: torch.Generator) -> Tensor:
    """(n, length) source positions after a random shift, mirrored at the borders."""
    most = min(round(share * length), length - 1)
    shift = torch.randint(-most, most + 1, (n, 1), generator=generator)
    position = (torch.arange(length) + shift).abs()
    return torch.where(position < length, position, 2 * (length - 1) - position)
