"""The factors view: sliders for the true factors, and how each model's code answers them."""

from __future__ import annotations

from typing import Any

import torch

from betavae.data import Shapes2D
from betavae.data.shapes2d import SHAPE_NAMES
from betavae.serving import checks
from betavae.serving.pictures import jpeg_uris
from betavae.serving.studio import Studio

START = (2, 4, 5, 16, 16)  # a heart, fairly large, in the middle


def factor_sliders() -> list[dict[str, Any]]:
    """What the browser needs to draw a slider a factor."""
    shapes = Shapes2D(split="all")
    return [
        {"name": name, "size": size, "start": start, "values": _values(name, size)}
        for name, size, start in zip(shapes.factor_names, shapes.factor_sizes, START, strict=True)
    ]


def code_of_factors(studio: Studio):
    """The server function `factors`: one JSON value in, one out."""
    shapes = Shapes2D(split="all")

    def factors(request: Any) -> dict:
        """{"factors": five integers, "models": names} -> {"sprite": data URI, "models": {name:
        {"means": numbers, "deviations": numbers, "picture": data URI}}}."""
        if not isinstance(request, dict):
            raise checks.Refused("Send factors and models.")
        values, names = request.get("factors"), request.get("models")
        if not isinstance(values, list) or len(values) != len(shapes.factor_sizes):
            raise checks.Refused(f"Send {len(shapes.factor_sizes)} factors.")
        if not isinstance(names, list) or len(names) > len(studio.names):
            raise checks.Refused("Name the models that are shown.")
        chosen = [
            checks.whole_number(value, 0, size - 1, f"The factor {name}")
            for value, size, name in zip(
                values, shapes.factor_sizes, shapes.factor_names, strict=True
            )
        ]
        picture = shapes.images(torch.tensor([chosen])).float()
        return {
            "sprite": jpeg_uris(picture)[0],
            "models": {name: _answer(studio, _of_shapes(studio, name), picture) for name in names},
        }

    return factors


def _of_shapes(studio: Studio, name: Any) -> str:
    """A model of 2D shapes: a served one, or a visitor's own by who knows its name."""
    known = isinstance(name, str) and name in studio.bundles
    if known and studio.family(name) == "shapes2d":
        return name
    return checks.model_name(name, studio.families.get("shapes2d", []))


def _answer(studio: Studio, name: str, picture: torch.Tensor) -> dict[str, Any]:
    posterior = studio.encode(name, picture)
    return {
        "means": [round(value, 3) for value in posterior.mean[0].tolist()],
        "deviations": [round(v, 3) for v in (posterior.log_variance[0] / 2).exp().tolist()],
        "picture": jpeg_uris(studio.decode(name, posterior.mean))[0],
    }


def _values(name: str, size: int) -> list[str]:
    """What a slider's place means."""
    if name == "shape":
        return list(SHAPE_NAMES)
    if name == "scale":
        return [f"{0.5 + i / 10:.1f}" for i in range(size)]
    if name == "orientation":
        return [f"{i * 360 / (size - 1):.0f}°" for i in range(size)]
    return [str(i) for i in range(size)]
