"""python -m betavae evaluate, and compare"""

from __future__ import annotations

import argparse
from pathlib import Path

from betavae.bundles import bundle
from betavae.commands.options import add_data, one_split, splits
from betavae.metrics import METRICS
from betavae.training.growth import close


def add(commands) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="measure a bundle on held-out data and write its metrics.json",
        description="Measure a bundle, print its scores beside the stored ones, and write "
        "metrics.json and the model card.",
        epilog="Example: python -m betavae evaluate weights/celeba-vae --data data/celeba",
    )
    parser.set_defaults(run_command=_evaluate)
    parser.add_argument("bundle", type=Path, help="such as weights/celeba-beta-vae")
    add_data(parser)
    parser.add_argument(
        "--seed", type=int, default=0, help="decides which pictures are drawn (0, as published)"
    )
    parser.add_argument(
        "--groups",
        action="store_true",
        help="faces with attributes: the scores of groups of people alone, and leave the others as "
        "they are (they are measured with the rest)",
    )
    parser.add_argument(
        "--attributes",
        action="store_true",
        help="faces with attributes: which latents track one attribute or statistic, alone",
    )
    parser.add_argument(
        "--renderer",
        action="store_true",
        help="the renderer's part alone (it is measured with the rest, if the bundle has one)",
    )
    parser.add_argument(
        "--scores",
        nargs="+",
        choices=tuple(METRICS),
        metavar="SCORE",
        help=f"2D shapes: measure these alone, and leave the others as they are: "
        f"{', '.join(METRICS)}",
    )
    parser.add_argument(
        "--keep-tolerance",
        action="store_true",
        help="2D shapes: leave the stored tolerances (how much a score may differ when other "
        "pictures are drawn) as they are; measuring them takes four of five minutes",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="2D shapes: every factor metric on fewer pictures, in half a minute; written to "
        "quick.json in the bundle's folder, metric by metric, and to nowhere else",
    )
    parser.add_argument("--dry-run", action="store_true", help="print only; write nothing")
    parser.add_argument(
        "--card-only",
        action="store_true",
        help="measure nothing: only write the model card again, from the stored scores",
    )
    parser.add_argument(
        "--close-silent",
        action="store_true",
        help="print only; first set the posterior of each inactive latent (mean KL under 0.05 "
        "nats) to the prior. Its mean has almost no information, but some scores still count it",
    )


def _evaluate(options: argparse.Namespace) -> None:
    from betavae.bundles import packaging
    from betavae.metrics.renderer import evaluate_renderer

    loaded = bundle.load(options.bundle)
    if options.card_only:
        packaging.write_card(loaded.folder, loaded.metrics)
        print(loaded.folder / "README.md")
        return
    if options.groups:
        _evaluate_groups(loaded, options)
        return
    if options.attributes:
        _evaluate_attributes(loaded, options)
        return
    if options.quick:
        _evaluate_quickly(loaded, options.seed)
        return
    data = splits(loaded.config["data"]["name"], options.root)
    if options.renderer:
        if options.dry_run:
            print_renderer(evaluate_renderer(loaded.renderer, *data, seed=options.seed))
        else:
            found = packaging.measure_renderer(loaded.folder, *data, seed=options.seed)
            print_renderer(found["renderer"])
        return
    if options.close_silent:
        silent = [latent.index for latent in loaded.latents if not latent.active]
        close(loaded.vae, silent)
        print(f"closed: {', '.join(f'z{index}' for index in silent) or 'none, all are active'}")
    metrics = _measured(loaded, data, options)
    stored, tolerance = loaded.metrics["scores"], loaded.metrics["tolerance"]
    print(f"{loaded.title}\n{metrics['protocol']}\n")
    print(f"{'score':20s} {'measured':>12s} {'stored':>12s} {'tolerance':>10s}")
    for name, value in metrics["scores"].items():
        if options.scores and not name.startswith(tuple(options.scores)):
            continue
        within = f"{tolerance[name]:10.4g}" if name in tolerance else ""
        print(f"{name:20s} {value:12.4f} {stored.get(name, float('nan')):12.4f} {within}")
    print_attributes(metrics)
    if "rates" in metrics:
        print()
        print_rates(metrics["rates"])
    if "renderer" in metrics:
        print()
        print_renderer(metrics["renderer"])


def _evaluate_quickly(loaded, seed: int) -> None:
    from betavae.bundles import quick

    for found in quick.measure(loaded, seed):
        if found["scores"]:
            name, score = list(found["scores"].items())[-1]
            print(f"{name:20s} {score:12.4f}")


def _measured(loaded, data, options: argparse.Namespace) -> dict:
    """metrics.json as it is now: written, but for a dry run."""
    from betavae.bundles import packaging

    stored, vae, dry = loaded.metrics, loaded.vae, options.dry_run or options.close_silent
    known = stored["tolerance"] if options.keep_tolerance else None
    if not options.scores:
        if dry:
            return packaging.evaluate(vae, *data, seed=options.seed)
        return packaging.measure(loaded.folder, vae, *data, seed=options.seed, known=known)
    if "metrics" not in stored:
        raise ValueError(f"{loaded.name} is not of 2D shapes: leave --scores out.")
    if dry:
        return packaging.scored_again(stored, vae, data[0], options.scores)
    return packaging.measure_again(loaded.folder, vae, data[0], options.scores, known)


