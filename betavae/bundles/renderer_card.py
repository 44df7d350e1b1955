"""The renderer's part of a model card."""

from __future__ import annotations

from typing import Any

WAYS = ("images", "plain", "own", "drawn")
ROWS = (  # score, name in the table, digits
    ("detail", "Detail: variance of the Laplacian, share of the pictures'", 2),
    ("frechet", "Fréchet distance to real faces", 2),
    ("kernel", "Kernel distance to real faces", 4),
    ("psnr", "PSNR, dB", 2),
    ("ssim", "SSIM", 3),
    ("kept_swapped_median", "Code read back, other faces' codes: median correlation", 3),
    ("kept_swapped_worst", "the worst latent's", 3),
    ("kept_moved_median", "Code read back, one latent moved: median correlation", 3),
    ("kept_moved_worst", "the worst latent's", 3),
    ("auroc_change_worst", "Largest change of an attribute's AUROC", 3),
    ("jump_worst", "Largest jump along a slider, over its median step", 2),
)


def renderer_part(name: str, config: dict[str, Any], metrics: dict[str, Any]) -> list[str]:
    """Lines of Markdown; none for a bundle without a renderer."""
    if "renderer" not in config or "renderer" not in metrics:
        return []
    made, measured = config["renderer"], metrics["renderer"]
    training, scores = made["training"], measured["scores"]
    start = f", starting from `{training['start']}`" if training["start"] else ""
    rows = ["| score | pictures | plain | own details | drawn details |", "|---|---|---|---|---|"]
    for score, title, digits in ROWS:
        found = [scores.get(f"{score}_{way}") for way in WAYS]
        if score == "detail":
            found[0] = 1.0
        if any(value is not None for value in found[1:]):
            shown = ("" if value is None else f"{value:.{digits}f}" for value in found)
            rows.append(f"| {title} | {' | '.join(shown)} |")
    return [
        "",
        "## Sharp: the renderer",
        "",
        "`renderer.safetensors` is a second decoder: it takes the picture that this model draws "
        "and adds detail to it, its own network beside the model, which stays as it is (after Lee "
        'et al., ECCV 2020, "High-Fidelity Synthesis with Disentangled Representation"). The '
        "added detail is invented: likely, not seen. Only a photo's own details (the `details` "
        "below) carry something of that photo.",
        "",
        f"{made['parameters']:,} parameters, trained against a discriminator for "
        f"{made['steps_done']:,} steps of {training['batch_size']} pictures, "
        f"{made['seconds'] / 60:.0f} minutes on a CPU core or better{start}, by code version "
        f"`{made['code_version']}`.{_earlier(made)}",
        "",
        *rows,
        "",
        f"Protocol: {measured['protocol']}.",
        "",
        "```python",
        "from betavae import Renderer",
        "",
        f'renderer = Renderer.from_pretrained("weights/{name}")',
        "codes = renderer.vae.encode(images).mean",
        "details = renderer.own_details(images, codes)  # or None: those of some training face",
        "pictures = renderer(codes, details)",
        "```",
        "",
        f"Made by `{_command(name, training)}`, then `python -m betavae publish runs/sharp-{name} "
        f"--data DATA --to weights/{name}`.",
    ]


def _earlier(made: dict[str, Any]) -> str:
    """What the networks had learned in the runs that this one started from."""
    runs = [
        f"{run['steps']:,} steps of `{_command(run['config']['bundle'], run['config'])}`"
        + (" (the discriminator alone is from there)" if run.get("judge_alone") else "")
        for run in made.get("earlier", [])
    ]
    return f" Before that: {'; '.join(runs)}." if runs else ""


def _command(name: str, training: dict[str, Any]) -> str:
    words = [f"python -m betavae sharpen weights/{name} --data DATA --to runs/sharp-{name}"]
    words += [f"--{k} {training[k]}" for k in ("start", "judge") if training.get(k)]
    left_out = ("bundle", "data", "start", "judge", "flips", "slowing")
    for option, value in training.items():
        if option not in left_out:
            words.append(f"--{option.replace('_', '-')} {value}")
    return " ".join(words)
