"""What other libraries say, cut down to what fits into one sentence of ours."""

from __future__ import annotations


def reason(error: Exception) -> str:
    """The start of a library's message, which may run over many lines or be empty."""
    return " ".join(str(error).split())[:200] or type(error).__name__
