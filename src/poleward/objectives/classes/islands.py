r"""Class islands: codes are compressed in angle towards the axis of their class, and classified by their cosines to it.

With codes mu = W features, cos phi_k their angles in the coordinates of the sample's class (its axis first), m_ck and
s_ck the mean and standard deviation of cos phi_k over the samples of class c in the batch, b_k = 1/sqrt(n-k+1),
u_k = (1/sqrt k) / sum_j (1/sqrt j), and y_i the class of sample i:

    L = -mean_i log softmax_c(S cos(mu_i, axis_c))[y_i]                           cross-entropy on the cosines
      + weight mean_i sum_k u_k [ f(1 + s_ck - b_k) / 0.05 + (m_ck - a_k)^2 ]     compression, c = y_i

    f(t) = t^2 - ln t^2 - 1

Every sample counts once, so a rare class counts little and one that is missing not at all; a class with one sample in
the batch has no spread and gives only its mean. There is no radial term: the length of a code is the network's own
confidence, and the projection mu . axis_c, a logit here, keeps it. Source: METHOD section 2, "With class labels", and
`compressed.py`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from poleward.geometry.hypersphere import cosines
from poleward.objectives.classes.axes import ClassAxes
from poleward.objectives.classes.objective import ClassObjective
from poleward.objectives.compressed import EPS, MEAN_SHARE, compression_target, uniform_spread
from poleward.objectives.moments import excess

VARIANCE_FLOOR = 1e-4

N_CODES = 128
SCALE = 16.0
WEIGHT = 0.1


class Islands(ClassObjective):
    """Angular compression towards class axes plus cross-entropy on the cosines to the axes.

    Parameters
    ----------
    n_features, n_classes : at least 1
    kind : "full" (every mean cosine towards 1) or "vmf" (the first towards 1, the others towards 0)
    n_codes : at least 2, dimensions of the codes
    weight : at least 0, of the compression beside the cross-entropy
    scale : above 0, S
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        kind: str = "full",
        n_codes: int = N_CODES,
        weight: float = WEIGHT,
        scale: float = SCALE,
    ) -> None:
        super().__init__()
        self.kind, self.weight, self.scale = kind, weight, scale
        self.to_codes = nn.Linear(n_features, n_codes, bias=False)
        self.axes = ClassAxes(n_classes, n_codes)

    def loss(self, features: Tensor, labels: Tensor, epoch: int, n_epochs: int) -> Tensor:
        """L as in the head of this file."""
        codes = self.codes(features)
        cosines_to_axes = nn.functional.normalize(codes, dim=1) @ self.axes.directions().T
        separation = nn.functional.cross_entropy(self.scale * cosines_to_axes, labels)
        return separation + self.weight * angular_compression(
            self.axes.own_coordinates(codes, labels), labels, self.kind
        )

    def logits(self, features: Tensor) -> Tensor:
        """Projections on the class axes, mu . axis_c."""
        return self.codes(features) @ self.axes.directions().T

    def codes(self, features: Tensor) -> Tensor:
        """mu, (b, n)."""
        result: Tensor = self.to_codes(features)
        return result


def angular_compression(own: Float[Tensor, "b n"], labels: Int[Tensor, "b"], kind: str) -> Float[Tensor, ""]:
    """mean_i sum_k u_k [ f(1 + s_ck - b_k) / 0.05 + (m_ck - a_k)^2 ] with c the class of sample i.

    own : codes whose first coordinate is the one along their class's axis
    """
    n = own.shape[1]
    a, b = compression_target(kind, n).to(own), uniform_spread(n).to(own)
    u = torch.arange(1, n, device=own.device, dtype=own.dtype).rsqrt()
    m, s, counts = class_mean_and_std(cosines(own, eps=EPS), labels)
    spread = excess(1 + s - b) / MEAN_SHARE * (counts > 1)[:, None]
    shares = counts / counts.sum()
    return (shares[:, None] * (u / u.sum()) * (spread + (m - a).square())).sum()


def class_mean_and_std(
    values: Float[Tensor, "b k"], labels: Int[Tensor, "b"]
) -> tuple[Float[Tensor, "present k"], Float[Tensor, "present k"], Float[Tensor, "present"]]:
    """Mean, sqrt(unbiased variance + 1e-4) and count of each class that is present, in the order of the labels.

    >>> m, s, counts = class_mean_and_std(torch.tensor([[1.0], [5.0], [3.0]]), torch.tensor([0, 7, 0]))
    >>> m.tolist(), counts.tolist()
    ([[2.0], [5.0]], [2.0, 1.0])
    """
    _, which, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    sums = values.new_zeros(len(counts), values.shape[1])
    m = sums.index_add(0, which, values) / counts[:, None]
    squares = sums.index_add(0, which, (values - m[which]).square())
    return m, torch.sqrt(squares / (counts - 1).clamp_min(1)[:, None] + VARIANCE_FLOOR), counts.to(values.dtype)
