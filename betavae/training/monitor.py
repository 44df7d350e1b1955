"""What a run shows of itself while it trains: figures, rows of history, a traversal picture."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from betavae.metrics.reconstruction import validate
from betavae.model import VAE
from betavae.training.run import Run
from betavae.views.traversal import active_latents, traversal_figure


@dataclass(frozen=True)
class Pace:
    """When a run shows and saves what it has; none of it changes the weights."""

    history_steps: int = 500  # a row of history.csv, with a pass over the validation split
    checkpoint_seconds: float = 120.0
    picture_seconds: float = 240.0  # a new traversal.png to look at
    progress: bool = True


@contextlib.contextmanager
def evaluating(vae: VAE) -> Iterator[None]:
    """Evaluation mode while a training model is looked at; training mode again, come what may."""
    vae.eval()
    try:
        yield
    finally:
        vae.train()


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Column by column."""
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def figures(run: Run) -> dict[str, str]:
    recent = mean(run.recent[-10:])
    speed = run.step * run.config.batch_size / max(run.seconds, 1e-9)
    return {
        "reconstruction": f"{recent['reconstruction']:.0f} nats",
        "KL": f"{recent['kl']:.1f} nats",
        "pictures/s": f"{speed:.0f}",
    }


def recent_means(run) -> dict[str, float]:
    """The terms since the last row of history, averaged over steps and processes."""
    device = run.processes.device
    return {
        name: run.processes.average(torch.tensor(value, device=device)).item()
        for name, value in mean(run.recent).items()
    }


def history_row(run: Run, validation) -> dict[str, float]:
    run.read()
    vae = run.shown
    with evaluating(vae):
        validated = validate(vae, validation)
    return {
        "step": run.step,
        "seconds": round(run.seconds, 1),
        "pictures": run.step * run.config.batch_size,
        "learning_rate": run.learning_rate(run.step - 1),
        **recent_means(run),
        **{f"validation_{name}": value for name, value in validated.items()},
    }


def save_picture(run: Run, validation) -> None:
    images = validation.batch(torch.arange(min(5, len(validation)))).float() / 255
    vae = run.shown
    with evaluating(vae):
        with torch.no_grad():
            posterior = vae.encode(images.to(run.processes.device))
        kl = posterior.kl().mean(0)
        latents = active_latents(kl)
        labels = [f"z{k} · {kl[k]:.1f} nats" for k in latents]
        figure = traversal_figure(vae, posterior.mean, latents, labels)
    try:
        figure.save(run.folder / "traversal.png")
    except OSError as error:
        warnings.warn(f"The traversal picture could not be saved: {error}", stacklevel=2)
