"""What a latent is called, in words: "background: dark ↔ bright"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from betavae.bundles.latent import Latent, by_kl
from betavae.metrics.attributes import correlations

# A weaker correlation is no name (it is 4 % of the variance), nor is a smaller share of a factor.
LEAST_CORRELATION, LEAST_SHARE = 0.2, 0.1
SECOND = 0.6  # of the best: what it tracks much less than that would mislead as its name
# What a latent tracks -> its noun, and what little and much of it look like. The ends of an
# attribute are its annotators' judgement; those that judge a person are no name of a slider.
WORDS = {
    "brightness": ("brightness", "dark", "bright"),
    "background brightness": ("background", "dark", "bright"),
    "warm colours": ("colours", "cool", "warm"),
    "light from the left": ("light", "from right", "from left"),
    "background at the left": ("left background", "dark", "bright"),
    "background at the right": ("right background", "dark", "bright"),
    "skin brightness": ("skin", "dark", "light"),
    "head turned right": ("head turn", "left", "right"),
    "5 o'clock shadow": ("stubble", "none", "full"),
    "arched eyebrows": ("eyebrow arch", "flat", "arched"),
    "attractive": None,
    "bags under eyes": ("bags under eyes", "none", "full"),
    "bald": ("bald head", "less", "more"),
    "bangs": ("fringe", "none", "full"),
    "big lips": ("lips", "thin", "full"),
    "big nose": ("nose", "small", "big"),
    "black hair": ("black hair", "less", "more"),
    "blond hair": ("blond hair", "less", "more"),
    "blurry": ("focus", "sharp", "blurred"),
    "brown hair": ("brown hair", "less", "more"),
    "bushy eyebrows": ("eyebrows", "thin", "bushy"),
    "chubby": None,
    "double chin": ("chin", "single", "double"),
    "eyeglasses": ("glasses", "none", "full"),
    "goatee": ("goatee", "none", "full"),
    "gray hair": ("grey hair", "less", "more"),
    "heavy makeup": ("make-up", "none", "heavy"),
    "high cheekbones": ("cheekbones", "low", "high"),
    "male": ("“male”", "less", "more"),
    "mouth slightly open": ("mouth", "closed", "open"),
    "mustache": ("moustache", "none", "full"),
    "narrow eyes": ("eyes", "wide", "narrow"),
    "no beard": ("beard", "full", "none"),
    "oval face": ("oval face", "less", "more"),
    "pale skin": ("pale skin", "less", "more"),
    "pointy nose": ("nose tip", "round", "pointed"),
    "receding hairline": ("hairline", "low", "high"),
    "rosy cheeks": ("rosy cheeks", "less", "more"),
    "sideburns": ("sideburns", "none", "full"),
    "smiling": ("smile", "none", "broad"),
    "straight hair": ("straight hair", "less", "more"),
    "wavy hair": ("wavy hair", "less", "more"),
    "wearing earrings": ("earrings", "none", "large"),
    "wearing hat": ("hat", "none", "large"),
    "wearing lipstick": ("lipstick", "none", "strong"),
    "wearing necklace": ("necklace", "none", "large"),
    "wearing necktie": ("necktie", "none", "full"),
    "young": ("age", "older", "younger"),
    # The factors of 2D shapes.
    "x": ("across", "left", "right"),
    "y": ("height", "top", "bottom"),
    "scale": ("size", "small", "large"),
    "orientation": ("rotation", "", ""),
    "shape": ("shape", "", ""),
}


@dataclass(frozen=True)
class Name:
    """What a slider is called, and what its ends at -3 and 3 look like ("" where unknown)."""

    noun: str
    low: str = ""
    high: str = ""

    def __str__(self) -> str:
        return f"{self.noun}: {self.low} ↔ {self.high}" if self.low or self.high else self.noun


def name_latents(
    latents: Sequence[Latent], directions: dict[int, dict[str, float]] | None = None
) -> dict[int, Name]:
    """A name for each latent of a model, by its index; no two active ones share a noun.

    What tracks an attribute best gets its noun; the next one that of its second-best attribute, or
    of both ("light, also smile"), or a number ("light 2"). Without any it is "unnamed z7".

    directions  {latent: {factor: its correlation}}: a factor's share of entropy has no sign
    """
    known = {k.index: _candidates(k, (directions or {}).get(k.index, {})) for k in latents}
    named: dict[int, Name] = {}
    for group in (True, False):  # the sliders that are seen choose first
        taken = {name.noun for name in named.values()} if group else set()
        members = [latent.index for latent in by_kl(list(latents)) if latent.active == group]
        pairs = [
            (strength, k, name)
            for k in members
            for strength, name in known[k]
            if strength >= SECOND * known[k][0][0]
        ]
        for _, k, name in sorted(pairs, key=lambda pair: -pair[0]):
            if k not in named and name.noun not in taken:
                named[k] = name
                taken.add(name.noun)
        for k in members:
            if k not in named:
                named[k] = _another(k, [name for _, name in known[k]], taken)
                taken.add(named[k].noun)
    return named


def _candidates(latent: Latent, directions: dict[str, float]) -> list[tuple[float, Name]]:
    """(strength, name) of all that it tracks well enough, best first."""
    found = []
    for track in latent.tracks:
        strength = abs(track.get("correlation", track.get("share", 0)))
        least = LEAST_CORRELATION if "correlation" in track else LEAST_SHARE
        words = WORDS.get(track["name"], (track["name"], "less", "more"))
        if strength < least or words is None:
            continue
        noun, *ends = words
        sign = track.get("correlation", directions.get(track["name"], 0))
        low, high = ("", "") if not sign else ends if sign > 0 else ends[::-1]
        found.append((strength, Name(noun, low, high)))
    return found


def _another(index: int, names: list[Name], taken: set[str]) -> Name:
    """A noun that is free, where those of its attributes are not."""
    if not names:
        return Name(f"unnamed z{index}")
    best = names[0]
    nouns = [f"{best.noun}, also {other.noun}" for other in names[1:]]
    nouns += [f"{best.noun} {number}" for number in range(2, len(taken) + 3)]
    return Name(next(noun for noun in nouns if noun not in taken), best.low, best.high)


def factor_directions(codes: Tensor, pictures: Tensor) -> dict[int, dict[str, float]]:
    """Which way each latent moves the factors that a picture itself tells: {latent: {factor: r}}.

    codes (N, L), pictures (N, 1, H, W) in [0, 1], what they decode to. Light pixels on black: their
    number is the scale, their centre of mass the place; y grows downwards.
    """
    mass = pictures.sum((1, 2, 3)).clamp_min(1e-6)
    high, wide = pictures.shape[-2:]
    x = (pictures.sum((1, 2)) * torch.arange(wide)).sum(1) / mass
    y = (pictures.sum((1, 3)) * torch.arange(high)).sum(1) / mass
    matrix = correlations(codes, torch.stack([x, y, mass], dim=1))
    return {
        latent: dict(zip(("x", "y", "scale"), row, strict=True))
        for latent, row in enumerate(matrix.tolist())
    }
