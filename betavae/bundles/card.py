"""The model card of a bundle, for people and for the Hub's `model-index`."""

from __future__ import annotations

import shlex
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from betavae.bundles.groups_card import groups_part
from betavae.bundles.latent import Latent, by_kl
from betavae.bundles.rates import rates_part
from betavae.bundles.renderer_card import renderer_part
from betavae.bundles.training_card import special_training
from betavae.metrics.direction import LEGEND, with_arrow
from betavae.training.config import fresh_rounds

FACES = (  # score, name in the table, unit, digits
    ("psnr", "PSNR", "dB", 2),
    ("ssim", "SSIM", "", 3),
    ("kl", "KL", "nats", 1),
    ("reconstruction", "Reconstruction loss, -log p(x given z)", "nats", 0),
    ("elbo", "ELBO", "nats", 0),
    ("active_latents", "Active latents", "", 0),
    ("attribute_latents", "Latents that track one attribute", "", 0),
    ("pca_psnr", "PSNR of a PCA with as many components", "dB", 2),
)
SHAPES = (
    ("beta-vae-paper", "β-VAE metric, protocol `paper`: 4 factors, L = 64", "", 4),
    ("beta-vae", "β-VAE metric, protocol `dlib`: 5 factors, L = 64", "", 4),
    ("factor-vae", "FactorVAE score", "", 4),
    ("mig", "MIG", "", 4),
    ("dci", "DCI disentanglement, by boosted trees", "", 4),
    ("dci-completeness", "DCI completeness, by boosted trees", "", 4),
    ("dci-informativeness", "DCI informativeness, by boosted trees", "", 4),
    ("dci-forest", "DCI disentanglement, by regression forests", "", 4),
    ("sap", "SAP", "", 4),
    ("modularity", "Modularity", "", 4),
    ("explicitness", "Explicitness", "", 4),
    ("irs", "IRS, factors as they are", "", 4),
    ("reconstruction", "Reconstruction loss, -log p(x given z)", "nats", 1),
    ("kl", "KL", "nats", 2),
    ("psnr", "PSNR", "dB", 2),
    ("active_latents", "Active latents", "", 0),
)


def model_card(name: str, config: dict, latents: list[Latent], metrics: dict) -> str:
    """README.md of weights/NAME: front matter, figure, scores, latents, commands."""
    front = ModelCardData(
        **_licence(config),
        library_name="beta-vae",
        tags=["beta-vae", "disentanglement", "vae", "image-generation"],
        datasets=["celeba"] if config["data"]["name"] == "celeba" else None,
        model_name=name,
        eval_results=[
            EvalResult(
                task_type="image-feature-extraction",
                dataset_type=config["data"]["name"],
                dataset_name=f"{config['data']['name']}, validation split",
                metric_type=score,
                metric_name=title,
                metric_value=metrics["scores"][score],
            )
            for score, title, _, _ in _quoted(config, metrics)
        ],
    )
    return "\n".join(
        [
            f"---\n{front.to_yaml()}\n---",
            f"# {config['title']} on {_data_name(config)}",
            "",
            f"![Latent traversals: a row per picture, eight values from -3 to 3]({_FIGURE})",
            "",
            *_what_it_is(config),
            "",
            *_scores(config, metrics),
            *groups_part(metrics),
            "",
            *_latents(config, latents),
            "",
            *_commands(name, config),
            *rates_part(config, metrics),
            *renderer_part(name, config, metrics),
            "",
            *_limits(config),
            "",
        ]
    )


_FIGURE = "traversal.png"


_NAMES = {"celeba": "CelebA faces", "shapes2d": "2D shapes"}


def _data_name(config: dict) -> str:
    return _NAMES.get(config["data"]["name"], "pictures")


def _quoted(config: dict, metrics: dict) -> list[tuple]:
    """The lines of the table of scores; pictures without attributes have one fewer."""
    lines = SHAPES if config["data"]["name"] == "shapes2d" else FACES
    return [line for line in lines if line[0] in metrics["scores"]]


