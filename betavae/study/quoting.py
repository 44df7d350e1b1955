"""How a report quotes what was measured: a score knows its digits, its spread and its seeds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from betavae.bundles.rates import difference
from betavae.study.table import PER_CENT

DIGITS = {  # of a score in a sentence; those that are not named here have three
    **dict.fromkeys(PER_CENT, 1),
    "reconstruction": 0,
    "kl": 1,
    "psnr": 2,
    "pca_psnr": 2,
    "active_latents": 0,
    "attribute_latents": 0,
    "mse": 5,
}


class Score(float):
    """A mean over seeds. In a sentence it is written with the digits that such a score is worth.

    .sd, .half, .low, .high  over seeds: standard deviation, mean of the better half, extremes
    .each                    every seed's, in the order of the seeds
    """

    def __new__(cls, values: list[float], digits: int, scale: float = 1.0, **known: float):
        mean = known["mean"] if "mean" in known else sum(values) / len(values)
        score = super().__new__(cls, mean * scale)
        score.digits = digits

        def alone(value: float) -> Score:
            return score if len(values) == 1 else cls([value], digits, scale)

        score.each = [alone(value) for value in values]
        score.low, score.high = alone(min(values)), alone(max(values))
        for name, key in (("sd", "sd"), ("half", "top_half")):
            if key in known:
                setattr(score, name, alone(known[key]))
        return score

    def __str__(self) -> str:
        return f"{float(self):.{self.digits}f}"


def quoted(row: dict[str, Any]) -> SimpleNamespace:
    """A row of study.json, a model's or a baseline's: `.mig`, `.beta_vae_paper`, `.reconstruction`,
    each a Score, and `.seeds`, `.minutes`, `.chosen_seed` as they are."""
    scores = row["scores"] | row.get("validation", {})
    plain = {k: row[k] for k in ("seeds", "minutes", "chosen_seed", "title") if k in row}
    return SimpleNamespace(
        **plain,
        **{
            _identifier(name): Score(
                found["values"],
                DIGITS.get(name, 3),
                100 if name in PER_CENT else 1,
                **{k: found[k] for k in ("mean", "sd", "top_half")},
            )
            for name, found in scores.items()
        },
    )


def quoted_bundle(config: dict[str, Any], measured: dict[str, Any]) -> SimpleNamespace:
    """A served bundle: its scores as `quoted` gives them, `.title`, `.minutes` of training,
    `.training` (settings), `.pictures`, `.rotated` (how its axes were chosen, or None), `.beside`
    (of every β, by how much it differs from a model of one: {β: scores}, in per cent, loss in nats)
    and `.attributes` where it has them; of 2D shapes also `.mig_of_four`, without the shape, and
    `.redrawn`, each score's standard deviation over other draws of pictures."""
    return SimpleNamespace(
        title=config["title"],
        minutes=config["seconds"] / 60,
        training=config["training"],
        **_redrawn(measured),
        pictures=config["data"],
        rotated=config.get("rotated"),
        beside={
            one["beta"]: difference(one) for one in measured.get("rates", {}).get("single", [])
        },
        attributes={
            name: SimpleNamespace(auroc=Score([v["auroc"]], 2), lead=Score([v["lead"]], 2))
            for name, v in measured.get("attributes", {}).items()
        },
        **{
            _identifier(name): Score([value], DIGITS.get(name, 3), 100 if name in PER_CENT else 1)
            for name, value in measured["scores"].items()
        },
    )


def _redrawn(measured: dict[str, Any]) -> dict[str, Any]:
    if "metrics" not in measured:  # not of 2D shapes
        return {}
    by_factor = measured["metrics"]["mig"]["per_factor"][1:]
    spreads = {
        _identifier(name): Score([six / 6], 3) for name, six in measured["tolerance"].items()
    }
    return {"mig_of_four": Score([sum(by_factor) / len(by_factor)], 3), "redrawn": spreads}


def band(line: dict[str, list[float]], axis: str, place: float) -> Score:
    """The point of a curve at `place`, in per cent, with the extremes over seeds."""
    at = line[axis].index(place)
    low, high = line["low"][at], line["high"][at]
    return Score([low, high], 0, 100, mean=line["mean"][at])


def listed(values) -> str:
    """ "0.406, 0.418 and 0.409"."""
    *first, last = map(str, values)
    return f"{', '.join(first)} and {last}" if first else last


def _identifier(name: str) -> str:
    return name.replace("-", "_")
