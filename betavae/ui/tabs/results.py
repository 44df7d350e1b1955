"""The Results tab: three questions, the table, and below them curves and measuring again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import gradio as gr
import pandas as pd

from betavae import metrics
from betavae.bundles.bundle import BundleError
from betavae.data import Shapes2D
from betavae.metrics.attributes import CORRELATED, LEADING, LEADING_BY, TELLING, stands_for
from betavae.metrics.shapes import TITLES
from betavae.serving.studio import Studio
from betavae.study.kinds import PARTS, named_chart
from betavae.study.table import read_study
from betavae.ui.live.results import results_view
from betavae.ui.parts.markup import COPY, code, notice, table

RECORDED = {  # columns of history.csv -> axis
    "validation_reconstruction": "−log p(x|z), nats (validation) ↓",
    "validation_kl": "KL, nats (validation)",
    "validation_psnr": "PSNR, dB (validation) ↑",
    "validation_active_latents": "Active latents",
    "reconstruction": "−log p(x|z), nats (training) ↓",
    "learning_rate": "Learning rate",
}
HEADLINE = (
    "**The paper's metric.** In pairs of pictures, one factor has the same value and the others "
    "change. A linear classifier must find which factor was kept. Its accuracy depends on *L*, the "
    "number of pairs that are averaged, and the paper does not give *L*. The rows *untrained* and "
    "*raw pixels* show how well even an untrained encoder scores."
)
CURVES = (
    "## Accuracy against L\n\n"
    "With many pairs, every trained code comes near 100 % on four factors, and so does PCA. With "
    "few pairs, the models differ. Each line is the mean over seeds. The code is the posterior "
    "mean, or one sample of the posterior. The four factors leave out the shape, as in the paper."
)
MEANING = (
    "## Which latent tracks which attribute\n\nFor each attribute of CelebA, the latent that "
    "separates the validation faces best by it, and its AUROC ↑: 0.5 is chance, 1 is perfect. In "
    f"colour: the latent tracks this attribute. Its AUROC is at least {TELLING}, and at least "
    f"{LEADING} higher than that of any other latent. What is measured on the picture itself comes "
    f"last, with its correlation r: at least {CORRELATED}, and {LEADING_BY} ahead."
)
AGAIN = (
    "## Measure a score again\n\nThe app draws pictures, encodes them and computes the score. Seed "
    "0 repeats the published measurement. This takes about half a minute, for DCI by boosted "
    "trees a minute or two."
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
        results_view(study, studio)
        with gr.Accordion("How to read the table", open=False):
            gr.Markdown(f"{HEADLINE}\n\n{PARTS}")
        _curves(study)
    _attributes(studio)
    _training_curves(studio)
    names = studio.families.get("shapes2d", [])
    if names:
        _measure_again(studio, names)


def _attributes(studio: Studio) -> None:
    """Per attribute and statistic the best single latent of every face model, and how well it tells
    it."""
    faces = (name for name in studio.names if studio.data(name) == "celeba")
    names = [name for name in faces if "attributes" in _metrics(studio, name)]
    if not names:
        return
    gr.Markdown(MEANING)
    lines, alone = [["", *(studio.title(name) for name in names)]], []
    for of, score, sign, remark in (
        ("attributes", "auroc", "", ""),
        ("statistics", "correlation", "+", " (r)"),
    ):
        found = [_metrics(studio, name).get(of, {}) for name in names]
        told = set.intersection(*map(set, found))
        for what in sorted(told, key=lambda a: -max(abs(f[a][score]) for f in found)):
            cells = (f"{f[what][score]:{sign}.3f} (z{f[what]['latent']})" for f in found)
            lines.append([what + remark, *cells])
            alone += [(len(lines) - 1, i) for i, f in enumerate(found, 1) if stands_for(f[what])]
    shown = table(lines, "pair", alone, label="Attributes")
    folded = (
        f"<details><summary>{len(lines) - 1} attributes and statistics</summary>{shown}</details>"
    )
    gr.HTML(folded, elem_id="attributes")


def _metrics(studio: Studio, name: str) -> dict[str, Any]:
    return studio.bundles[name].metrics


# A plot's titles are replaced first and its data then, never its columns: Gradio 6 may draw what
# else an update changes with the data of the update before. What a choice changes is named above
# the plot: beside an axis, it would be cut off by the longer numbers of other data.


def _curves(study: dict[str, Any]) -> None:
    gr.Markdown(CURVES)
    charts = list(study["curves"])
    chart = gr.Radio(
        [(named_chart(name), name) for name in charts],
        value=charts[0],
        label="Code and factors",
        elem_id="curve-choice",
    )
    first = _curve(study, charts[0])
    plot = gr.LinePlot(
        first,
        x="L",
        y="accuracy",
        color="code",
        sort=list(dict.fromkeys(first["L"])),  # as text: equal steps, a tick each
        x_title="L, the number of pairs averaged",
        x_label_angle=-45,  # a phone has no room for them side by side
        y_title="accuracy ↑",
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
            {"L": str(pairs), "accuracy": round(mean, 4), "code": who}
            for who, line in study["curves"][chart].items()
            for pairs, mean in zip(line["pairs"], line["mean"], strict=True)
        ]
    )


def _training_curves(studio: Studio) -> None:
    gr.Markdown("## Training curves\n\nOf a model, and the commands that made it.")
    choices = [
        (f"{studio.family_title(family)}: {studio.title(name)}", name)
        for family, names in studio.families.items()
        for name in names
    ]
    with gr.Row():
        bundle = gr.Dropdown(choices, value=choices[0][1], label="Model", elem_id="history-bundle")
        column = gr.Dropdown(
            [(title, name) for name, title in RECORDED.items()],
            value="validation_reconstruction",
            label="Quantity",
            elem_id="history-column",
        )
    plot = gr.LinePlot(
        _history(studio, choices[0][1], "validation_reconstruction"),
        x="step",
        y="y",
        x_title="training step",
        y_title=" ",
        tooltip=["step", "y"],
        height=300,
        y_axis_format=",~f",
        title=RECORDED["validation_reconstruction"],
        elem_id="history",
    )
    commands = gr.HTML(code(_commands(studio, choices[0][1])), elem_id="commands", js_on_load=COPY)

    def show(name: str, recorded: str):
        return _history(studio, name, recorded), code(_commands(studio, name))

    titled = column.input(lambda name: gr.LinePlot(title=RECORDED[name]), column, plot, **quiet)
    for event in (titled.then, bundle.input):
        event(show, [bundle, column], [plot, commands], **quiet)


def _history(studio: Studio, name: str, column: str) -> pd.DataFrame:
    frame = pd.DataFrame(studio.bundles[name].history)
    return frame[["step", column]].rename(columns={column: "y"}).dropna()


def _commands(studio: Studio, name: str) -> str:
    """The card's shell commands, as it has them."""
    card = (studio.bundles[name].folder / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```sh\n(.*?)```", card, re.DOTALL)
    return found[1].strip() if found else "The card of this model shows no command."


def _measure_again(studio: Studio, names: list[str]) -> None:
    gr.Markdown(AGAIN)
    with gr.Row():
        bundle = gr.Dropdown(
            [(studio.title(name), name) for name in names],
            value=studio.beta_vae(names) or names[0],
            label="Model",
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
        return notice(f"{measured} The card has no value for it.")
    stored, within = (bundle.metrics[part][metric] for part in ("scores", "tolerance"))
    agrees = abs(found - stored) <= within
    verdict = "agrees with" if agrees else "differs from"
    return notice(
        f"{measured} This {verdict} the card's value, {stored:.4f} ± {within:.4f}.",
        wrong=not agrees,
    )
