"""The Training & metrics tab: the headline table, the curves, the sweep, and measuring again."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import gradio as gr
import pandas as pd

from betavae import metrics
from betavae.bundles.bundle import BundleError
from betavae.data import Shapes2D
from betavae.metrics.attributes import LEADING, TELLING, stands_for
from betavae.metrics.shapes import TITLES
from betavae.serving.studio import Studio
from betavae.study.table import read_study, rows
from betavae.ui.parts.markup import notice, table

RECORDED = {  # columns of history.csv -> axis
    "validation_reconstruction": "−log p(x|z), nats (validation)",
    "validation_kl": "KL, nats (validation)",
    "validation_psnr": "PSNR, dB (validation)",
    "validation_active_latents": "Active latents",
    "reconstruction": "−log p(x|z), nats (training)",
    "learning_rate": "Learning rate",
}
HEADLINE = (
    "**What the paper's number means.** Its metric asks which factor was held fixed while the "
    "others changed; the accuracy depends on *L*, the number of pairs averaged, which the paper "
    "leaves open. Mean ± standard deviation over seeds; in brackets the mean of the better half, "
    "as the paper reports it. Untrained encoders and pixels show how much the protocol gives away."
)
CURVES = (
    "**Accuracy against L.** With enough pairs every trained code, and PCA, comes near 100 % on "
    "four factors; with few, the models part. Lines are means over seeds. Four factors leave the "
    "shape out, as the paper does."
)
SWEEP = (
    "**How β acts.** Each point is one seed; β_norm = β·M/N for M latents and N pixels, as in the "
    "paper's Figure 6."
)
MEANING = (
    "**What single latents of the face models tell.** For each of CelebA's attributes the latent "
    "that ranks the validation faces best by it: AUROC, 0.5 is chance, 1 is perfect. In "
    f"colour where the latent stands for the attribute: at least {TELLING}, and {LEADING} better "
    "than any other latent."
)
AGAIN = (
    "**Measure again.** Draws new pictures, encodes them and computes a score from the beginning; "
    "with seed 0 the very pictures of the card. About half a minute."
)
quiet: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "minimal",
    "trigger_mode": "always_last",  # of choices made faster than they are answered
}


def build(studio: Studio) -> None:
    """Lay out the tab's content."""
    try:
        study = read_study()
    except BundleError as error:
        gr.HTML(notice(str(error), wrong=True))
    else:
        gr.Markdown(HEADLINE)
        gr.HTML(table(rows(study), "headline"), elem_id="headline")
        _curves(study)
        _sweep(study)
    _training_curves(studio)
    _attributes(studio)
    names = studio.families.get("shapes2d", [])
    if names:
        _measure_again(studio, names)


def _attributes(studio: Studio) -> None:
    """Per attribute the best single latent of every face model, and how well it tells it."""
    faces = (name for name in studio.names if studio.data(name) == "celeba")
    names = [name for name in faces if "attributes" in _metrics(studio, name)]
    if not names:
        return
    gr.Markdown(MEANING)
    found = [_metrics(studio, name)["attributes"] for name in names]
    lines = [["", *(studio.title(name) for name in names)]]
    alone = []
    for attribute in sorted(found[0], key=lambda a: -max(f[a]["auroc"] for f in found)):
        cells = (f"{f[attribute]['auroc']:.3f} (z{f[attribute]['latent']})" for f in found)
        lines.append([attribute, *cells])
        alone += [(len(lines) - 1, i) for i, f in enumerate(found, 1) if stands_for(f[attribute])]
    shown = f"<summary>{len(lines) - 1} attributes</summary>{table(lines, 'pair', alone)}"
    gr.HTML(f"<details>{shown}</details>", elem_id="attributes")


def _metrics(studio: Studio, name: str) -> dict[str, Any]:
    return studio.bundles[name].metrics


# A plot's data are replaced, never its axes: Gradio 6 draws the axes of one update with the data of
# the update before.


def _curves(study: dict[str, Any]) -> None:
    gr.Markdown(CURVES)
    charts = list(study["curves"])
    chart = gr.Radio(charts, value=charts[0], label="Codes and factors", elem_id="curve-choice")
    plot = gr.LinePlot(
        _curve(study, charts[0]),
        x="log₂ L",
        y="accuracy",
        color="code",
        tooltip=["code", "L", "accuracy"],
        y_lim=[0, 1],
        height=380,
        title="Accuracy of the paper's metric",
        elem_id="curve",
    )
    chart.input(lambda name: _curve(study, name), chart, plot, **quiet)


def _curve(study: dict[str, Any], chart: str) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"log₂ L": math.log2(pairs), "L": pairs, "accuracy": round(mean, 4), "code": who}
            for who, line in study["curves"][chart].items()
            for pairs, mean in zip(line["pairs"], line["mean"], strict=True)
        ]
    )


