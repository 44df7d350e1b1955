"""Small pieces of HTML that several tabs draw."""

from __future__ import annotations

from html import escape

from PIL import Image

from betavae.ui.studio import data_uri, png_uri


def picture(image: Image.Image, alt: str, lossless: bool = True) -> str:
    """An <img> that needs no file on the server."""
    uri = png_uri(image) if lossless else data_uri(image)
    return f'<img src="{uri}" alt="{escape(alt, quote=True)}">'


def card(image: Image.Image, title: str, lines: list[str]) -> str:
    """A picture with its title and some lines of figures."""
    text = "".join(f"<span>{escape(line)}</span>" for line in lines)
    return (
        f"<figure>{picture(image, title)}"
        f"<figcaption><b>{escape(title)}</b>{text}</figcaption></figure>"
    )


def cards(items: list[str]) -> str:
    return f'<div class="cards">{"".join(items)}</div>'


def notice(text: str, wrong: bool = False) -> str:
    """One sentence; `wrong` where something could not be done."""
    kind = "notice wrong" if wrong else "notice"
    return f'<p class="{kind}" role="status">{escape(text)}</p>'
