"""Sharp pictures: whose details they have, as the browser asks for it."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from betavae.serving import checks
from betavae.serving.studio import Studio


def details_of(
    studio: Studio, request: dict, output: str, wanted: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Of sharp pictures by the models in `wanted`: what {model: word} in the request is for, or the
    middle of the prior."""
    if output != "sharp":
        return {}
    sent = request.get("details") or {}
    if not isinstance(sent, dict):
        raise checks.Refused("Send one word for details a model.")
    return {name: _details(studio, name, sent.get(name, "none")) for name in wanted}


def _details(studio: Studio, name: str, sent: Any) -> Tensor | None:
    """Of one face, or of the way from one to another: [word, word, share from 0 to 1]."""
    if not isinstance(sent, list):
        return studio.details(name, sent)
    if len(sent) != 3 or not isinstance(sent[2], int | float) or not 0 <= sent[2] <= 1:
        raise checks.Refused("Send two words for details and a share from 0 to 1.")
    one, other = (studio.details(name, word) for word in sent[:2])
    return None if one is None else one.lerp(other, float(sent[2]))
