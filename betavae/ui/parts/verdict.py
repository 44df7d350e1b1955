"""Which model to use, and why, in words: read off the scores of the bundles that are there."""

from __future__ import annotations

from typing import Any

from betavae.study.kinds import USUAL, is_plain, pictures

Scored = dict[str, dict[str, float]]  # a model's title -> its scores
CLEARLY = 1.0  # dB


def shapes_verdict(
    models: Scored, beta_vae: str | None, over_seeds: Scored | None = None
) -> list[str]:
    """Sentences on models of 2D shapes; `beta_vae` is the title of the one they must beat.

    over_seeds  means over seeds, of models that have several: one seed may be lucky, and what is
                served is one seed each
    """
    told = [
        ("Best MIG", "mig", max, 3, ""),
        ("Best DCI by boosted trees", "dci", max, 3, ""),
        ("Best FactorVAE score", "factor-vae", max, 3, ""),
        ("Best reconstruction", "reconstruction", min, 1, " nats"),
    ]

    def beats(scores: dict[str, float], base: dict[str, float]) -> bool:
        return scores["mig"] > base["mig"] and scores["reconstruction"] < base["reconstruction"]

    claim = f"Better than {beta_vae} in both reconstruction and MIG"
    means = f"Better in both on average over seeds, after {USUAL:,} training pictures"
    return [
        _bests(models, told),
        *_against(models, beta_vae, claim, beats),
        *_against(over_seeds or {}, beta_vae, means, beats),
    ]


def means_over_seeds(study: dict[str, Any]) -> Scored:
    """Of a study's `conv` models with three seeds or more, of the usual length and not grown, what
    `shapes_verdict` compares."""
    rows = [row for row in study.get("models", []) if is_plain(row) and pictures(row) == USUAL]
    return {
        row["title"]: {
            "mig": row["scores"]["mig"]["mean"],
            "reconstruction": row["validation"]["reconstruction"]["mean"],
        }
        for row in rows
        if row["architecture"] == "conv" and len(row["seeds"]) > 2
    }


def faces_verdict(models: Scored, beta_vae: str | None) -> list[str]:
    """The same for models of faces: what it costs to keep few, strong latents.

    Pictures without attributes have no latents that track one, and nothing is said of them.
    """
    known = set.intersection(*(set(scores) for scores in models.values()))
    counts = [c for c in ("active_latents", "attribute_latents") if c in known]
    told = [
        ("Highest PSNR", "psnr", max, 2, " dB"),
        ("Smallest KL", "kl", min, 1, " nats"),
        ("Fewest active latents", "active_latents", min, 0, ""),
        ("Most latents that track one attribute", "attribute_latents", max, 0, ""),
    ]

    def beats(scores: dict[str, float], base: dict[str, float]) -> bool:
        sharper = scores["psnr"] >= base["psnr"] + CLEARLY
        return sharper and all(scores[count] >= base[count] for count in counts)

    told = [line for line in told if line[1] in known]
    claim = f"PSNR at least {CLEARLY:g} dB above {beta_vae}, with no fewer active latents"
    if "attribute_latents" in known:
        claim += " and no fewer latents that track one attribute"
    return [_bests(models, told), *_against(models, beta_vae, claim, beats)]


def best_cells(
    lines: list[dict[str, float]], better: dict[str, Any], digits: dict[str, int]
) -> dict[str, list[int]]:
    """For each score in `better` (min or max) the indices of the lines that are best by it: all
    whose figure is the best one, shown with so many digits."""
    return {
        score: _read_best([line[score] for line in lines], choose, digits[score])
        for score, choose in better.items()
    }


def _read_best(figures: list[float], choose, digits: int) -> list[int]:
    """Where the best of these figures stands, by min or max, and all that read the same."""
    shown = [round(figure, digits) for figure in figures]
    best = choose(shown)
    return [k for k, figure in enumerate(shown) if figure == best]


def _bests(models: Scored, told) -> str:
    parts, titles = [], list(models)
    for words, score, choose, digits, unit in told:
        figures = [scores[score] for scores in models.values()]
        best = _read_best(figures, choose, digits)
        named = " and ".join(titles[k] for k in best)
        parts.append(f"{words}: {named} ({figures[best[0]]:,.{digits}f}{unit})")
    return " ".join(f"{part}." for part in parts)


def _against(models: Scored, beta_vae: str | None, claim: str, beats) -> list[str]:
    """Whom the claim is true of; nothing where there is no β-VAE to compare with."""
    if beta_vae not in models:
        return []
    better = [title for title, scores in models.items() if beats(scores, models[beta_vae])]
    return [f"{claim}: {'; '.join(better) or 'none of these'}."]
