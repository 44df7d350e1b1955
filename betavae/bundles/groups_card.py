"""The model card's part about whom a face model reconstructs how well."""

from __future__ import annotations

from typing import Any

from betavae.metrics.groups import BANDS

SHOWN = ("male", "young", "eyeglasses", "wearing hat", "pale skin")


def groups_part(metrics: dict[str, Any]) -> list[str]:
    """Lines of Markdown; none for a bundle whose groups were not measured."""
    measured = metrics.get("groups", {})
    if not measured.get("rows"):
        return []
    both = (name for shown in SHOWN for name in (shown, f"not {shown}"))
    rows = {n: measured["rows"][n] for n in ("all", *BANDS, *both) if n in measured["rows"]}
    return [
        "",
        "## Whom it reconstructs how well",
        "",
        "| faces | pictures | PSNR ↑, dB | SSIM ↑ | code error ↓, s.d. | skin's luma, its shift | "
        "recognised in pictures, reconstructions |",
        "|---|---|---|---|---|---|---|",
        *(_row(name, row) for name, row in rows.items()),
        "",
        f"All groups are in `metrics.json`. Protocol: {measured['protocol']}; code version "
        f"`{measured['code_version']}`.",
    ]


def _row(name: str, row: dict[str, Any]) -> str:
    found = ""
    if "in_pictures" in row:
        found = f"{row['in_pictures']:.0%}, {row['in_reconstructions']:.0%}"
    return (
        f"| {name} | {row['pictures']:,} | {row['psnr']:.2f} | {row['ssim']:.3f} | "
        f"{row['code_error']:.3f} | {row['skin']:.3f}, {row['shift']:+.3f} | {found} |"
    )
