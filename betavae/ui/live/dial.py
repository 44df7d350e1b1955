"""β under the hand: what the browser needs of a model of every β, and what it asks."""

from __future__ import annotations

from typing import Any

from betavae.bundles import Bundle
from betavae.serving import checks
from betavae.serving.pictures import jpeg_uris
from betavae.serving.studio import Studio

SCRIPTS = ("dial/dial.js", "dial/turning.js")  # of every page that has a dial
SCORES = {"mig": "mig", "accuracy": "beta-vae"}  # where the factors are known


def describe_dial(bundle: Bundle) -> dict[str, Any]:
    """What the browser needs of a model of every β: its range, and what was measured along it."""
    points = bundle.metrics.get("rates", {}).get("points", [])
    return {
        "betas": bundle.dial.betas,
        "beta": bundle.dial.beta,
        "pictures": bundle.config["data"]["validation_pictures"],
        "points": [
            {
                "beta": point["beta"],
                "kl": point["kl"],
                "mean": round(point["psnr_mean"], 3),
                "sample": round(point["psnr_sample"], 3),
                **{key: point[name] for key, name in SCORES.items() if name in point},
                "kls": [_short(value) for value in point["kl_per_latent"]],
            }
            for point in points
        ],
    }


def _short(nats: float) -> float:
    """Three digits, and no more than three behind the point: the page holds hundreds of them."""
    return float(f"{round(nats, 3):.3g}")


def betas_of(studio: Studio, request: dict) -> dict[str, float]:
    """{model: β} as a request may have it, checked."""
    sent = request.get("betas")
    if sent is None:
        return {}
    if not isinstance(sent, dict) or len(sent) > len(studio.names):
        raise checks.Refused("Send one β a model.")
    return {
        checks.model_name(name, studio.names): _beta(studio, name, value)
        for name, value in sent.items()
    }


def _beta(studio: Studio, name: str, value: Any) -> float:
    dial = studio.bundles[name].dial
    if dial is None:
        raise checks.Refused(f"{studio.title(name)} has one β only.")
    return checks.beta(value, dial.betas)


def turn_function(studio: Studio):
    """The server function `turn`: one JSON value in, one out."""

    def turn(request: dict) -> dict:
        """{"model", "code", "before", "beta", "seed"} -> {"code", "kl", "picture", "psnr"}.

        The picture that the code is at the β `before`, coded again at `beta`: the posterior mean
        or, with a seed, a sample of it.
        """
        if not isinstance(request, dict):
            raise checks.Refused("Say which model is turned, and to which β.")
        name = checks.model_name(request.get("model"), studio.names)
        code = checks.codes(request.get("code"), studio.bundles[name].vae.latents)
        before, beta = (_beta(studio, name, request.get(key)) for key in ("before", "beta"))
        seed = request.get("seed")
        if seed is not None:
            seed = checks.whole_number(seed, 0, 2**31, "The seed")
        found = studio.turn(name, code[0], before, beta, seed)
        return {
            "code": [round(value, 4) for value in found.code.tolist()],
            "kl": [round(value, 4) for value in found.kl.tolist()],
            "picture": jpeg_uris(found.picture[None])[0],
            "psnr": round(found.psnr, 2),
        }

    return turn
