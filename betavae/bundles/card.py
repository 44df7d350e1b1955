"""The model card of a bundle, for people and for the Hub's `model-index`."""

from __future__ import annotations

import shlex
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from betavae.bundles.bundle import Latent, by_kl
from betavae.training.config import config_from, fresh_rounds

FACES = (  # score, name in the table, unit, digits
    ("psnr", "PSNR", "dB", 2),
    ("ssim", "SSIM", "", 3),
    ("kl", "KL", "nats", 1),
    ("reconstruction", "-log p(x given z)", "nats", 0),
    ("elbo", "ELBO", "nats", 0),
    ("active_latents", "Active latents", "", 0),
    ("attribute_latents", "Latents that stand for an attribute", "", 0),
    ("pca_psnr", "PSNR of a PCA with as many components", "dB", 2),
)
SHAPES = (
    ("beta-vae-paper", "β-VAE metric, protocol `paper` (4 factors, L = 64)", "", 4),
    ("beta-vae", "β-VAE metric, protocol `dlib` (5 factors, L = 64)", "", 4),
    ("factor-vae", "FactorVAE score", "", 4),
    ("mig", "MIG", "", 4),
    ("dci", "DCI disentanglement", "", 4),
    ("dci-completeness", "DCI completeness", "", 4),
    ("dci-informativeness", "DCI informativeness", "", 4),
    ("dci-forest", "DCI disentanglement by regression forests", "", 4),
    ("sap", "SAP", "", 4),
    ("modularity", "Modularity", "", 4),
    ("explicitness", "Explicitness", "", 4),
    ("irs", "IRS", "", 4),
    ("reconstruction", "-log p(x given z)", "nats", 1),
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
            f"![What each latent changes: five pictures, eight values from -3 to 3]({_FIGURE})",
            "",
            *_what_it_is(config),
            "",
            *_scores(config, metrics),
            "",
            *_latents(config, latents),
            "",
            *_commands(name, config),
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
        f"({config['parameters']:,} parameters), objective `{training['objective']}`, trained on "
        f"{data['training_pictures']:,} pictures ({data['crop']}) for {training['steps_done']:,} "
        f"steps of {training['batch_size']}, seed {training['seed']}, "
        f"{config['seconds'] / 60:.0f} minutes on a CPU core or better, by code version "
        f"`{config['code_version']}`.{_beta_norm(config)}{_growth(training)}",
        *_selection(config),
    ]


def _beta_norm(config: dict[str, Any]) -> str:
    found = config.get("log_beta_norm")
    return "" if found is None else f" log β_norm = log(β·M/N) = {found}."


def _growth(training: dict[str, Any]) -> str:
    steps = training.get("growth")
    if not steps:
        return ""
    (_, first), *later = config_from(training).fresh_starts.items()
    most = f"at most {first} of the silent latents" if first else "the silent latents"
    more = [f"; at most {n} more started afresh in step {step:,}" for step, n in later]
    return (
        f" Its code grew (`betavae/training/growth.py`): {steps:,} steps of KL alone whose β falls "
        f"to 1, {steps:,} of the objective, then {most} started afresh for {steps:,} of KL "
        f"alone, and the objective had the rest{''.join(more)}."
    )


def _selection(config: dict[str, Any]) -> list[str]:
    if "selection" not in config:
        return []
    found = ", ".join(f"seed {k}: {v:.3f}" for k, v in config["selection"]["udr"].items())
    return [
        "",
        f"Chosen among seeds without looking at any factor, {config['selection']['criterion']}: "
        f"{found}.",
    ]


def _scores(config: dict[str, Any], metrics: dict[str, Any]) -> list[str]:
    rows = ["## Scores", "", "| score | value | |", "|---|---|---|"]
    for score, title, unit, digits in _quoted(config, metrics):
        stated = metrics["tolerance"].get(score)
        within = f"± {stated:g} when measured again" if stated else ""
        rows.append(f"| {title} | {metrics['scores'][score]:,.{digits}f} {unit} | {within} |")
    return [
        *rows,
        "",
        f"Protocol: {metrics['protocol']}. {_pictures(metrics)}; seed {metrics['seed']}; code "
        f"version `{metrics['code_version']}`.",
    ]


def _pictures(metrics: dict[str, Any]) -> str:
    if "pictures" not in metrics:
        return f"{metrics['validation']['pictures']:,} validation pictures"
    pictures = metrics["pictures"]
    return (
        f"{pictures['validation']:,} validation pictures; PCA of "
        f"{metrics['scores']['pca_components']} components on {pictures['pca']:,} training pictures"
    )


_TRACKING = {
    "celeba": "the attributes whose correlation with the posterior mean is largest. Brightness, "
    "warm colours, light and the turn of the head are measured on the picture; the others are "
    "CelebA's annotations.",
    "shapes2d": "the factors of which the posterior mean tells most: I(z; v) / H(v), by a "
    "histogram of 20 bins.",
}


def _latents(config: dict[str, Any], latents: list[Latent]) -> list[str]:
    tracking = _TRACKING.get(config["data"]["name"], "what its posterior mean correlates with.")
    rows = [
        "## Latents",
        "",
        f"Mean KL over the validation split, and {tracking}",
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
    for option in ("architecture", "latents", "steps", "batch_size", "optimiser", "learning_rate"):
        words += [f"--{option.replace('_', '-')}", shlex.quote(str(training[option]))]
    growth = ["growth"] if training.get("growth") else []  # earlier runs do not say
    for option in ("warm_up", "decay", *growth, "precision", "memory_format", "seed"):
        words += [f"--{option.replace('_', '-')}", shlex.quote(str(training[option]))]
    if fresh_rounds(training):
        words += ["--fresh-latents", *map(str, fresh_rounds(training))]
    return [
        "## Reproduce",
        "",
        "```sh",
        f"{' '.join(words)} --to runs/{name}",
        f"python -m betavae publish runs/{name}{data} --to weights/{name}",
        f"python -m betavae evaluate weights/{name}{data}   # the scores above",
        f"python -m betavae traverse weights/{name}   # the figure",
        "```",
        "",
        "```python",
        "from betavae import VAE",
        "",
        f'vae = VAE.from_pretrained("weights/{name}")',
        f"posterior = vae.encode(images)  # (N, {channels}, 64, 64) in [0, 1] -> .mean, "
        ".log_variance",
        "pictures = vae.decode(posterior.mean).mean",
        "```",
    ]


def _limits(config: dict[str, Any]) -> list[str]:
    if config["data"]["name"] != "celeba":
        return []
    return [
        "## Data and limits",
        "",
        "Trained on CelebA (Liu et al., ICCV 2015), which is for non-commercial research only; so "
        "are these weights. No CelebA picture is part of this bundle: the figure is decoder output "
        "and the stored codes are posterior means. CelebA's faces are celebrities, mostly young "
        "and light-skinned, and its attributes are annotators' opinions: a latent that follows "
        '"attractive" or "male" says what those annotators wrote, nothing about a person. Not '
        "for identifying or judging anybody.",
    ]
