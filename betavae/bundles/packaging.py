"""A finished run -> a bundle: weights, what each latent means, codes, figure; then the scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from betavae.bundles.bundle import encode_all
from betavae.bundles.card import model_card
from betavae.bundles.files import write_json, written_whole
from betavae.bundles.latent import Latent, by_kl, latent_row
from betavae.bundles.latents import describe_latents
from betavae.bundles.models import holds_dial, read_model, save_weights
from betavae.bundles.rates import measure_rates
from betavae.bundles.stored import stored_faces
from betavae.machine.version import code_version
from betavae.metrics import evaluate as score_codes
from betavae.metrics.faces import add_attributes, evaluate_faces
from betavae.metrics.groups import evaluate_groups
from betavae.metrics.reconstruction import validate
from betavae.metrics.renderer import evaluate_renderer
from betavae.metrics.shapes import PROTOCOL, ROUNDING, evaluate_shapes, flat_scores, tolerance
from betavae.model import VAE, MultiRateVAE
from betavae.model.pretrained import digest
from betavae.renderer import Renderer, loading
from betavae.training import checkpoints
from betavae.training.config import TrainingConfig, log_beta_norm, title
from betavae.training.history import write_history
from betavae.training.run import new_model
from betavae.views.traversal import traversal_figure

FIGURE_FACES = 5  # rows of the paper's figure
FIGURE_LATENTS = 9  # blocks of it; a VAE has more active ones than a page holds
FIGURE_LATENTS_OF_EVERY_BETA = 4  # its weights are twice as many: a bundle stays within 4 MB
CROPS = {
    "celeba": "the centre 148x148 of CelebA's 178x218 frame, bicubic, 64x64",
    "images": "the centre square, bicubic, 64x64",
    "shapes2d": "binary, 64x64",
}


def package(
    run: Path,
    folder: Path,
    training,
    validation,
    selection: dict[str, Any] | None = None,
    measured: bool = True,
) -> None:
    """Write the whole bundle `folder` from the run's checkpoint and the data it was trained on.

    selection  how the run was chosen among others, if it was: goes into config.json
    measured   with every score, which takes minutes; else with those of the validation split alone
    """
    state = checkpoints.read(run)
    if not state["history"]:
        raise checkpoints.CheckpointError(
            f"{run} was stopped before its first validation: it has no training curve to "
            "package. Go on with train --resume."
        )
    config = TrainingConfig(**state["config"])
    model = new_model(config, state.get("polar"))  # earlier ones do not say
    model.load_state_dict(state["vae"])
    with written_whole(folder) as part:
        vae = _fill(part, model.eval(), config, state, training, validation, selection)
        if measured:
            measure(part, vae, training, validation)
        else:
            _write_scores(part, _validated(vae, validation))


def _fill(
    folder: Path, model: VAE | MultiRateVAE, config, state, training, validation, selection
) -> VAE:
    """Every file of the bundle but its scores and its card. Returns the model as it is stored."""
    save_weights(model, folder / "model.safetensors")
    described = _config(model, config, state, folder, training, validation)
    write_json(folder / "config.json", described | ({"selection": selection} if selection else {}))
    write_history(folder / "history.csv", state["history"])
    return describe(folder, validation)


def describe(folder: Path, validation) -> VAE:
    """latents.json, codes.safetensors and traversal.png, of the model that the folder holds."""
    vae, dial = read_model(folder)  # as it is stored: a network for every β is rounded
    means, kl = encode_all(vae, validation)
    latents = describe_latents(means, kl, validation)
    write_json(folder / "latents.json", [latent_row(latent) for latent in latents])
    codes = means[stored_faces(len(means))]
    save_file({"means": codes.contiguous()}, folder / "codes.safetensors")
    most = FIGURE_LATENTS if dial is None else FIGURE_LATENTS_OF_EVERY_BETA
    _draw_figure(folder, vae, latents, codes, most)
    return vae


def _validated(vae: VAE, validation) -> dict[str, Any]:
    """metrics.json of a bundle that has not been measured yet."""
    found = validate(vae, validation)
    return {
        "scores": {name: round(found[name], 5) for name in ROUNDING},
        "protocol": PROTOCOL,
        "seed": 0,
        "validation": {**found, "pictures": len(validation)},
        "tolerance": dict(ROUNDING),
        "code_version": code_version(),
    }


def _draw_figure(folder: Path, vae: VAE, latents: list[Latent], codes: Tensor, most: int) -> None:
    """traversal.png: the `most` strongest latents in use, a block each."""
    strongest = by_kl(latents)[:most]
    shown = [latent for latent in strongest if latent.active] or strongest[:1]
    figure = traversal_figure(
        vae,
        codes[:FIGURE_FACES],
        [latent.index for latent in shown],
        [latent.label for latent in shown],
        columns=3 if most > 4 else 2,
    )
    _save_figure(figure, folder / "traversal.png")


def _save_figure(figure: Image.Image, path: Path) -> None:
    """Without the lowest of the eight bits of each channel: a quarter fewer bytes in the
    repository, and no eye sees it."""
    figure.point(lambda value: value | 1).save(path, optimize=True)


def measure(
    folder: Path,
    vae: VAE,
    training,
    validation,
    seed: int = 0,
    known: dict[str, float] | None = None,
) -> dict[str, Any]:
    """Compute every score, write metrics.json and the model card that quotes it.

    known  the tolerances, where they are not to be measured: most of the time goes into them
    """
    metrics = evaluate(vae, training, validation, seed)
    if known is not None:
        metrics["tolerance"] = known
    elif "tolerance" not in metrics:
        metrics["tolerance"] = tolerance(vae, training)
    if (folder / loading.NAME).is_file():
        renderer = Renderer.from_pretrained(folder)
        metrics["renderer"] = evaluate_renderer(renderer, training, validation, seed)
    if holds_dial(folder):
        _, dial = read_model(folder)
        config = json.loads((folder / "config.json").read_bytes())
        metrics["rates"] = measure_rates(dial, config, training, validation, seed)
    metrics["code_version"] = code_version()
    _write_scores(folder, metrics)
    return metrics


def measure_again(
    folder: Path, vae: VAE, source, names: Sequence[str], known: dict[str, float] | None = None
) -> dict[str, Any]:
    """Some factor metrics of a bundle, on the pictures of its other scores, which stay as they are;
    for when a metric's protocol has changed. metrics.json says which code measured which, as
    "measured_again", and whose tolerances are of before, as "tolerances_kept".

    known  the tolerances, where they are not to be measured
    """
    metrics = scored_again(json.loads((folder / "metrics.json").read_bytes()), vae, source, names)
    metrics["tolerance"] |= tolerance(vae, source, names) if known is None else known
    kept = set(metrics.get("tolerances_kept", []))
    metrics["tolerances_kept"] = sorted(
        kept.difference(names) if known is None else kept.union(names)
    )
    version = code_version()
    metrics["measured_again"] = metrics.get("measured_again", {}) | dict.fromkeys(names, version)
    _write_scores(folder, metrics)
    return metrics


def scored_again(metrics: dict[str, Any], vae: VAE, source, names: Sequence[str]) -> dict[str, Any]:
    """What metrics.json holds, with some of the factor metrics as they are now."""
    found = score_codes(lambda x: vae.encode(x).mean, source, names, metrics["seed"])
    metrics = metrics | {"protocol": PROTOCOL, "metrics": metrics["metrics"] | found}
    return metrics | {"scores": flat_scores(metrics)}


def measure_renderer(folder: Path, training, validation, seed: int = 0) -> dict[str, Any]:
    """The renderer's part of metrics.json alone; what is known of the model stays as it is."""
    metrics = json.loads((folder / "metrics.json").read_bytes())
    renderer = Renderer.from_pretrained(folder)
    metrics["renderer"] = evaluate_renderer(renderer, training, validation, seed)
    metrics["renderer"]["code_version"] = code_version()
    _write_scores(folder, metrics)
    return metrics