def _evaluate_groups(loaded: bundle.Bundle, options: argparse.Namespace) -> None:
    from betavae.bundles.packaging import measure_groups
    from betavae.metrics.groups import evaluate_groups

    validation = _with_attributes(loaded, options.root, "group by")
    if options.dry_run:
        found = evaluate_groups(loaded.vae, validation)
    else:
        found = measure_groups(loaded.folder, loaded.vae, validation)
    print(found["protocol"], f"\n\n{'group':24s} pictures    psnr    ssim  code error   shift")
    for name, row in found["rows"].items():
        print(
            f"{name:24s} {row['pictures']:8d} {row['psnr']:7.2f} {row['ssim']:7.3f} "
            f"{row['code_error']:11.3f} {row['shift']:+7.3f}"
        )


def _evaluate_attributes(loaded: bundle.Bundle, options: argparse.Namespace) -> None:
    from betavae.bundles.packaging import measure_attributes
    from betavae.metrics.faces import add_attributes

    validation = _with_attributes(loaded, options.root, "track")
    if options.dry_run:
        found = loaded.metrics
        add_attributes(found, bundle.encode_all(loaded.vae, validation)[0], validation)
    else:
        found = measure_attributes(loaded.folder, loaded.vae, validation)
    print_attributes(found)
    print(f"{found['scores']['attribute_latents']} latents track one attribute or statistic")


def _with_attributes(loaded: bundle.Bundle, root: Path | None, purpose: str):
    """The validation split of a model of faces; ValueError for pictures without attributes."""
    validation = one_split(loaded.config["data"]["name"], root, "validation")
    if getattr(validation, "attributes", None) is None:
        raise ValueError(f"{loaded.name} has no attributes to {purpose}; only models of faces do.")
    return validation


def print_attributes(metrics: dict) -> None:
    """By which latent each attribute and each statistic is told best."""
    for name, best in metrics.get("attributes", {}).items():
        print(f"  {name:24s} AUROC {best['auroc']:.3f} by z{best['latent']}")
    for name, best in metrics.get("statistics", {}).items():
        print(f"  {name:24s} correlation {best['correlation']:+.3f} with z{best['latent']}")


def print_rates(rates: dict) -> None:
    """A row a β, then the models of one β, each over the same β of this one."""
    names = ("beta", "kl", "active_latents", "psnr_mean", "psnr_sample", "loss")
    print(f"{rates['protocol']}\n\n" + "".join(f"{name:>16s}" for name in names))
    for point in rates["points"]:
        print("".join(f"{point[name]:16.2f}" for name in names))
    for other in rates["single"]:
        for point, told in ((other, other["name"]), (other["dial"], "this one")):
            print("".join(f"{point[name]:16.2f}" for name in names), told)


def print_renderer(measured: dict) -> None:
    """A row a score, a column a way to draw: "detail_own" is detail, with own details."""
    ways = ("images", "plain", "own", "drawn")
    rows: dict[str, dict[str, float]] = {}
    for name, value in measured["scores"].items():
        score, _, way = name.rpartition("_")
        rows.setdefault(score if way in ways else name, {})[way if way in ways else ""] = value
    print(f"{measured['protocol']}\n\n{'renderer':24s}" + "".join(f"{way:>10s}" for way in ways))
    for score, found in rows.items():
        if "" in found:
            print(f"{score:24s}{found['']:10.4f}")
        else:
            cells = (f"{found[way]:10.4f}" if way in found else " " * 10 for way in ways)
            print(f"{score:24s}" + "".join(cells))


def add_compare(commands) -> None:
    parser = commands.add_parser(
        "compare",
        help="print the stored scores of several bundles side by side",
        description="Print the stored scores of several bundles side by side; those of 2D shapes "
        "with the baselines and the paper's figures.",
    )
    parser.set_defaults(run_command=_compare)
    parser.add_argument("bundles", nargs="+", type=Path, help="two or more bundle folders")


def _compare(options: argparse.Namespace) -> None:
    from betavae.study.table import read_study, table_text

    loaded = [bundle.load(path) for path in options.bundles]
    print_scores(loaded)
    if any("mig" in b.metrics["scores"] for b in loaded):
        print(f"\n{table_text(read_study())}")


def print_scores(bundles) -> None:
    print(f"{'':20s}" + "".join(f"{b.name:>22s}" for b in bundles))
    for score in bundles[0].metrics["scores"]:
        values = [b.metrics["scores"].get(score, float("nan")) for b in bundles]
        print(f"{score:20s}" + "".join(f"{value:22.4f}" for value in values))
    for each in bundles:
        if "rates" in each.metrics:
            print(f"\n{each.name}")
            print_rates(each.metrics["rates"])
