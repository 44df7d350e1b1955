"""The study as pictures: the paper's metric against L, the sweep over β, rate and distortion, and
what latents respond to."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no screen is needed

import numpy as np
from matplotlib import pyplot as plt

from betavae.bundles.bundle import Bundle
from betavae.data.shapes2d import SHAPE_NAMES
from betavae.metrics.direction import with_arrow
from betavae.metrics.shapes import TITLES
from betavae.study.kinds import USUAL, named_chart
from betavae.study.summary import HEADLINE, PAPER
from betavae.views.tuning import LARGEST, Tuning

STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "savefig.dpi": 130,
    "savefig.bbox": "tight",
}


def draw(summary: dict[str, Any], folder: Path) -> None:
    """A study's three figures, as its report shows them."""
    curves(summary, folder / "curves.png")
    sweep(summary, folder / "sweep.png")
    rate_distortion(summary, folder / "rate-distortion.png")


def curves(summary: dict[str, Any], path: Path) -> None:
    """Accuracy against L, a panel a set of factors and kind of code; bands are all seeds."""
    charts = summary["curves"]
    colours = _colours(list(charts.values()))
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(1, len(charts), figsize=(3.6 * len(charts), 3.8), sharey=True)
        for panel, (title, lines) in zip(np.atleast_1d(panels), charts.items(), strict=True):
            for who in (who for who in colours if who in lines):
                _band(panel, lines[who]["pairs"], lines[who], who, colours[who])
            panel.set(title=named_chart(title), xlabel="L, the number of pairs averaged")
            panel.set_xscale("log", base=2)
            panel.set(ylim=(0, 1.02))
            lengths = next(iter(lines.values()))["pairs"]
            panel.set_xticks(lengths, [str(length) for length in lengths], fontsize=7)
            for objective in HEADLINE:
                panel.axhline(PAPER[objective] / 100, ls=":", c="grey", lw=1)
        np.atleast_1d(panels)[0].set_ylabel("accuracy ↑ (dotted: the paper's β-VAE and VAE)")
        handles, labels = np.atleast_1d(panels)[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
        figure.subplots_adjust(bottom=0.27, wspace=0.08)
        figure.savefig(path)
        plt.close(figure)


def sweep(summary: dict[str, Any], path: Path) -> None:
    """Every score that all runs have against log β_norm, as the paper's Figure 6 right, with β
    above."""
    points = [p for p in summary["sweep"] if "beta" in p]
    if not points:  # a study of other objectives
        return
    titles = {name: TITLES[name] for name in TITLES if all(name in point for point in points)}
    betas = sorted({point["beta"] for point in points})
    with plt.rc_context(STYLE):
        rows = -(-len(titles) // 4)
        figure, panels = plt.subplots(rows, 4, figsize=(13, 2.8 * rows), constrained_layout=True)
        for panel in panels.flat[len(titles) :]:
            panel.set_axis_off()
        for panel, (name, title) in zip(panels.flat, titles.items(), strict=False):
            at = defaultdict(list)
            for point in points:
                at[point["log_beta_norm"]].append(point[name])
                panel.plot(point["log_beta_norm"], point[name], "o", c="C0", alpha=0.35, ms=4)
            xs = sorted(at)
            panel.plot(xs, [np.mean(at[x]) for x in xs], "-", c="C0")
            panel.set(title=with_arrow(title, name), xlabel="log β_norm = log(β·M/N)")
            above = panel.secondary_xaxis(
                "top", functions=(lambda x: x + np.log(4096 / 10), lambda x: x - np.log(4096 / 10))
            )
            above.set_xticks(np.log(betas), [f"{beta:g}" for beta in betas])
            above.tick_params(labelsize=7)
            above.set_xlabel("β", fontsize=7)
        figure.savefig(path)
        plt.close(figure)


def rate_distortion(summary: dict[str, Any], path: Path) -> None:
    """Every model as a point: what it spends (KL) and what is lost (reconstruction), by MIG.

    Those that were trained longer than usual have a dark edge.
    """
    if not summary["sweep"]:  # no `conv` among the runs
        return
    with plt.rc_context(STYLE):
        figure, panel = plt.subplots(figsize=(6.2, 4.4))
        groups = defaultdict(list)
        for point in summary["sweep"]:
            groups[point["objective"]].append(point)
        marks = "osD^vP*X"
        for mark, (objective, points) in zip(marks, sorted(groups.items()), strict=False):
            drawn = panel.scatter(
                [p["kl"] for p in points],
                [p["reconstruction"] for p in points],
                c=[p["mig"] for p in points],
                marker=mark,
                label=objective,
                edgecolors=["black" if long else "none" for long in map(_long, points)],
                cmap="viridis",
                vmin=0,
                vmax=max(p["mig"] for p in summary["sweep"]),
            )
        figure.colorbar(drawn, label="MIG ↑")
        panel.set(xlabel="rate: KL, nats", ylabel="distortion: −log p(x|z), nats ↓")
        if any(map(_long, summary["sweep"])):
            panel.set_title(f"dark edge: trained on more than {USUAL:,} pictures", fontsize=9)
        for handle in panel.legend(frameon=False, title="objective").legend_handles:
            handle.set(
                facecolor="grey", edgecolor="none", array=None
            )  # its colour would be the MIG of one run
        figure.savefig(path)
        plt.close(figure)


def tunings(bundles: list[Bundle], found: list[Tuning], path: Path) -> None:
    """The paper's Figure 7A: three rows a model (position, size, rotation), a column a latent."""
    columns = max(2, *(len(bundle.active) for bundle in bundles))
    height = 3.3 * len(bundles)
    with plt.rc_context({**STYLE, "axes.grid": False, "font.size": 7}):
        figure = plt.figure(figsize=(0.6 + 1.2 * columns, height), layout="constrained")
        parts = np.atleast_1d(figure.subfigures(len(bundles), 1))
        for part, bundle, tuned in zip(parts, bundles, found, strict=True):
            part.suptitle(bundle.title, x=0.01, ha="left", fontsize=9, weight="bold")
            panels = part.subplots(3, columns, height_ratios=(2, 1, 1), squeeze=False)
            for column, latent in zip(panels.T, bundle.active, strict=False):
                _tuned(column, tuned, latent.index)
                column[0].set_title(latent.label.replace(" · ", "\n"), fontsize=7)
            for panel in panels[:, len(bundle.active) :].flat:
                panel.axis("off")
            for panel, name in zip(panels[:, 0], ("position", "size", "rotation"), strict=True):
                panel.set_ylabel(name)
        handles, labels = panels[1, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower right", ncols=3, frameon=False)
        figure.savefig(path)
        plt.close(figure)


def _tuned(column, tuned: Tuning, latent: int) -> None:
    """One latent's map and its two families of curves; LARGEST standard deviations of the prior
    are the ends of the colours and of the axes."""
    place, *curves = column
    place.imshow(
        tuned.place[latent], vmin=-LARGEST, vmax=LARGEST, cmap="PuOr_r", interpolation="bilinear"
    )
    place.set(xticks=[], yticks=[])
    for panel, lines in zip(curves, (tuned.scale[latent], tuned.orientation[latent]), strict=True):
        for name, line in zip(SHAPE_NAMES, lines, strict=True):
            panel.plot(line, label=name, lw=1)
        panel.axhline(0, c="grey", lw=0.5)
        panel.set(xticks=[], yticks=[], ylim=(-LARGEST, LARGEST))


def _long(point: dict[str, Any]) -> bool:
    return point.get("pictures", USUAL) > USUAL  # points of old studies do not say


def _colours(charts: list[dict[str, Any]]) -> dict[str, str]:
    """{who: a colour}, one in all charts: models, which are in each, before the baselines."""
    everyone = dict.fromkeys(who for lines in charts for who in lines)
    ordered = sorted(everyone, key=lambda who: not all(who in lines for lines in charts))
    return {who: f"C{place}" for place, who in enumerate(ordered)}


def _band(panel, x, line: dict[str, list[float]], label: str, colour: str) -> None:
    panel.plot(x, line["mean"], label=label, c=colour, lw=1.5)
    panel.fill_between(x, line["low"], line["high"], color=colour, alpha=0.15, lw=0)
