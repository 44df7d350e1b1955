"""The losses of one step of a renderer's training, and of its discriminator's."""

from __future__ import annotations

import torch
from torch import Tensor

from betavae.renderer import terms
from betavae.training.sharpen import PENALISED
from betavae.training.sharpen_batch import Batch, shifted


def losses(
    run, batch: Batch, judged: bool
) -> tuple[dict[str, Tensor], Tensor, Tensor | None, Tensor]:
    """Of a SharpenRun: each term by the name of its weight, their weighted sum, the discriminator's
    loss where it is `judged`, and the details' nats (N,)."""
    config, renderer, judge = run.config, run.renderer, None
    with run.setting.autocast(run.processes.device):
        posterior = renderer.read(batch.images, batch.plain)
        details = posterior.reparameterise(batch.noise)
        drawn = renderer.paint(batch.plain, details)
        found = {"pixels": terms.reconstruction(drawn, batch.images)}
        found["kept"] = _code_kept(run, drawn, batch.codes) / 2
        found["contrast"] = terms.contrast(drawn, batch.images)
        found["spectrum"] = _spectrum(run, drawn, batch.images)
        kl = posterior.kl().sum(1)
        if judged:
            swapped = run.processes.gather(details).detach().roll(-1, 0)[::2]
            other_details = torch.where(batch.own, details[::2], run.processes.share(swapped))
            other = renderer.paint(_plain_of(run, batch.other_codes), other_details)
            found["kept"] = found["kept"] + _code_kept(run, other, batch.other_codes)
            of_images, features = run.discriminator(shifted(batch.images, batch.shift))
            both = shifted(torch.cat([drawn, other]), batch.shift)
            scores, its_features = run.discriminator(both)
            own, others = zip(*(_parts(s, len(drawn)) for s in scores), strict=True)
            found["features"] = terms.matched_features(
                [f[: len(drawn)] for f in its_features], features
            )
            found["realism"] = (terms.pass_for_real(own) + terms.pass_for_real(others)) / 2
            judge = (terms.judge(of_images, own) + terms.judge(of_images, others)) / 2
            whose = _whose_details(run, batch)
            found["contrast"] = (found["contrast"] + terms.contrast(other, whose)) / 2
            found["spectrum"] = (found["spectrum"] + _spectrum(run, other, whose)) / 2
    # Each process has the rate of all pictures, and a gradient by way of its own.
    rate = run.processes.count * terms.rate(run.processes.gather(kl), config.free_nats)
    loss = sum(getattr(config, name) * term for name, term in found.items())
    return found, loss + config.rate * rate, judge, kl


def penalty(run, batch: Batch) -> Tensor:
    """On the discriminator's slope at real pictures, in full precision."""
    images = shifted(batch.images, batch.shift).detach().requires_grad_()
    scores, _ = run.discriminator(images)
    return run.config.penalty * PENALISED * terms.slope(scores, images)


def _whose_details(run, batch: Batch) -> Tensor:
    """The pictures whose details are drawn from another code: those have as much texture."""
    swapped = run.processes.share(run.processes.gather(batch.images).roll(-1, 0)[::2])
    return torch.where(batch.own[..., None, None], batch.images[::2], swapped)


def _spectrum(run, drawn: Tensor, images: Tensor) -> Tensor:
    """That of the global batch; its gradient, by way of one's own pictures, is averaged over
    processes later, which is made up for here."""
    value = terms.spectrum(run.processes.gather(drawn), run.processes.gather(images))
    return run.processes.count * value - (run.processes.count - 1) * value.detach()


def _plain_of(run, codes: Tensor) -> Tensor:
    with torch.no_grad():
        return run.renderer.plain(codes).contiguous(memory_format=run.setting.layout)


def _code_kept(run, drawn: Tensor, codes: Tensor) -> Tensor:
    """The encoder is frozen: the gradient passes through it to the picture alone."""
    found = run.renderer.vae.encode(drawn).mean
    return terms.code_kept(found[:, run.active], codes[:, run.active], run.deviation)


def _parts(scores: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    return scores[:rows], scores[rows:]
