"""What a latent of a face model means: the attributes that its posterior mean tracks."""

from __future__ import annotations

import torch
from scipy.stats import rankdata
from torch import Tensor

# Light and colour are what a face model codes first, and CelebA's annotators were not asked about
# them; these are measured on the picture itself.
PICTURE_STATISTICS = ("brightness", "background brightness", "warm colours", "light from the left")

# A latent tracks one attribute: it tells it by this AUROC, so much better than any other latent.
TELLING, LEADING = 0.65, 0.03


def picture_statistics(images: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) -> (N, 4) float, one column for each of PICTURE_STATISTICS, in [-1, 1].

    brightness             mean of all pixels
    background brightness  mean of the outer eighth at the left and right, above the shoulders
    warm colours           mean red minus mean blue
    light from the left    mean of the left half minus mean of the right half, as seen
    """
    high, wide = images.shape[-2:]
    edge, above = wide // 8, high * 3 // 4
    columns = []
    for chunk in images.split(1024):
        x = chunk.float() / 255
        sides = torch.cat([x[..., :above, :edge], x[..., :above, -edge:]], dim=-1)
        halves = [half.flatten(1).mean(1) for half in (x[..., : wide // 2], x[..., wide // 2 :])]
        columns.append(
            torch.stack(
                [
                    x.flatten(1).mean(1),
                    sides.flatten(1).mean(1),
                    x[:, 0].flatten(1).mean(1) - x[:, 2].flatten(1).mean(1),
                    halves[0] - halves[1],
                ],
                dim=1,
            )
        )
    return torch.cat(columns)


def head_turn(landmarks: Tensor) -> Tensor:
    """How far the nose lies to the right of the eyes' midpoint, as seen, in eye distances, (N,).

    landmarks (N, 5, 2): eyes, nose, corners of the mouth, as `betavae.faces` finds them. A face not
    found is a row of NaN and gets the mean of the others, so that it correlates with nothing.
    """
    left, right, nose = landmarks[:, 0, 0], landmarks[:, 1, 0], landmarks[:, 2, 0]
    turn = (nose - (left + right) / 2) / (right - left)
    return torch.where(turn.isnan(), turn.nanmean(), turn)


def correlations(codes: Tensor, values: Tensor) -> Tensor:
    """Pearson correlation of each latent with each attribute: (N, L), (N, A) -> (L, A).

    A latent or attribute that does not vary correlates 0 with everything.
    """
    z, a = _standardised(codes), _standardised(values.float())
    return z.T @ a / len(z)


def _standardised(x: Tensor) -> Tensor:
    deviation = x.std(0, unbiased=False)
    scaled = (x - x.mean(0)) / deviation.clamp_min(1e-12)
    return torch.where(deviation > 1e-6, scaled, torch.zeros_like(scaled))


def auroc(codes: Tensor, attributes: Tensor) -> Tensor:
    """Area under the ROC curve of each latent as a score for each attribute, (L, A).

    codes (N, L), attributes bool (N, A). By the rank sum of Mann and Whitney; tied codes share
    their mean rank. 0.5 is chance; below it the latent runs the other way. An attribute that all
    or none have gets 0.5.
    """
    ranks = torch.from_numpy(rankdata(codes.cpu().numpy(), axis=0)).to(codes.device)
    positive = attributes.double()
    count = positive.sum(0)  # (A,)
    rank_sum = ranks.T @ positive  # (L, A)
    pairs = count * (len(codes) - count)
    area = (rank_sum - count * (count + 1) / 2) / pairs.clamp_min(1)
    return torch.where(pairs > 0, area, torch.full_like(area, 0.5)).float()


def best_latents(codes: Tensor, attributes: Tensor, names: list[str]) -> dict[str, dict]:
    """Per attribute the single latent that tells it best.

    {name: {"latent": k, "auroc": a, "lead": a minus the AUROC of the next best latent}}; an AUROC
    here is that of the latent's better direction, so at least 0.5.
    """
    area = auroc(codes, attributes)
    chance = torch.full_like(area[:1], 0.5)  # the next best to an only latent
    strength = torch.cat([torch.maximum(area, 1 - area), chance])
    (best, second), (latent, _) = strength.topk(2, dim=0)
    return {
        name: {
            "latent": int(latent[i]),
            "auroc": round(float(best[i]), 4),
            "lead": round(float(best[i] - second[i]), 4),
        }
        for i, name in enumerate(names)
    }


def stands_for(best: dict) -> bool:
    """Whether the best latent of an attribute tells it well, and no other latent does."""
    return best["auroc"] >= TELLING and best.get("lead", 0) >= LEADING


def attribute_latents(best: dict[str, dict]) -> list[int]:
    """The latents that track one attribute, from what `best_latents` gives.

    A latent counts once, however many attributes it leads in: "male" and "wearing lipstick" are
    told by the same one. That an attribute has *one* latent is what MIG asks of a factor; its
    information in bits would mislead here, where attributes are correlated and rare.
    """
    return sorted({found["latent"] for found in best.values() if stands_for(found)})


def readable(attribute: str) -> str:
    """CelebA's "Mouth_Slightly_Open" -> "mouth slightly open"; "5_o_Clock_Shadow" stays one."""
    return attribute.replace("_", " ").replace("5 o Clock", "5 o'clock").lower()
