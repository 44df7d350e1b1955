"""2D shapes in the app: the factors view, the heat maps, Traverse, and measuring again."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import torch
from browser import assert_shows, code_on_page, drag, settle
from PIL import Image

from betavae import bundles
from betavae.bundles.stored import stored_shapes
from betavae.data import Shapes2D
from betavae.serving import checks
from betavae.ui.live.factors import code_of_factors
from betavae.ui.tabs.results import measured_again

NAMES = ["shapes2d-vae", "shapes2d-beta-vae-grown"]  # what a visitor sees first


@pytest.fixture
def factors_page(page):
    """Compare, on 2D shapes."""
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-data").get_by_label("2D shapes").click()
    page.wait_for_selector("#factors .model canvas")
    page.wait_for_function("+document.querySelector('.factors').dataset.frames >= 1")
    quieten(page)
    return page


def quieten(page):
    """Wait until the factors view shows the last wish."""
    last = None
    for _ in range(60):
        page.wait_for_timeout(120)
        now = page.evaluate("document.querySelector('.factors').dataset.frames")
        if now == last:
            return
        last = now


def numbers(page, model) -> dict[int, float]:
    """{latent: mean} as the bars say."""
    rows = page.evaluate(
        """model => [...document.querySelectorAll(`.model[data-model="${model}"] .bar`)]
            .map(row => [row.dataset.latent, row.querySelector('.number').textContent])""",
        model,
    )
    return {int(latent): float(text.replace("−", "-")) for latent, text in rows}


def canvas(page, selector) -> np.ndarray:
    uri = page.evaluate("s => document.querySelector(s).toDataURL()", selector)
    picture = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("L")
    return np.asarray(picture).astype(float)


class TestFactors:
    def test_sliders_draw_the_sprite_and_the_bars_are_the_posterior_means(self, factors_page):
        page = factors_page
        values = {"shape": 1, "scale": 3, "orientation": 12, "x": 25, "y": 7}
        for name, value in values.items():
            slider = page.locator(f"#factors input[data-factor={name}]")
            slider.evaluate(
                "(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", value
            )
        quieten(page)
        picture = Shapes2D().images(torch.tensor([list(values.values())])).float()
        drawn = canvas(page, "#factors .sprite")
        expected = Image.fromarray((picture[0, 0] * 255).byte().numpy()).resize((256, 256))
        assert np.abs(drawn - np.asarray(expected, float)).mean() < 3
        for name in NAMES:
            with torch.no_grad():
                posterior, likelihood = bundles.load(name).vae(picture)
            shown = numbers(page, name)
            for latent, mean in enumerate(posterior.mean[0].tolist()):
                assert shown[latent] == pytest.approx(mean, abs=0.011)
            made = canvas(page, f"#factors canvas[data-model={name}]")
            enlarged = torch.nn.functional.interpolate(likelihood.mean, 256, mode="bilinear")
            assert np.abs(made - enlarged[0, 0].numpy() * 255).mean() < 3

    def test_a_mouse_drag_moves_bars_and_marks_them(self, factors_page):
        page = factors_page
        before = numbers(page, NAMES[1])
        drag(page, page.locator("#factors input[data-factor=x]"), (0.5, 0.7, 0.95))
        quieten(page)
        after = numbers(page, NAMES[1])
        moved = {k for k in before if abs(after[k] - before[k]) > 0.5}
        marked = page.evaluate(
            """model => [...document.querySelectorAll(`.model[data-model="${model}"] .bar.moved`)]
                .map(row => +row.dataset.latent)""",
            NAMES[1],
        )
        assert moved and set(marked) == moved
        assert "began to change x" in page.inner_text("#factors .caption")

    def test_keyboard_steps_a_factor(self, factors_page):
        page = factors_page
        slider = page.locator("#factors input[data-factor=scale]")
        slider.focus()
        start = int(slider.input_value())
        page.keyboard.press("ArrowLeft")
        quieten(page)
        assert int(slider.input_value()) == start - 1
        assert slider.get_attribute("aria-valuetext") == f"{0.5 + (start - 1) / 10:.1f}"

    def test_heat_maps_and_scores_are_the_stored_ones(self, factors_page):
        page = factors_page
        for section in ("heat", "scores"):
            page.locator(f"details[data-section={section}] summary").click()
            page.wait_for_selector(f"#{section} table")
        page.wait_for_selector("#heat table.heat >> nth=1")
        text = page.inner_text("#scores")
        for place, name in enumerate(NAMES):
            bundle = bundles.load(name)
            assert f"{bundle.metrics['scores']['mig']:.3f}" in text
            parts = bundle.metrics["metrics"]["mig"]
            shares = 100 * np.array(parts["information"]) / np.array(parts["entropy"])
            cells = page.locator("#heat table.heat").nth(place).locator("td").all_inner_texts()
            order = [latent.index for latent in bundle.by_kl]
            assert [int(cell) for cell in cells] == shares[order].ravel().round().astype(
                int
            ).tolist()

    def test_true_factors_come_first_and_originals_stand_above(self, factors_page):
        page = factors_page
        summaries = page.locator(".compare summary:visible").all()
        above = page.locator("#factors").bounding_box()["y"]
        assert all(above < summary.bounding_box()["y"] for summary in summaries)
        page.locator("details[data-section=faces] summary").click()
        page.wait_for_selector("#faces img")
        captions = page.locator("#faces figcaption").all_inner_texts()
        assert [c.split()[0] for c in captions] == ["Originals"] + ["Reconstructions", "Their"] * 2
        drawn = bundles.load(NAMES[0])
        originals = stored_shapes(drawn)
        with torch.no_grad():
            assert torch.allclose(drawn.vae.encode(originals).mean, drawn.codes, atol=1e-3)
        uri = page.locator("#faces img").first.get_attribute("src")
        shown = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("L")
        row = np.asarray(shown, float) / 255
        assert np.abs(row[:, -64:] - originals[7, 0].numpy()).mean() < 0.02  # JPEG

    def test_on_a_phone_the_buttons_hold_their_words(self, phone):
        phone.locator("#data").get_by_label("2D shapes").click()
        phone.get_by_role("button", name="Random shape").wait_for()
        for button in phone.locator(".bar button:visible:has(span:visible)").all():
            spare = button.evaluate(
                "b => { const words = document.createRange(); words.selectNodeContents(b);"
                " return b.clientWidth - words.getBoundingClientRect().width }"
            )
            assert spare > 4, button.inner_text()

    def test_on_a_phone_nothing_overflows(self, phone):
        phone.get_by_role("tab", name="Compare").click()
        phone.locator("#compare-data").get_by_label("2D shapes").click()
        phone.wait_for_selector("#factors .model canvas")
        phone.wait_for_timeout(500)
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
        phone.locator("details[data-section=scores] summary").click()
        phone.wait_for_selector("#scores table")
        scores = phone.locator("#scores .scroll")  # two models are seen without scrolling
        assert scores.evaluate("e => e.clientWidth > 0 && e.scrollWidth <= e.clientWidth")

    @pytest.mark.parametrize(
        ("request_", "sentence"),
        [
            (None, "Send factors"),
            ({"factors": [0, 0, 0, 0], "models": NAMES}, "Send 5 factors"),
            ({"factors": [0, 0, 0, 0, 32], "models": NAMES}, "factor y must be"),
            ({"factors": [0, 0, 0.5, 0, 0], "models": NAMES}, "factor orientation must be"),
            ({"factors": [0, 0, 0, 0, float("nan")], "models": NAMES}, "factor y must be"),
            ({"factors": [0] * 5, "models": ["celeba-vae"]}, "no such model"),
            ({"factors": [0] * 5, "models": ["../x"]}, "no such model"),
            ({"factors": [0] * 5, "models": "shapes2d-vae"}, "Name the models"),
        ],
    )
    def test_nonsense_gets_one_sentence(self, studio, request_, sentence):
        with pytest.raises(checks.Refused, match=sentence):
            code_of_factors(studio)(request_)


class TestTraverse:
    def test_the_shapes_models_have_sliders_too(self, board):
        board.locator("#data").get_by_label("2D shapes").click()
        board.wait_for_selector(f"canvas[data-model={NAMES[1]}]")
        board.get_by_role("button", name="A shape from the data").click()
        board.wait_for_function(
            "document.querySelector('.status').textContent.includes('as each model redraws it')"
        )
        settle(board)
        number = int(re.search(r"Shape (\d+)", board.inner_text(".status"))[1])
        for name in NAMES:
            assert_shows(board, bundles.load(name).codes[number], name)
        slider = board.locator(f".latent input[type=range][data-model={NAMES[1]}]").first
        drag(board, slider)
        settle(board)
        assert_shows(board, code_on_page(board, NAMES[1]), NAMES[1])

    def test_a_random_shape_is_one_shape_for_both(self, board):
        board.locator("#data").get_by_label("2D shapes").click()
        board.wait_for_selector(f"canvas[data-model={NAMES[1]}]")
        board.get_by_role("button", name="Random shape").click()
        board.wait_for_function("document.querySelector('.status').textContent.includes('prior')")
        settle(board)
        code = code_on_page(board, NAMES[0])
        with torch.no_grad():
            seen = bundles.load(NAMES[0]).vae.decode(code[None]).mean
            other = bundles.load(NAMES[1]).vae.encode(seen).mean[0]
        shown = code_on_page(board, NAMES[1])
        assert (shown - other).abs().max() < 0.1


class TestTraining:
    def test_table_curves_sweep_and_history_are_there(self, page):
        page.get_by_role("tab", name="Results").click()
        page.wait_for_selector("#headline table")
        table = page.inner_text("#headline")
        for words in ("VAE (β = 1), conv", "β-VAE (β = 4), conv", "raw pixels", "61.58", "99.23"):
            assert words in table
        for plot in ("#curve", "#sweep", "#rate-distortion", "#history"):
            page.wait_for_selector(f"{plot} canvas, {plot} svg", state="attached")
        assert "python -m betavae train" in page.inner_text("#commands")

    def test_attributes_have_their_best_latents(self, page):
        page.get_by_role("tab", name="Results").click()
        page.locator("#attributes summary").click()
        text = page.inner_text("#attributes")
        for name in ("celeba-vae", "celeba-beta-vae"):
            best = bundles.load(name).metrics["attributes"]["smiling"]
            assert f"{best['auroc']:.3f} (z{best['latent']})" in text
        faces = [bundles.load(name) for name in bundles.names() if name.startswith("celeba")]
        alone = sum(
            best["auroc"] >= 0.65 and best["lead"] >= 0.03
            for bundle in faces
            for best in bundle.metrics["attributes"].values()
        )
        measured = sum(
            abs(best["correlation"]) >= 0.65 and best["lead"] >= 0.05
            for bundle in faces
            for best in bundle.metrics["statistics"].values()
        )
        assert page.locator("#attributes td.best").count() == alone + measured > alone > 0

    def test_choosing_a_bundle_shows_its_commands(self, page):
        page.get_by_role("tab", name="Results").click()
        page.locator("#history-bundle input").click()
        page.get_by_role("option", name="2D shapes: β-VAE (β = 4)", exact=True).click()
        page.wait_for_function(
            "document.querySelector('#commands').innerText.includes('train shapes2d')"
        )

    def test_measure_again_agrees_with_the_card(self, page):
        page.get_by_role("tab", name="Results").click()
        page.get_by_role("button", name="Measure again").click()
        page.wait_for_selector("#again-result .notice", timeout=180_000)
        text = page.inner_text("#again-result")
        stored = bundles.load("shapes2d-beta-vae").metrics["scores"]["mig"]
        assert "agrees with the card" in text and f"{stored:.4f}" in text

    def test_a_card_that_lies_is_told_so(self, studio, monkeypatch):
        """The comparison can fail: with a stored score that is wrong by more than its error."""
        bundle = studio.bundles[NAMES[0]]
        scores = bundle.metrics["scores"]
        monkeypatch.setitem(scores, "mig", scores["mig"] + 0.3)
        assert "differs from the card" in measured_again(studio, NAMES[0], "mig", 0)
