"""Whose details a sharp picture has, in a word that fits into a link.

"f12"   those of the stored face number 12, one that the models were not trained on
"t7"    those that the renderer keeps of a training face, number 7
"none"  all at zero: their prior's middle
"p..."  a visitor's own, as they were read from a photo: a signed byte each, in URL-safe base64
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from betavae.bundles import Bundle, BundleError
from betavae.model import WeightsError
from betavae.renderer import Renderer
from betavae.serving.checks import Refused

STEP = 1 / 16  # between two bytes: a posterior of details is wider, and 8 s.d. are enough
NEAREST = 6  # stored faces whose details go with a code of no picture
REFUSED = "These details are of no face here; choose others."


def renderers(served: Mapping[str, Bundle]) -> tuple[dict[str, Renderer], dict[str, str]]:
    """The second decoders of those bundles that have one, by name; and what is wrong with the
    others, whose models do without."""
    found, wrong = {}, {}
    for name, bundle in served.items():
        if not bundle.has_renderer:
            continue
        try:
            found[name], _ = bundle.renderer, bundle.details
        except (WeightsError, BundleError) as error:
            wrong[f"{name}, sharp"] = str(error)
    return found, wrong


def resolve(bundle: Bundle, word: Any) -> Tensor:
    """The details (S,) that a word is for. Raises Refused."""
    if not isinstance(word, str) or len(word) > 4096:
        raise Refused(REFUSED)
    renderer = bundle.renderer
    if word == "none":
        return torch.zeros(renderer.detail_size)
    if word.startswith("p"):
        return _unpacked(word[1:], renderer.detail_size)
    kind, number = word[:1], word[1:]
    rows = {"f": bundle.details, "t": renderer.known}.get(kind)
    if rows is None or not (number.isascii() and number.isdecimal()) or len(number) > 5:
        raise Refused(REFUSED)
    if int(number) >= len(rows):
        raise Refused(REFUSED)
    return rows[int(number)]


def packed(details: Tensor) -> str:
    """Details (S,) read from a photo -> their word, to half a STEP."""
    steps = (details / STEP).round().clamp(-128, 127).to(torch.int8)
    return "p" + base64.urlsafe_b64encode(steps.numpy().tobytes()).decode()


def of_stored(face: int) -> str:
    """The word for those of a stored face."""
    return f"f{face}"


def likely(bundle: Bundle, code: Tensor) -> str:
    """The word for details that go with a code (L,) of no picture: the mean of those of the stored
    faces that are nearest to it.

    Distances are in standard deviations of the latents in use. Details of one face alone that is
    not very near quarrel with the code; zeros are near nobody's.
    """
    used = [latent.index for latent in bundle.active]
    faces = bundle.codes[:, used]
    distances = ((faces - code[used]) / faces.std(0)).square().sum(1)
    nearest = distances.topk(min(NEAREST, len(faces)), largest=False).indices
    return packed(bundle.details[nearest].mean(0))


def _unpacked(text: str, size: int) -> Tensor:
    try:
        content = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Refused(REFUSED) from error
    if len(content) != size:
        raise Refused(REFUSED)
    return torch.frombuffer(bytearray(content), dtype=torch.int8).float() * STEP
