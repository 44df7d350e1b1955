"""What a training code is doing, in the field's words, from numbers of this moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from betavae.data.shapes2d import FACTOR_SIZES
from betavae.metrics.reconstruction import ACTIVE_NATS
from betavae.metrics.telling import entropies, tellers

FACTORS = ("shape", "size", "turn", "x", "y")  # of 2D shapes, as short as a column's head
MOST = 3  # latents that are named as sharing a factor


def in_words(report: dict[str, Any]) -> str:
    """One or two sentences: which latent tells which factor, which share one, which are silent."""
    kl = report["kl"]
    heard = [k for k, nats in enumerate(kl) if nats >= ACTIVE_NATS]
    silent = _silent(len(kl) - len(heard), len(kl))
    carried = f"The code carries {sum(kl):.1f} nats"
    if not heard:
        return "The code is silent: every picture has the same one, and the decoder draws the mean."
    if "information" not in report:
        return f"{carried} in {_count(len(heard), 'latent')}; {silent}."
    information = np.array(report["information"])
    found = dict(zip(FACTORS, tellers(information, entropies(FACTOR_SIZES)), strict=True))
    parts = [*_own(found, information), *_shared(found)]
    if not parts:
        return f"{carried}, but no latent tells a factor yet."
    left = [name for name, latents in found.items() if not latents]
    rest = f"nothing tells {_list(left)} yet" if left else "every factor is told"
    return f"{'; '.join(parts)}; {rest}. {carried}; {silent}."


def own_latents(report: dict[str, Any]) -> dict[int, list[str]]:
    """{latent: the factors that it tells at least twice as much of as any other latent}."""
    if "information" not in report:
        return {}
    found: dict[int, list[str]] = {}
    every = tellers(np.array(report["information"]), entropies(FACTOR_SIZES))
    for name, latents in zip(FACTORS, every, strict=True):
        if len(latents) == 1:
            found.setdefault(latents[0], []).append(name)
    return found


def _own(found: dict[str, list[int]], information: np.ndarray) -> list[str]:
    """ "z3 tells x (0.61 nats)", and of one that tells several, "z1 mixes x and y"."""
    of: dict[int, list[str]] = {}
    for name, latents in found.items():
        if len(latents) == 1:
            of.setdefault(latents[0], []).append(name)
    parts = []
    for latent, names in of.items():
        nats = [information[latent, FACTORS.index(name)] for name in names]
        if len(names) == 1:
            parts.append(f"z{latent} tells {names[0]} ({nats[0]:.2f} nats)")
        else:
            parts.append(f"z{latent} mixes {_list(names)}")
    return parts


def _shared(found: dict[str, list[int]]) -> list[str]:
    by: dict[tuple[int, ...], list[str]] = {}
    for name, latents in found.items():
        if len(latents) > 1:
            by.setdefault(tuple(sorted(latents)), []).append(name)
    return [f"{_sharers(latents)} share {_list(names)}" for latents, names in by.items()]


def _sharers(latents: Sequence[int]) -> str:
    if len(latents) > MOST:
        return f"{len(latents)} latents"
    return _list([f"z{k}" for k in latents])


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _silent(silent: int, of: int) -> str:
    if not silent:
        return "no latent is silent"
    return f"{silent} of {of} latents {'is' if silent == 1 else 'are'} silent"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
