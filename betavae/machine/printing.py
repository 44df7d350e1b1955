"""What is printed where a terminal cannot show all of it: Windows' code pages, LANG=C."""

from __future__ import annotations

import codecs
import contextlib
import sys

NAMED = {
    "α": "alpha", "β": "beta", "γ": "gamma", "λ": "lambda", "μ": "mu", "ρ": "rho", "σ": "sigma",
    "Σ": "sum", "−": "-", "±": "+-", "×": "x", "²": "^2", "→": "->", "↔": "<->",
    "–": "-", "“": '"', "”": '"', "’": "'", "·": "-", "…": "...", "≈": "~",
}  # fmt: skip


def never_fail() -> None:
    """From now on what stdout and stderr cannot encode is printed by name: "β-VAE" as "beta-VAE".

    The rest, such as other alphabets, becomes question marks.
    """
    codecs.register_error("betavae", _by_name)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # none, another's, closed
            stream.reconfigure(errors="betavae")


def _by_name(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is not UTF-8, as it came
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return NAMED.get(character, "?"), error.start + 1