def _sweep(study: dict[str, Any]) -> None:
    points = pd.DataFrame([point for point in study["sweep"] if "beta" in point])
    if points.empty:  # a study of other objectives
        return
    gr.Markdown(SWEEP)
    points = points.sort_values("beta", kind="stable")  # the legend keeps their order
    points["β"] = [f"{beta:g}" for beta in points["beta"]]
    known = points.columns[points.notna().all()]  # runs of earlier studies lack the newest score
    with gr.Row():
        score = gr.Dropdown(
            [(title, name) for name, title in TITLES.items() if name in known],
            value="mig",
            label="Score",
            elem_id="sweep-choice",
        )
        against = gr.Radio(
            [("log β_norm", "log_beta_norm"), ("β", "beta")], value="log_beta_norm", label="Against"
        )
    with gr.Row():
        plot = gr.ScatterPlot(
            _swept(points, "mig", "log_beta_norm"),
            x="against",
            y="score",
            tooltip=["run", "score"],
            title="The score against β",
            height=340,
            elem_id="sweep",
        )
        gr.ScatterPlot(
            points.rename(
                columns={"kl": "rate: KL, nats", "reconstruction": "distortion, nats", "mig": "MIG"}
            ),
            x="rate: KL, nats",
            y="distortion, nats",
            color="β",
            tooltip=["name", "MIG", "β"],
            title="Rate and distortion by β",
            height=340,
            elem_id="rate-distortion",
        )
    redraw = lambda name, axis: _swept(points, name, axis)  # noqa: E731
    gr.on([score.input, against.input], redraw, [score, against], plot, **quiet)


def _swept(points: pd.DataFrame, name: str, against: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"run": points["name"], "against": points[against], "score": points[name].astype(float)}
    ).round(4)


def _training_curves(studio: Studio) -> None:
    gr.Markdown("**Training curves** and the commands that made a bundle.")
    choices = [
        (f"{studio.family_title(family)}: {studio.title(name)}", name)
        for family, names in studio.families.items()
        for name in names
    ]
    with gr.Row():
        bundle = gr.Dropdown(choices, value=choices[0][1], label="Bundle", elem_id="history-bundle")
        column = gr.Dropdown(
            [(title, name) for name, title in RECORDED.items()],
            value="validation_reconstruction",
            label="Recorded",
            elem_id="history-column",
        )
    plot = gr.LinePlot(
        _history(studio, choices[0][1], "validation_reconstruction"),
        x="step",
        y="recorded",
        tooltip=["step", "recorded"],
        height=300,
        title="While it trained",
        elem_id="history",
    )
    commands = gr.Code(
        _commands(studio, choices[0][1]),
        language="shell",
        label="Commands",
        elem_id="commands",
    )

    def show(name: str, recorded: str):
        return _history(studio, name, recorded), _commands(studio, name)

    gr.on([bundle.input, column.input], show, [bundle, column], [plot, commands], **quiet)


def _history(studio: Studio, name: str, column: str) -> pd.DataFrame:
    frame = pd.DataFrame(studio.bundles[name].history)
    return frame[["step", column]].rename(columns={column: "recorded"}).dropna()


def _commands(studio: Studio, name: str) -> str:
    """The card's shell commands, as it has them."""
    card = (studio.bundles[name].folder / "README.md").read_text()
    found = re.search(r"```sh\n(.*?)```", card, re.DOTALL)
    return found[1].strip() if found else "The card of this bundle names no command."


def _measure_again(studio: Studio, names: list[str]) -> None:
    gr.Markdown(AGAIN)
    with gr.Row():
        bundle = gr.Dropdown(
            [(studio.title(name), name) for name in names],
            value=studio.beta_vae(names) or names[0],
            label="Bundle",
            elem_id="again-bundle",
        )
        metric = gr.Dropdown(
            [(TITLES[name], name) for name in metrics.METRICS],
            value="mig",
            label="Metric",
            elem_id="again-metric",
        )
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, elem_id="again-seed")
        button = gr.Button("Measure again", variant="primary", elem_id="again")
    result = gr.HTML(elem_id="again-result")

    def measure(name: str, chosen: str, number: int, progress=gr.Progress()):  # noqa: B008
        """One score from the beginning, beside the card's."""
        return measured_again(studio, name, chosen, int(number or 0), progress)

    button.click(
        measure,
        [bundle, metric, seed],
        result,
        api_visibility="private",
        concurrency_limit=1,
        concurrency_id="measuring",
    )


def measured_again(
    studio: Studio,
    name: str,
    metric: str,
    seed: int,
    progress: Callable[..., Any] = lambda share, desc="": None,
) -> str:
    """Measure `metric` of a served bundle and say whether it agrees with its card."""
    bundle = studio.bundles[name]
    found = metrics.evaluate(
        lambda images: studio.encode(name, images).mean,
        Shapes2D(split="all"),
        [metric],
        seed,
        lambda share, what: progress(share, desc=what),
    )[metric]["score"]
    measured = f"{TITLES[metric]} of {bundle.title}: {found:.4f}, measured now with seed {seed}."
    if metric not in bundle.metrics["scores"]:  # a bundle from before this metric
        return notice(f"{measured} The card does not say.")
    stored, within = (bundle.metrics[part][metric] for part in ("scores", "tolerance"))
    agrees = abs(found - stored) <= within
    verdict = "agrees with" if agrees else "differs from"
    return notice(
        f"{measured} That {verdict} the card's {stored:.4f} ± {within:.4f}.", wrong=not agrees
    )
