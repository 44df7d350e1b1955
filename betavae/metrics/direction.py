"""Which way a score is better."""

from __future__ import annotations

# Fewer nats or active latents are neither better nor worse, so they are not here.
BETTER = {
    **dict.fromkeys(("psnr", "ssim", "elbo"), max),
    **dict.fromkeys(("beta-vae", "beta-vae-paper", "factor-vae", "mig", "sap", "irs"), max),
    **dict.fromkeys(("dci", "dci-forest", "dci-completeness", "dci-informativeness"), max),
    **dict.fromkeys(("modularity", "explicitness"), max),
    **dict.fromkeys(("reconstruction", "mse"), min),
}
ARROWS = {max: " ↑", min: " ↓", None: ""}
LEGEND = "↑ higher is better, ↓ lower is better, no arrow: neither."


def with_arrow(title: str, score: str) -> str:
    """Such as "MIG ↑"."""
    return title + ARROWS[BETTER.get(score)]
