"""One latent of a trained model as latents.json has it: a row, read, checked and written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from betavae.metrics.reconstruction import ACTIVE_NATS


@dataclass(frozen=True)
class Latent:
    """One latent of a trained model, measured over the validation split."""

    index: int
    kl: float  # mean, nats
    mean: float  # of the posterior means
    deviation: float  # their standard deviation
    low: float  # their 1 % and 99 % quantiles
    high: float
    # Best first: {"name", "correlation"} of an attribute, or of a factor {"name", "share"}, the
    # share of its entropy that this latent tells.
    tracks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return self.kl >= ACTIVE_NATS

    @property
    def tracked(self) -> str:
        """All that it tracks, such as "bangs -0.27, warm colours +0.14"."""
        return ", ".join(_track_text(track) for track in self.tracks)

    @property
    def named(self) -> list[dict[str, Any]]:
        """Those of `tracks` that it can be named by: not a weak correlation or a small share."""
        return [
            track
            for track in self.tracks
            if abs(track.get("correlation", 0)) >= 0.2 or track.get("share", 0) >= 0.1
        ]

    @property
    def label(self) -> str:
        """What a slider shows, such as "z12 · smiling +0.61" or "z3 · x 71 %, y 12 %"."""
        shown = self.named[:2] if self.named and "share" in self.named[0] else self.named[:1]
        text = ", ".join(_track_text(track) for track in shown)
        return f"z{self.index} · {text}" if text else f"z{self.index}"


def _track_text(track: dict[str, Any]) -> str:
    if "share" in track:
        return f"{track['name']} {track['share']:.0%}".replace("%", " %")
    return f"{track['name']} {track['correlation']:+.2f}"


def by_kl(latents: list[Latent]) -> list[Latent]:
    """The latents, strongest first."""
    return sorted(latents, key=lambda latent: -latent.kl)


def read_latents(rows: list[dict[str, Any]]) -> list[Latent]:
    """What latents.json holds; raises ValueError or TypeError where `latent_row` wrote no such."""
    latents = [Latent(**row) for row in rows]
    for number, latent in enumerate(latents):
        if not _is_measured(latent):
            raise ValueError(f"row {number} of latents.json lacks a value or has a wrong one")
    return latents


def _is_measured(latent: Latent) -> bool:
    values = (latent.kl, latent.mean, latent.deviation, latent.low, latent.high)
    tracks = latent.tracks
    return (
        all(isinstance(value, int | float) for value in values)
        and isinstance(tracks, list)
        and all(_is_track(track) for track in tracks)
    )


def _is_track(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("correlation", value.get("share")), int | float)
    )


def latent_row(latent: Latent) -> dict[str, Any]:
    """For latents.json, rounded to what is meant."""
    return {k: round(v, 5) if isinstance(v, float) else v for k, v in asdict(latent).items()}
