"""Small pieces of HTML that several tabs draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from betavae.serving.pictures import data_uri, png_uri


def picture(image: Image.Image, alt: str, lossless: bool = True) -> str:
    """An <img> that needs no file on the server."""
    uri = png_uri(image) if lossless else data_uri(image)
    return f'<img src="{uri}" alt="{escape(alt, quote=True)}">'


def card(
    image: Image.Image,
    title: str,
    lines: list[str],
    second: Image.Image | None = None,
    items: Sequence[str] = (),
    heading: str = "",
) -> str:
    """A picture, perhaps with its difference from the original beside it, its title, some lines of
    figures, and a list under its heading."""
    text = "".join(f"<span>{escape(line)}</span>" for line in lines)
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    beside = picture(second, f"{title}: difference from the original") if second else ""
    if listed:
        listed = f"<span>{escape(heading)}</span><ul>{listed}</ul>"
    return (
        f'<figure><div class="pictures">{picture(image, title)}{beside}</div>'
        f"<figcaption><b>{escape(title)}</b>{text}{listed}</figcaption></figure>"
    )


def overview(photo: Image.Image, boxes: Sequence[tuple[float, float, float, float]]) -> str:
    """The photo, small, with each face's box and number."""
    small = photo.copy()
    small.thumbnail((480, 480))
    scale = small.width / photo.width
    draw, font = ImageDraw.Draw(small), ImageFont.load_default(16)
    for number, box in enumerate(boxes, start=1):
        left, top, right, bottom = (value * scale for value in box)
        draw.rectangle((left, top, right, bottom), outline=(99, 102, 241), width=3)
        draw.text(
            (left + 5, top + 3),
            str(number),
            (255, 255, 255),
            font,
            stroke_width=2,
            stroke_fill=(0, 0, 0),
        )
    return (
        f'<figure class="overview">{picture(small, "Faces found", lossless=False)}'
        "<figcaption>Faces found</figcaption></figure>"
    )


def table(lines: list[list[str]], name: str, best: Sequence[tuple[int, int]] = ()) -> str:
    """The first line as headings; the first cell of each other line as its heading.

    best  (line, column) of cells to set off
    """
    head = "".join(f"<th>{escape(cell)}</th>" for cell in lines[0])
    body = ""
    for number, (first, *cells) in enumerate(lines[1:], start=1):
        texts = "".join(
            f"<td{' class=best' if (number, column) in best else ''}>{escape(cell)}</td>"
            for column, cell in enumerate(cells, start=1)
        )
        body += f"<tr><th>{escape(first)}</th>{texts}</tr>"
    return f'<div class="scroll"><table class="scores {name}"><tr>{head}</tr>{body}</table></div>'


def bar_chart(values: list[float], names: list[str], tips: list[str], title: str) -> str:
    """Upright bars from zero to the largest, each with its name below and a tip on hovering."""
    top = max(values) or 1
    bars = "".join(
        f'<div class="bar" title="{escape(tip, quote=True)}"><i style="height:{value / top:.1%}">'
        f"</i><span>{escape(name)}</span></div>"
        for value, name, tip in zip(values, names, tips, strict=True)
    )
    return (
        f'<figure class="bar-chart"><figcaption>{escape(title)}; the largest is {top:.2f}'
        f'</figcaption><div class="columns">{bars}</div></figure>'
    )


def scatter(points: dict[str, tuple[float, float]], x_title: str, y_title: str) -> str:
    """Numbered points on two axes from zero, and their names below: they wrap on a phone, where the
    legend of Gradio's own plot is cut off.

    points  name -> (x, y), neither negative
    """
    across, upwards = (
        _ticks(max(point[axis] for point in points.values()) or 1) for axis in (0, 1)
    )
    marks = [
        *(f'<span class="x" style="left:{t / across[-1]:.1%}">{t:g}</span>' for t in across),
        *(f'<span class="y" style="bottom:{t / upwards[-1]:.1%}">{t:g}</span>' for t in upwards),
    ]
    dots, names = "", ""
    for number, (name, (x, y)) in enumerate(points.items(), start=1):
        tip = escape(f"{name}: {x_title} {x:.1f}, {y_title} {y:.2f}", quote=True)
        place = f"left:{x / across[-1]:.1%};bottom:{y / upwards[-1]:.1%}"
        dots += f'<i style="{place}" title="{tip}">{number}</i>'
        names += f"<li><i>{number}</i> {escape(name)}</li>"
    return (
        f'<figure class="scatter"><figcaption>{escape(y_title)}</figcaption>'
        f'<div class="field">{"".join(marks)}{dots}</div>'
        f"<figcaption>{escape(x_title)}</figcaption><ol>{names}</ol></figure>"
    )


def _ticks(largest: float) -> list[float]:
    """From zero in steps of 1, 2 or 5 times a power of ten, the last at or above `largest`."""
    power = 10.0 ** math.floor(math.log10(largest))
    step = next(s * power for s in (0.2, 0.5, 1, 2) if largest <= 5 * s * power)
    return [round(step * k, 12) for k in range(math.ceil(largest / step - 1e-9) + 1)]


def heat_map(shares: np.ndarray, rows: list[str], columns: Sequence[str], title: str) -> str:
    """Shares (rows, columns) in [0, 1] as a table: the larger, the darker the cell."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = ""
    for name, row in zip(rows, shares, strict=True):
        cells = "".join(
            f'<td style="--share:{share:.3f}" class="{"strong" if share > 0.45 else ""}">'
            f"{share * 100:.0f}</td>"
            for share in row
        )
        body += f"<tr><th>{escape(name)}</th>{cells}</tr>"
    return (
        f'<table class="heat"><caption>{escape(title)}, per cent</caption>'
        f"<tr><th></th>{head}</tr>{body}</table>"
    )


def cards(items: list[str]) -> str:
    return f'<div class="cards">{"".join(items)}</div>'


def notice(text: str, wrong: bool = False) -> str:
    """One sentence; `wrong` where something could not be done."""
    kind = "notice wrong" if wrong else "notice"
    return f'<p class="{kind}" role="status">{escape(text)}</p>'