def measure_attributes(folder: Path, vae: VAE, validation) -> dict[str, Any]:
    """By which latents attributes and statistics are told, and how many track one, alone."""
    metrics = json.loads((folder / "metrics.json").read_bytes())
    add_attributes(metrics, encode_all(vae, validation)[0], validation)
    metrics["measured_again"] = metrics.get("measured_again", {}) | {"attributes": code_version()}
    _write_scores(folder, metrics)
    return metrics


def measure_groups(folder: Path, vae: VAE, validation) -> dict[str, Any]:
    """The part by groups of faces alone, in metrics.json and in the card; the rest stays."""
    metrics = json.loads((folder / "metrics.json").read_bytes())
    metrics["groups"] = evaluate_groups(vae, validation) | {"code_version": code_version()}
    _write_scores(folder, metrics)
    return metrics["groups"]


def _write_scores(folder: Path, metrics: dict[str, Any]) -> None:
    """metrics.json and the card that quotes it: both or neither."""
    with written_whole(folder) as part:
        write_json(part / "metrics.json", metrics)
        write_card(folder, metrics, part)


def write_card(folder: Path, metrics: dict[str, Any], to: Path | None = None) -> None:
    """README.md, from what the bundle's other files say; into the folder `to` where it is given."""
    config = json.loads((folder / "config.json").read_bytes())
    latents = [Latent(**row) for row in json.loads((folder / "latents.json").read_bytes())]
    card = model_card(folder.name, config, latents, metrics)
    ((to or folder) / "README.md").write_text(card, encoding="utf-8")


