"""Which model to use, in words: on scores with a known answer."""

from __future__ import annotations

from betavae.ui.parts.verdict import best_cells, faces_verdict, means_over_seeds, shapes_verdict

SHAPES = {
    "VAE": {"mig": 0.05, "dci": 0.1, "factor-vae": 0.6, "reconstruction": 60.0},
    "β-VAE": {"mig": 0.20, "dci": 0.3, "factor-vae": 0.7, "reconstruction": 90.0},
    "A": {"mig": 0.25, "dci": 0.2, "factor-vae": 0.8, "reconstruction": 80.0},
    "B": {"mig": 0.30, "dci": 0.2, "factor-vae": 0.5, "reconstruction": 91.0},
}
FACES = {
    "VAE": {"psnr": 20.0, "kl": 120.0, "active_latents": 32, "attribute_latents": 3},
    "β-VAE": {"psnr": 17.0, "kl": 9.0, "active_latents": 9, "attribute_latents": 2},
    "A": {"psnr": 18.0, "kl": 25.0, "active_latents": 9, "attribute_latents": 2},
    "B": {"psnr": 17.9, "kl": 20.0, "active_latents": 12, "attribute_latents": 4},
    "C": {"psnr": 19.0, "kl": 8.0, "active_latents": 8, "attribute_latents": 3},
    "D": {"psnr": 19.0, "kl": 90.0, "active_latents": 32, "attribute_latents": 1},
}


def test_shapes_name_the_best_and_who_beats_the_beta_vae_in_both():
    first, second = shapes_verdict(SHAPES, "β-VAE")
    assert "Best MIG: B (0.300)." in first and "DCI by boosted trees: β-VAE (0.300)." in first
    assert "FactorVAE score: A (0.800)" in first and "reconstruction: VAE (60.0 nats)." in first
    assert second == "Better than β-VAE in both reconstruction and MIG: A."


def test_where_there_are_several_seeds_their_means_are_judged_too():
    def row(title, mig, reconstruction, seeds, steps=16_000):
        return {
            "steps": steps,
            "batch_size": 16,
            "title": title,
            "architecture": "conv",
            "seeds": list(range(seeds)),
            "scores": {"mig": {"mean": mig}},
            "validation": {"reconstruction": {"mean": reconstruction}},
        }

    rows = [row("β-VAE", 0.1, 90, 10), row("A", 0.09, 80, 3), row("B", 0.2, 85, 3)]
    others = [row("C", 0.9, 10, 1), row("A", 0.9, 10, 3, steps=80_000)]
    means = means_over_seeds({"models": [*rows, *others]})
    assert list(means) == ["β-VAE", "A", "B"]  # C has one seed
    assert means["A"]["mig"] == 0.09  # not that of its longer runs
    first, second, third = shapes_verdict(SHAPES, "β-VAE", means)
    assert "MIG: B (0.300)" in first and second.endswith("and MIG: A."), "the served models' own"
    assert third.startswith("Better in both on average over seeds") and third.endswith(": B.")


def test_faces_must_be_one_decibel_sharper_with_as_many_latents():
    first, second = faces_verdict(FACES, "β-VAE")
    assert "Highest PSNR: VAE (20.00 dB)" in first and "Smallest KL: C (8.0 nats)" in first
    assert "track one attribute: B (4)" in first
    # B is not sharp enough, C has an active latent too few, D one that tracks an attribute
    assert second.endswith(": VAE; A.")


def test_nobody_better_is_said_and_nothing_without_a_beta_vae():
    pair = {name: SHAPES[name] for name in ("VAE", "β-VAE")}
    assert shapes_verdict(pair, "β-VAE")[1].endswith(": none of these.")
    assert len(shapes_verdict(pair, None)) == len(faces_verdict(FACES, None)) == 1


def test_the_best_cells_of_a_column_are_the_smallest_or_the_largest():
    lines = list(SHAPES.values())
    better, digits = {"mig": max, "reconstruction": min}, {"mig": 3, "reconstruction": 1}
    assert best_cells(lines, better, digits) == {"mig": [3], "reconstruction": [0]}


def test_all_whose_figure_reads_the_same_are_best():
    lines = [{"mig": 0.2996}, {"mig": 0.29}, {"mig": 0.3004}]
    assert best_cells(lines, {"mig": max}, {"mig": 4}) == {"mig": [2]}
    assert best_cells(lines, {"mig": max}, {"mig": 2}) == {"mig": [0, 2]}


def test_all_that_share_a_best_figure_are_named():
    even = {**FACES, "E": {**FACES["A"], "psnr": 20.001, "attribute_latents": 4}}
    first = faces_verdict(even, "β-VAE")[0]
    assert "Highest PSNR: VAE and E (20.00 dB)" in first
    assert "track one attribute: B and E (4)" in first
