"""Whom a face model reconstructs how well: by CelebA's attributes, and by the skin's brightness."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from betavae.metrics.attributes import readable, skin_brightness
from betavae.metrics.codes import BATCH
from betavae.metrics.reconstruction import ACTIVE_NATS, mean_squared_errors, ssim
from betavae.model import VAE

DARK, LIGHT = 0.45, 0.65  # luma, 0 to 1: a tenth of CelebA's validation faces is below the first
BANDS = (f"skin darker than {DARK}", "skin in between", f"skin lighter than {LIGHT}")
RECOGNISED = ("Male", "Young", "Eyeglasses", "Wearing_Hat", "Smiling")
FEWEST = 20  # pictures in a group that is reported
PROTOCOL = (
    "posterior means decoded without noise, the whole validation split; PSNR = -10 log10 of a "
    "group's mean squared error; code error: the reconstruction is encoded again, and the root "
    "mean square of what that changes in the active latents, in standard deviations of each over "
    "all pictures, is the group's; skin: median luma (0 to 1) of nose and cheeks, of which light "
    "and skin make one number; shift: that luma in the reconstruction less that in the picture; "
    "recognised: the share of a group in which a linear classifier finds the attribute, in the "
    "pictures and in their reconstructions (ridge regression on 16x16 pixels, fitted to the "
    "pictures of one half of the split and asked about the other, both ways, with the threshold "
    "that finds as many as there are)"
)


@torch.no_grad()
def evaluate_groups(vae: VAE, validation) -> dict[str, Any]:
    """{"protocol", "rows": {group: its scores}} of held-out faces with attributes.

    A row: pictures, psnr (dB), ssim, code_error (s.d.), skin and shift (luma). A row of one of
    RECOGNISED also has the share that is recognised in the pictures and in the reconstructions.
    Groups of fewer than FEWEST pictures are left out.
    """
    vae.eval()
    parts: dict[str, list[Tensor]] = {}
    for chunk in validation.images.split(BATCH):
        images = chunk.float() / 255
        posterior = vae.encode(images)
        decoded = vae.decode(posterior.mean).mean
        for name, value in {
            "kl": posterior.kl(),
            "means": posterior.mean,
            "again": vae.encode(decoded).mean,
            "mse": mean_squared_errors(images, decoded),
            "ssim": ssim(images, decoded),
            "skin": skin_brightness(images),
            "skin_drawn": skin_brightness(decoded),
            "small": F.adaptive_avg_pool2d(images, 16).flatten(1),
            "small_drawn": F.adaptive_avg_pool2d(decoded, 16).flatten(1),
        }.items():
            parts.setdefault(name, []).append(value)
    found = {name: torch.cat(values) for name, values in parts.items()}
    active = found["kl"].mean(0) >= ACTIVE_NATS
    moved = (found["again"] - found["means"]) / found["means"].std(0, unbiased=False).clamp_min(
        1e-6
    )
    found["code"] = (
        moved[:, active].square().mean(1) if active.any() else moved.new_zeros(len(moved))
    )

    rows = {}
    for name, members in _groups(found["skin"], validation).items():
        if int(members.sum()) >= FEWEST:
            rows[name] = {"pictures": int(members.sum()), **_scores(found, members)}
    for name in RECOGNISED:
        has = validation.attributes[:, validation.attribute_names.index(name)]
        for group, members in ((readable(name), has), (f"not {readable(name)}", ~has)):
            if group in rows:
                rows[group] |= recognised(found["small"], found["small_drawn"], has, members)
    return {"protocol": PROTOCOL, "pictures": len(moved), "rows": rows}


def _groups(skin: Tensor, validation) -> dict[str, Tensor]:
    """Name -> bool (N,): all, the three bands, and with and without each attribute."""
    bands = (skin < DARK, (skin >= DARK) & (skin <= LIGHT), skin > LIGHT)
    groups = {
        "all": torch.ones_like(skin, dtype=torch.bool),
        **dict(zip(BANDS, bands, strict=True)),
    }
    for index, name in enumerate(validation.attribute_names):
        has = validation.attributes[:, index]
        groups |= {readable(name): has, f"not {readable(name)}": ~has}
    return groups


def _scores(found: dict[str, Tensor], members: Tensor) -> dict[str, float]:
    mean = {name: found[name][members].mean().item() for name in ("ssim", "skin", "skin_drawn")}
    return {
        "psnr": round(-10 * found["mse"][members].mean().clamp_min(1e-10).log10().item(), 3),
        "ssim": round(mean["ssim"], 4),
        "code_error": round(found["code"][members].mean().sqrt().item(), 4),
        "skin": round(mean["skin"], 4),
        "shift": round(mean["skin_drawn"] - mean["skin"], 4),
    }


def recognised(pictures: Tensor, drawn: Tensor, has: Tensor, members: Tensor) -> dict[str, float]:
    """The share of `members` (N,) of which a linear classifier says what `has` (N,) says of them.

    pictures, drawn  (N, P): the pixels of the pictures and of their reconstructions
    """
    share = {"in_pictures": 0.0, "in_reconstructions": 0.0}
    half = torch.arange(len(has)) % 2 == 0
    for known in (half, ~half):
        x, y = pictures[known].double(), has[known].double()
        mean = x.mean(0)
        ridge = len(x) * 1e-3 * torch.eye(x.shape[1], dtype=x.dtype)
        weights = torch.linalg.solve(
            (x - mean).T @ (x - mean) + ridge, (x - mean).T @ (y - y.mean())
        )
        scores = (x - mean) @ weights
        last = scores.sort(descending=True).values[int(y.sum()) - 1 :][:2]  # in, and first out
        threshold = last.mean() if y.any() else torch.inf
        asked = ~known & members
        for name, pixels in (("in_pictures", pictures), ("in_reconstructions", drawn)):
            says = (pixels[asked].double() - mean) @ weights >= threshold
            share[name] += (says == has[asked]).double().sum().item() / int(members.sum())
    return {name: round(value, 4) for name, value in share.items()}
