"""What a renderer's run shows of itself: figures, rows of history, a picture to look at."""

from __future__ import annotations

import warnings

import torch

from betavae.metrics.detail import laplacian_variance, lattice_peak
from betavae.metrics.reconstruction import mean_squared_errors
from betavae.training.monitor import mean, recent_means
from betavae.training.sharpen_run import SharpenRun
from betavae.views.traversal import grid

SHOWN = 512  # validation pictures of a row of history: enough to see where it goes
FACES = 12  # columns of the picture


def figures(run: SharpenRun) -> dict[str, str]:
    recent = mean(run.recent[-10:])
    speed = run.step * run.config.batch_size / max(run.seconds, 1e-9)
    return {
        "pixels": f"{recent['pixels']:.4f}",
        "KL": f"{recent['kl']:.0f} nats",
        "realism": f"{recent.get('realism', 0):.2f}",
        "pictures/s": f"{speed:.0f}",
    }


def history_row(run: SharpenRun, validation) -> dict[str, float]:
    """The terms since the last row, and the moving average's pictures on part of the validation
    split: dB, and shares of the pictures' variance of the Laplacian."""
    names = ("pixels", "contrast", "spectrum", "kept", "features", "realism", "judge", "kl")
    terms = dict.fromkeys(names, 0.0)
    run.remember()
    run.recent = [{**terms, **row} for row in run.recent]  # alone there was no one to judge
    return {
        "step": run.step,
        "seconds": round(run.seconds, 1),
        "pictures": run.step * run.config.batch_size,
        "learning_rate": run.learning_rate(run.step - 1),
        **recent_means(run),
        **{f"validation_{name}": value for name, value in validate(run, validation).items()},
    }


@torch.no_grad()
def validate(run: SharpenRun, validation) -> dict[str, float]:
    device, average = run.processes.device, run.average
    generator = torch.Generator().manual_seed(0)
    errors = {"plain": [], "own": []}
    detail = {"images": [], "plain": [], "own": [], "drawn": []}
    real, own = [], []
    for indices in torch.arange(min(SHOWN, len(validation))).split(64):
        images = validation.batch(indices).to(device).float() / 255
        codes = average.vae.encode(images).mean
        shown = {
            "images": images,
            "plain": average.plain(codes),
            "own": average(codes, average.own_details(images, codes)),
            "drawn": average(codes, generator=generator),
        }
        for name, found in detail.items():
            found.append(laplacian_variance(shown[name]))
        real.append(images)
        own.append(shown["own"])
        for name, found in errors.items():
            found.append(mean_squared_errors(images, shown[name]))
    share = {name: torch.cat(found).mean() for name, found in detail.items()}
    psnr = {name: -10 * torch.cat(found).mean().log10().item() for name, found in errors.items()}
    return {
        "psnr_plain": psnr["plain"],
        "psnr": psnr["own"],
        "lattice_peak": lattice_peak(torch.cat(own), torch.cat(real)),
        **{f"detail_{n}": (share[n] / share["images"]).item() for n in ("plain", "own", "drawn")},
    }


@torch.no_grad()
def save_picture(run: SharpenRun, validation) -> None:
    """renderer.png: rows of faces' plain pictures, with their own details, with drawn ones."""
    run.remember()
    images = validation.batch(torch.arange(min(FACES, len(validation))))
    images = images.to(run.processes.device).float() / 255
    average, generator = run.average, torch.Generator().manual_seed(0)
    codes = average.vae.encode(images).mean
    rows = [
        average.plain(codes),
        average(codes, average.own_details(images, codes)),
        average(codes, generator=generator),
    ]
    try:
        grid(torch.stack(rows).cpu()).save(run.folder / "renderer.png")
    except OSError as error:
        warnings.warn(f"The picture could not be saved: {error}", stacklevel=2)