def _licence(config: dict) -> dict[str, str]:
    if config["data"]["name"] == "images":  # whose they are is for their owner to say
        return {}
    if config["data"]["name"] != "celeba":
        return {"license": "mit"}
    return {
        "license": "other",
        "license_name": "non-commercial-research",
        "license_link": "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    }


def _what_it_is(config: dict[str, Any]) -> list[str]:
    training, data = config["training"], config["data"]
    return [
        f"A `{config['architecture']}` variational autoencoder with {config['latents']} latents "
        f"({config['parameters']:,} parameters), objective `{training['objective']}`. It was "
        f"trained on {data['training_pictures']:,} pictures ({data['crop']}) for "
        f"{training['steps_done']:,} steps of {training['batch_size']} pictures, with seed "
        f"{training['seed']} and code version `{config['code_version']}`. Training took "
        f"{config['seconds'] / 60:.0f} minutes on one CPU core or on faster "
        f"hardware.{special_training(config)}",
        *_selection(config),
    ]


def _selection(config: dict[str, Any]) -> list[str]:
    if "selection" not in config:
        return []
    found = ", ".join(f"seed {k}: {v:.3f}" for k, v in config["selection"]["udr"].items())
    return [
        "",
        f"This seed was chosen {config['selection']['criterion']}. The choice uses no factor. "
        f"UDR: {found}.",
    ]


def _scores(config: dict[str, Any], metrics: dict[str, Any]) -> list[str]:
    rows = ["## Scores", "", "| score | value | tolerance |", "|---|---|---|"]
    for score, title, unit, digits in _quoted(config, metrics):
        stated = metrics["tolerance"].get(score)
        within = f"± {stated:g}" if stated else ""
        value = f"{metrics['scores'][score]:,.{digits}f} {unit}".strip()
        rows.append(f"| {with_arrow(title, score)} | {value} | {within} |")
    return [
        *rows,
        "",
        f"{LEGEND} Tolerance: by how much the score may differ when it is measured again.",
        "",
        f"Protocol: {metrics['protocol']}. {_pictures(metrics)}; seed {metrics['seed']}; code "
        f"version `{metrics['code_version']}`.{_measured_again(metrics)}",
    ]


def _measured_again(metrics: dict[str, Any]) -> str:
    """Which scores are younger than the others, and which tolerances older than their scores."""
    trees = metrics.get("metrics", {}).get("dci", {"trees": "exact"}).get("trees")
    said = [] if trees else [" DCI by boosted trees is of an earlier protocol, of histograms."]
    said += [
        f" Measured again, by code version `{version}`: `{name}`."
        for name, version in sorted(metrics.get("measured_again", {}).items())
    ]
    if kept := metrics.get("tolerances_kept"):
        names = ", ".join(f"`{name}`" for name in kept)
        said.append(f" The tolerances of {names} are those of their earlier protocol.")
    return "".join(said)


def _pictures(metrics: dict[str, Any]) -> str:
    if "pictures" not in metrics:
        return f"{metrics['validation']['pictures']:,} validation pictures"
    pictures = metrics["pictures"]
    return (
        f"{pictures['validation']:,} validation pictures; PCA of "
        f"{metrics['scores']['pca_components']} components on {pictures['pca']:,} training pictures"
    )


_TRACKING = {
    "celeba": "the attributes with the largest correlation to its posterior mean. Brightness, "
    "warm colours, light and head turn are measured on the picture; the others are CelebA's "
    "annotations.",
    "shapes2d": "the factors that its posterior mean has most information about, I(z; v) / H(v) in "
    "per cent of the factor's entropy, by a histogram of 20 bins.",
}


def _latents(config: dict[str, Any], latents: list[Latent]) -> list[str]:
    tracking = _TRACKING.get(config["data"]["name"], "what correlates with its posterior mean.")
    rows = [
        "## Latents",
        "",
        "The active latents, with their mean KL over the validation split. A latent tracks "
        f"{tracking}",
        "",
        "| latent | KL, nats | tracks |",
        "|---|---|---|",
    ]
    for latent in by_kl(latents):
        if latent.active:
            rows.append(f"| z{latent.index} | {latent.kl:.2f} | {latent.tracked} |")
    return rows


def _commands(name: str, config: dict[str, Any]) -> list[str]:
    training, faces = config["training"], config["data"]["name"] != "shapes2d"
    data, channels = (" --data DATA", 3) if faces else ("", 1)
    words = ["python -m betavae train", training["data"] + data]
    words += ["--objective", training["objective"]]
    for setting, value in training["objective_settings"].items():
        words += [f"--{setting.replace('_', '-')}", f"{value:g}"]
    if training.get("betas"):
        words += ["--betas", *(f"{beta:g}" for beta in training["betas"])]
    for option in ("architecture", "latents", "steps", "batch_size", "optimiser", "learning_rate"):
        words += [f"--{option.replace('_', '-')}", shlex.quote(str(training[option]))]
    growth = [name for name in ("growth", "falling", "polar") if training.get(name)]  # or none
    for option in ("warm_up", "decay", *growth, "precision", "memory_format", "seed"):
        words += [f"--{option.replace('_', '-')}", shlex.quote(str(training[option]))]
    if fresh_rounds(training):
        words += ["--fresh-latents", *map(str, fresh_rounds(training))]
    of = config.get("rotated", {}).get("of", name)
    made = [
        f"{' '.join(words)} --to runs/{of}",
        f"python -m betavae publish runs/{of}{data} --to weights/{of}",
    ]
    if of != name:
        made.append(f"python -m betavae rotate weights/{of}{data} --to weights/{name}")
    return [
        "## Reproduce",
        "",
        "```sh",
        *made,
        f"python -m betavae evaluate weights/{name}{data}   # the scores above",
        f"python -m betavae traverse weights/{name}   # the figure",
        "```",
        "",
        "```python",
        *_loading(name, config),
        f"posterior = vae.encode(images)  # (N, {channels}, 64, 64) in [0, 1] -> .mean, "
        ".log_variance",
        "pictures = vae.decode(posterior.mean).mean",
        "```",
    ]


def _loading(name: str, config: dict[str, Any]) -> list[str]:
    """Python: the bundle's weights as a VAE."""
    if not config.get("betas"):
        return [
            "from betavae import VAE",
            "",
            f'vae = VAE.from_pretrained("weights/{name}")',
        ]
    low, high = config["betas"]
    return [
        "from betavae import MultiRateVAE",
        "",
        f'dial = MultiRateVAE.from_pretrained("weights/{name}")',
        f"vae = dial.at({config['beta']:g})  # any β from {low:g} to {high:g}",
    ]


def _limits(config: dict[str, Any]) -> list[str]:
    if config["data"]["name"] != "celeba":
        return []
    return [
        "## Data and limits",
        "",
        "The model was trained on CelebA (Liu et al., ICCV 2015). CelebA is for non-commercial "
        "research only, and so are these weights. No CelebA picture is part of this bundle: the "
        "figure is decoder output, and the stored codes are posterior means. The faces in CelebA "
        "are those of celebrities, mostly young and light-skinned. Its attributes are the opinions "
        'of annotators: a latent that tracks "attractive" or "male" shows what they wrote, and '
        "says nothing about a person. Do not use this model to identify or to judge anybody.",
    ]