def evaluate(vae: VAE, training, validation, seed: int = 0) -> dict[str, Any]:
    """Every score of a model, by what its data set knows: factors, or pictures alone."""
    if not hasattr(training, "factor_sizes"):
        result = evaluate_faces(vae, training, validation, seed)
        if validation.attributes is not None:
            groups = evaluate_groups(vae, validation) | {"code_version": code_version()}
            result["groups"] = groups
        return result
    layout = "{desc}: {percentage:3.0f} %, {postfix} [{elapsed}]"
    with tqdm(total=2, desc="measuring", bar_format=layout, leave=False) as bar:

        def progress(share: float, what: str) -> None:
            """The encoding pass, then the metrics: each goes from 0 to 1."""
            bar.n = (what != "encoding") + share
            bar.set_postfix_str(what)

        result = evaluate_shapes(vae, training, validation, seed, progress)
    return {"scores": flat_scores(result), **result}


def _config(model, config: TrainingConfig, state, folder, training, validation) -> dict[str, Any]:
    """The arguments of VAE at the top level, as the Hub's mixin reads them, and how it was made."""
    return {
        "architecture": config.architecture,
        "channels": config.channels,
        "latents": config.latents,
        "likelihood": config.likelihood,
        **({"betas": list(config.betas), "beta": config.shown_beta} if config.betas else {}),
        **({"polar": list(state["polar"])} if state.get("polar") else {}),
        "title": title(state["config"]),
        "weights_sha256": digest(folder / "model.safetensors"),
        "parameters": sum(p.numel() for p in model.parameters()),
        **_beta_norm(config),
        "training": {**state["config"], "steps_done": state["step"]},
        "seconds": round(state["seconds"]),
        "data": {
            "name": config.data,
            "training_pictures": len(training),
            "validation_pictures": len(validation),
            "crop": CROPS[config.data],
        },
        "code_version": state["code_version"],
    }


def _beta_norm(config: TrainingConfig) -> dict[str, float]:
    found = log_beta_norm(config)
    return {} if found is None else {"log_beta_norm": round(found, 4)}
