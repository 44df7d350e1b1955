"""Markdown's paragraphs and lists, wrapped to a width: filled-in numbers leave ragged lines."""

from __future__ import annotations

import re
import textwrap

WIDTH = 110
AS_THEY_ARE = re.compile(r"[#|]|!\[")  # how headings, tables and figures begin
ITEM = re.compile(r"(?=^(?:- |\d+\. ))", re.MULTILINE)


def reflowed(text: str) -> str:
    """The same page with each paragraph and list item wrapped to WIDTH; headings, tables, figures
    and code stay as they are. Blocks are what blank lines part, but for code in ``` fences."""
    fenced = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _wrapped(part) for part in fenced)


def _wrapped(text: str) -> str:
    return "\n\n".join(
        block if AS_THEY_ARE.match(block.lstrip("\n")) else _block(block)
        for block in text.split("\n\n")
    )


def _block(block: str) -> str:
    """A paragraph, or the items of a list; blank lines at its ends stay."""
    before, after = (block[: len(block) - len(block.lstrip("\n"))], "\n" * block.endswith("\n"))
    items = [item for item in ITEM.split(block.strip("\n")) if item.strip()]
    return before + "\n".join(map(_filled, items)) + after * bool(items)


def _filled(item: str) -> str:
    marker = re.match(r"- |\d+\. ", item)
    return textwrap.fill(
        " ".join(item.split()),
        WIDTH,
        subsequent_indent=" " * len(marker[0]) if marker else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
