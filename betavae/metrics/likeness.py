"""How like real faces pictures are: distances between sets of pictures, in learned features.

Fréchet distance (Heusel et al., NeurIPS 2017) and kernel distance (Bińkowski et al., ICLR 2018)
are usual in the features of Inception trained on ImageNet. Those weights cannot be had here; the
features are of a small network trained on the spot to tell CelebA's attributes. So the figures
compare with each other, not with published ones.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEATURES = 128
EPOCHS, BATCH_SIZE, RATE = 2, 64, 3e-3


class AttributeNetwork(nn.Module):
    """Pictures -> logits of the attributes; `features` is the layer before."""

    def __init__(self, attributes: int):
        super().__init__()
        widths = (3, 16, 32, 64, 128)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 16, FEATURES), nn.ReLU())
        self.head = nn.Linear(FEATURES, attributes)

    def features(self, images: Tensor) -> Tensor:
        """(N, 3, 64, 64) in [0, 1] -> (N, FEATURES), none below 0."""
        return self.body(2 * images - 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


def train_attribute_network(data, seed: int = 0) -> AttributeNetwork:
    """Learn data.attributes bool (N, A) from data.batch; deterministic given the seed.

    A minute or two on a core for 30,000 pictures. The weights are not stored: whoever measures
    trains the network again, the same on the same machine.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = AttributeNetwork(data.attributes.shape[1]).to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(seed)
    size = min(BATCH_SIZE, len(data))
    per_epoch = len(data) // size
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, EPOCHS * per_epoch + 1)
    for _ in range(EPOCHS):
        order = torch.randperm(len(data), generator=generator)
        for chosen in order[: per_epoch * size].split(size):
            images = data.batch(chosen).float() / 255
            flip = torch.rand(size, generator=generator) < 0.5
            images = torch.where(flip[:, None, None, None], images.flip(-1), images)
            logits = network(images.contiguous(memory_format=torch.channels_last))
            loss = F.binary_cross_entropy_with_logits(logits, data.attributes[chosen].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """|m - m'|² + tr(C + C' - 2 (C C')^½) of features (N, F) and (M, F), 0 for the same normal."""
    one, other = one.double(), other.double()
    between = (one.mean(0) - other.mean(0)).square().sum()
    first, second = one.T.cov(), other.T.cov()
    # The eigenvalues of C C' are those of the symmetric C^½ C' C^½, and none is below 0.
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    shared = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    return (between + first.trace() + second.trace() - 2 * shared).item()


def kernel_distance(one: Tensor, other: Tensor) -> float:
    """Unbiased MMD² of features (N, F), (M, F) with the kernel (x·y / F + 1)³; 0 on average for
    two samples of one distribution, so at times a little below."""
    one, other = one.double(), other.double()

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        found = kernel(x, x)
        return (found.sum() - found.trace()) / (len(x) * (len(x) - 1))

    return (within(one) + within(other) - 2 * kernel(one, other).mean()).item()
