"""What a latent of a face model means: the attributes that its posterior mean tracks."""

from __future__ import annotations

import torch
from torch import Tensor

# Light and colour are what a face model codes first, and CelebA's annotators were not asked about
# them; these are measured on the picture itself.
PICTURE_STATISTICS = (
    "brightness",
    "background brightness",
    "warm colours",
    "light from the left",
    "background at the left",
    "background at the right",
    "skin brightness",
)
SKIN = (slice(36, 48), slice(22, 42))  # rows, columns of the crop: nose and cheeks

# A latent tracks one attribute: it tells it by this AUROC, so much better than any other latent;
# or a statistic by this correlation, so much more.
TELLING, LEADING = 0.65, 0.03
CORRELATED, LEADING_BY = 0.65, 0.05


def picture_statistics(images: Tensor) -> Tensor:
    """uint8 (N, 3, 64, 64) -> (N, 7) float, one column for each of PICTURE_STATISTICS, in [-1, 1].

    brightness             mean of all pixels
    background brightness  mean of the outer eighth at the left and right, above the shoulders
    warm colours           mean red minus mean blue
    light from the left    mean of the left half minus mean of the right half, as seen
    background at the left, at the right  mean of either eighth alone
    skin brightness        median luma of nose and cheeks
    """
    high, wide = images.shape[-2:]
    edge, above = wide // 8, high * 3 // 4
    columns = []
    for chunk in images.split(1024):
        x = chunk.float() / 255
        sides = [x[..., :above, :edge], x[..., :above, -edge:]]
        halves = [half.flatten(1).mean(1) for half in (x[..., : wide // 2], x[..., wide // 2 :])]
        columns.append(
            torch.stack(
                [
                    x.flatten(1).mean(1),
                    torch.cat(sides, dim=-1).flatten(1).mean(1),
                    x[:, 0].flatten(1).mean(1) - x[:, 2].flatten(1).mean(1),
                    halves[0] - halves[1],
                    *(side.flatten(1).mean(1) for side in sides),
                    skin_brightness(x),
                ],
                dim=1,
            )
        )
    return torch.cat(columns)


def skin_brightness(images: Tensor) -> Tensor:
    """Crops of aligned faces (N, 3, 64, 64) in [0, 1] -> median luma of the skin, (N,)."""
    red, green, blue = images[:, :, SKIN[0], SKIN[1]].unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue).flatten(1).median(1).values


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
    from scipy.stats import rankdata

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
    return _told_best(strength, strength, "auroc", names)


def best_correlated(codes: Tensor, values: Tensor, names: list[str]) -> dict[str, dict]:
    """Per statistic the single latent that tells it best, as `best_latents`: {name: {"latent": k,
    "correlation": r, "lead": |r| minus that of the next best latent}}. values (N, len(names))."""
    signed = torch.cat([correlations(codes, values), torch.zeros(1, len(names)).to(codes)])
    return _told_best(signed.abs(), signed, "correlation", names)


def _told_best(
    strength: Tensor, scores: Tensor, score: str, names: list[str]
) -> dict[str, dict[str, float]]:
    """strength, scores (L + 1, A), the last row that of no latent -> {name: {"latent", `score`,
    "lead"}}."""
    (best, second), (latent, _) = strength.topk(2, dim=0)
    return {
        name: {
            "latent": int(latent[i]),
            score: round(float(scores[latent[i], i]), 4),
            "lead": round(float(best[i] - second[i]), 4),
        }
        for i, name in enumerate(names)
    }


def stands_for(best: dict, stricter: tuple[float, float] = (0.0, 0.0)) -> bool:
    """Whether the best latent of an attribute or statistic tells it well, and no other does.

    stricter  added to both thresholds: of how well it is told, and of the lead
    """
    if "correlation" in best:
        told, least, lead = abs(best["correlation"]), CORRELATED, LEADING_BY
    else:
        told, least, lead = best["auroc"], TELLING, LEADING
    return told >= least + stricter[0] and best.get("lead", 0) >= lead + stricter[1]


def attribute_latents(
    *best: dict[str, dict], stricter: tuple[float, float] = (0.0, 0.0)
) -> list[int]:
    """The latents that track one attribute, from what `best_latents` and `best_correlated` give.

    A latent counts once, however many attributes it leads in: "male" and "wearing lipstick" are
    told by the same one. That an attribute has *one* latent is what MIG asks of a factor; its
    information in bits would mislead here, where attributes are correlated and rare.
    """
    found = [each for some in best for each in some.values()]
    return sorted({each["latent"] for each in found if stands_for(each, stricter)})


def what_is_told(codes: Tensor, faces, measured: Tensor) -> dict[str, dict[str, dict]]:
    """{"attributes", "statistics"}: by which latent of codes (N, L) each is told best, of a data
    set of N faces with `attributes`, `attribute_names` and `measured`, its picture_statistics."""
    names = [readable(name) for name in faces.attribute_names]
    return {
        "attributes": best_latents(codes, faces.attributes, names),
        "statistics": best_correlated(codes, measured, list(PICTURE_STATISTICS)),
    }


def readable(attribute: str) -> str:
    """CelebA's "Mouth_Slightly_Open" -> "mouth slightly open"; "5_o_Clock_Shadow" stays one."""
    return attribute.replace("_", " ").replace("5 o Clock", "5 o'clock").lower()
