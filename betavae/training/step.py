"""The gradients of one step of training."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from betavae.model import Posterior
from betavae.objectives import Objective
from betavae.objectives.beta_vae import BetaVAE


def gradients(
    run,
    images: Tensor,
    noise: Tensor,
    betas: list[float] | Tensor | None,
    pressure: float | Tensor | None,
) -> Tensor:
    """The gradients of this step's loss; what it says of itself: -log p(x|z), KL, the loss, the
    gradients' norm, and KL per latent (4 + L,).

    betas     several of a model of every β, or None for the objective's own
    pressure  weight of KL alone, or None for the objective
    """
    run.optimiser.zero_grad()
    betas = [None] if betas is None else betas
    parts = len(betas)
    shares = zip(betas, images.chunk(parts), noise.chunk(parts), strict=True)
    terms = [_descend(run, *share, pressure, of=parts) for share in shares]
    gradients = [p.grad for p in run.vae.parameters() if p.grad is not None]
    # (The norm, not the largest entry: PyTorch takes 7 % of a step on this for the latter.)
    norm = torch.nn.utils.get_total_norm(gradients)
    reconstruction, kl, loss = (torch.stack(term).mean(0) for term in zip(*terms, strict=True))
    row = [number.detach().float() for number in (reconstruction, kl.sum(), loss, norm)]
    return torch.cat([torch.stack(row), kl.float()])


def _descend(
    run,
    beta: float | Tensor | None,
    images: Tensor,
    noise: Tensor,
    pressure: float | Tensor | None,
    of: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Add the gradient of the objective on these pictures, one of `of` equal shares of a batch.

    Returns -log p(x|z) (), KL per latent (L,), and the objective (), in nats a picture.
    """
    device, average = run.processes.device, run.processes.average
    with run.setting.autocast(device):
        own = () if beta is None else (beta,)
        posterior, likelihood = run.parallel(images, noise, *own)
    if beta is None:
        objective = run.objective
        likelihood = run.vae.likelihood.fit(likelihood, images, average)
    else:
        objective = BetaVAE(beta=beta)
        likelihood = run.vae.fit(likelihood, images, beta, average)
    reconstruction = -likelihood.log_prob(images).mean()
    with run.setting.autocast(device):
        z = posterior.reparameterise(noise)
        loss = reconstruction + regulariser(run, objective, posterior, z, pressure)
    (loss / of).backward()
    return reconstruction.detach(), posterior.kl().detach().mean(0), loss.detach()


def regulariser(
    run, objective: Objective, posterior: Posterior, z: Tensor, pressure: float | Tensor | None
) -> Tensor:
    """The objective of the global batch, or KL alone while the code grows.

    Most objectives are no mean over the batch's pictures.

    Each process has the whole value, but its gradient only by way of its own pictures; that
    gradients are averaged, not added, over processes is made up for here.
    """
    if pressure is not None:
        return pressure * posterior.kl().sum(1).mean()
    mean, log_variance, z = map(run.processes.gather, (posterior.mean, posterior.log_variance, z))
    of_all = replace(posterior, mean=mean, log_variance=log_variance)
    value = objective(of_all, z, run.step)
    return run.processes.count * value
