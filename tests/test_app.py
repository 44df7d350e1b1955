"""The app in a real browser: every tab driven, with the served bundles."""

from __future__ import annotations

import re
import shutil

import numpy as np
import torch
from browser import (
    BETA,
    SLIDER,
    assert_shows,
    code_on_page,
    drag,
    pixels,
    random_face,
    reset,
    served,
    settle,
    slider,
    until,
)
from PIL import Image
from skimage.data import astronaut

from betavae import bundles
from betavae.serving.studio import Studio
from betavae.ui import layout


class TestTraverse:
    def test_drag_changes_the_face_and_ends_on_the_sliders_values(self, page):
        reset(page)
        before, other = pixels(page), pixels(page, "celeba-vae")
        drag(page, slider(page))
        settle(page)
        code = code_on_page(page)
        assert code.abs().max() > 1.5
        assert np.abs(pixels(page) - before).mean() > 3
        assert_shows(page, code)
        assert np.array_equal(pixels(page, "celeba-vae"), other)

    def test_drag_leaves_no_file(self, page, cache):
        files = {path for path in cache.rglob("*") if path.is_file()}
        for position in range(3):
            drag(page, slider(page, position=position))
        settle(page)
        assert {path for path in cache.rglob("*") if path.is_file()} == files

    def test_keyboard_moves_and_the_arrow_resets(self, page):
        reset(page)
        handle = slider(page)
        handle.focus()
        for _ in range(6):
            page.keyboard.press("ArrowRight")
        settle(page)
        assert handle.input_value() == "0.6"
        assert_shows(page, code_on_page(page))
        page.locator("section[aria-label*='β = 250'] .arrow").first.click()
        settle(page)
        assert handle.input_value() == "0"
        assert_shows(page, code_on_page(page))

    def test_a_number_can_be_typed(self, page):
        reset(page)
        number = page.locator("section[aria-label*='β = 250'] .latent input[type=number]").first
        number.fill("9")
        number.press("Enter")
        settle(page)
        assert slider(page).input_value() == "3" and number.input_value() == "3.00"
        assert_shows(page, code_on_page(page))

    def test_click_on_a_strip_goes_there(self, page):
        reset(page)
        slider(page).focus()
        strip = page.locator(f"figure:has([data-model={BETA}]) .strip")
        box = strip.bounding_box()
        strip.click(position={"x": box["width"] * 1.5 / 7, "y": box["height"] / 2})
        settle(page)
        assert slider(page).input_value() == "-2"

    def test_real_face_is_a_stored_code_of_both_models(self, page):
        page.get_by_role("button", name="A face from the data").click()
        page.wait_for_function(
            "document.querySelector('.status').textContent.includes('as each model redraws it')"
        )
        settle(page)
        number = int(re.search(r"Face (\d+)", page.inner_text(".status")).group(1))
        for model in ("celeba-vae", BETA):
            assert_shows(page, bundles.load(model).codes[number], model)

    def test_random_faces_differ(self, page):
        shown = []
        for _ in range(2):
            random_face(page)
            shown.append(pixels(page, "celeba-vae"))
        assert np.abs(shown[0] - shown[1]).mean() > 5
        assert "prior" in page.inner_text(".status")

    def test_a_random_face_is_every_models(self, page):
        """A model that is put beside later shows the same picture."""
        random_face(page)
        codes = page.evaluate("document.querySelector('#board .board').codes().edited")
        drawn = torch.tensor([codes["celeba-vae"]])
        others = [n for n in bundles.names() if n.startswith("celeba-") and n != "celeba-vae"]
        with torch.no_grad():
            face = bundles.load("celeba-vae").vae.decode(drawn).mean
            expected = {name: bundles.load(name).vae.encode(face).mean[0] for name in others}
        for name in others:
            assert np.allclose(codes[name], expected[name], atol=1e-3), name

    def test_model_picker(self, page):
        page.get_by_label("Compare with").select_option("none")
        page.get_by_label("Model", exact=True).select_option("β-VAE (β = 250)")
        page.wait_for_function(
            "document.querySelectorAll('.stage canvas[data-model]').length === 1"
        )
        assert page.locator(".stage canvas[data-model]").get_attribute("data-model") == BETA
        reset(page)
        drag(page, slider(page, position=1))
        settle(page)
        assert_shows(page, code_on_page(page))

    def test_the_picture_follows_when_the_network_comes_back(self, page):
        reset(page)
        page.route("**/component_server/**", lambda route: route.abort())
        drag(page, slider(page))
        page.wait_for_function(
            "document.querySelector('.status').textContent.includes('does not answer')"
        )
        page.unroute("**/component_server/**")
        page.wait_for_function(
            "document.querySelector('.status').textContent.includes('answers again')"
        )
        settle(page)
        assert_shows(page, code_on_page(page))

    def test_a_sample_is_noisier_than_the_mean(self, page):
        reset(page)
        smooth = np.abs(np.diff(pixels(page), axis=0)).mean()
        page.get_by_role("button", name="View").click()
        page.get_by_role("radio", name="one random draw").click()
        until(page, lambda: np.abs(np.diff(pixels(page), axis=0)).mean() > 2 * smooth)

    def test_active_latents_come_first_by_kl_and_the_others_are_folded(self, page):
        bundle = bundles.load(BETA)
        sliders = page.locator(f"section[aria-label*='β = 250'] {SLIDER}:visible")
        shown = [int(one.get_attribute("data-latent")) for one in sliders.all()]
        assert shown == [latent.index for latent in bundle.active]
        page.locator("section[aria-label*='β = 250'] summary").click()
        inactive = page.locator("section[aria-label*='β = 250'] details .latent")
        assert inactive.count() == 32 - len(bundle.active)
        assert inactive.first.is_visible()


class TestPhone:
    def test_touch_drags_and_nothing_overflows(self, phone):
        reset(phone)
        handle = slider(phone)
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        session = phone.context.new_cdp_session(phone)
        y = box["y"] + box["height"] / 2
        points = [[{"x": box["x"] + share * box["width"], "y": y}] for share in (0.5, 0.7, 0.85)]
        session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[0]})
        for point in points:
            session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": point})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        settle(phone)
        assert code_on_page(phone).abs().max() > 1
        assert_shows(phone, code_on_page(phone))
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def test_faces_stay_in_view_and_captions_choose_the_sliders(self, phone):
        phone.mouse.move(200, 700)
        phone.mouse.wheel(0, 900)
        phone.wait_for_timeout(300)
        assert 0 <= phone.locator(".stage canvas").first.bounding_box()["y"] < 100
        phone.get_by_role("button", name="VAE (β = 1)", exact=True).click()
        assert phone.locator("section[aria-label*='β = 1)']").is_visible()
        assert not phone.locator("section[aria-label*='β = 250']").is_visible()


class TestReconstruct:
    def upload(self, page, path):
        page.get_by_role("tab", name="Reconstruct").click()
        page.set_input_files("#photo input[type=file]", path)

    def test_portrait_is_aligned_reconstructed_and_edited(self, page, tmp_path):
        Image.fromarray(astronaut()).save(tmp_path / "portrait.png")
        self.upload(page, tmp_path / "portrait.png")
        page.wait_for_selector("#reconstruction .cards")
        text = page.inner_text("#reconstruction")
        assert "One face found" in text
        assert len(re.findall(r"PSNR ↑ \d+\.\d dB", text)) == len(
            [n for n in bundles.names() if n.startswith("celeba-")]
        )
        assert len(re.findall(r"KL \d+ nats", text)) == len(
            [n for n in bundles.names() if n.startswith("celeba-")]
        )
        page.get_by_role("button", name="Edit in Traverse").click()
        page.wait_for_function("document.querySelector('.status').textContent === 'Your face.'")
        settle(page)
        assert_shows(page, code_on_page(page))

    def test_no_face_falls_back_on_the_centre_and_says_so(self, page, tmp_path):
        rows = np.linspace(0, 255, 300).astype(np.uint8)
        Image.fromarray(np.tile(rows, (200, 1))).save(tmp_path / "gradient.png")
        self.upload(page, tmp_path / "gradient.png")
        page.wait_for_selector("#reconstruction .cards")
        assert "For now the models see the centre of the photo" in page.inner_text(
            "#reconstruction"
        )

    def test_a_renamed_text_file_gets_one_sentence(self, page, tmp_path):
        (tmp_path / "notes.png").write_text("This is no picture at all.")
        self.upload(page, tmp_path / "notes.png")
        page.wait_for_selector("#reconstruction .notice.wrong")
        assert page.locator("#reconstruction .cards").count() == 0
        assert not page.get_by_role("button", name="Edit in Traverse").is_enabled()


class TestCompare:
    def test_scores_faces_matches_and_bars(self, page):
        page.get_by_role("tab", name="Compare").click()
        page.wait_for_selector("#matched img")
        table = page.inner_text("#scores")
        for name in ("celeba-vae", BETA):
            assert f"{bundles.load(name).metrics['scores']['psnr']:.2f}" in table
        assert page.locator("#faces img").count() == 2
        assert page.locator("#matched .pair img").count() >= 2
        assert page.locator("#compare-bars .bar-chart").count() == 2
        assert page.locator("#compare-bars .bar").count() == 64

    def test_rows_are_paired_by_correlation(self, page):
        """Each active latent of the β-VAE stands beside the VAE's latent that follows it best."""
        page.get_by_role("tab", name="Compare").click()
        page.wait_for_selector("#matched img")
        one, other = (bundles.load(name) for name in (BETA, "celeba-vae"))
        matrix = np.corrcoef(one.codes.T, other.codes.T)[:32, 32:]
        rows = page.locator("#matched .pair:not(.heads)")
        assert rows.count() == len(one.active)
        for row, latent in zip(rows.all_inner_texts(), one.active, strict=True):
            partner = int(np.abs(matrix[latent.index]).argmax())
            assert f"z{latent.index}" in row and f"z{partner}" in row
            assert f"{matrix[latent.index, partner]:+.2f}" in row

    def test_all_models_of_the_data(self, page):
        page.get_by_role("tab", name="Compare").click()
        page.locator("#compare-data").get_by_label("2D shapes").click()
        page.wait_for_selector("#factors .model canvas")
        for name in ("shapes2d-vae", "shapes2d-beta-vae"):
            bundle = bundles.load(name)
            row = page.locator("#every tr", has_text=bundle.title).inner_text()
            assert f"{bundle.metrics['scores']['mig']:.3f}" in row
            training = bundle.config["training"]
            assert row.endswith(f"{training['steps'] * training['batch_size'] / 1e6:.2f}")
        shapes = [bundles.load(name) for name in bundles.names() if name.startswith("shapes2d")]
        grown = any(bundle.config["training"].get("growth") for bundle in shapes)
        assert ("“Grown”" in page.inner_text("#every")) == grown
        named = page.locator("#every .scatter li").all_inner_texts()
        assert all(any(bundle.title in text for text in named) for bundle in shapes)
        tips = [d.get_attribute("title") for d in page.locator("#every .scatter .field i").all()]
        assert len(tips) == len(named) == len(shapes)
        kl = {bundle.title: f"KL, nats {bundle.metrics['scores']['kl']:.1f}" for bundle in shapes}
        assert all(any(title in t and text in t for t in tips) for title, text in kl.items())

    def test_what_each_latent_answers_to_is_drawn_for_the_chosen_models(self, page):
        page.get_by_role("tab", name="Compare").click()
        page.locator("#compare-data").get_by_label("2D shapes").click()
        page.wait_for_selector("#tuning .latents figure")
        pair = (bundles.load(f"shapes2d-{name}") for name in ("vae", "beta-vae"))
        models = page.locator("#tuning .latents")
        drawn = [models.nth(k).locator("figure").count() for k in range(models.count())]
        assert drawn == [len(bundle.active) for bundle in pair]
        assert page.locator("#tuning polyline").count() == 2 * 3 * sum(drawn)
        page.locator("#compare-data").get_by_label("Faces").click()
        page.wait_for_selector("#tuning .latents", state="detached")

    def test_the_first_picture_is_chosen_by_keys(self, page):
        page.get_by_role("tab", name="Compare").click()
        shown = page.locator("#faces img").first
        before = shown.get_attribute("src")
        page.locator("#start input[type=range]").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "old => document.querySelector('#faces img').src !== old", arg=before
        )

    def test_choosing_a_model_redraws(self, page):
        page.get_by_role("tab", name="Compare").click()
        page.wait_for_selector("#faces img")
        before = page.locator("#faces img").first.get_attribute("src")
        page.get_by_label("First model").click()
        page.get_by_role("option", name="β-VAE (β = 250)").click()
        page.wait_for_function(
            "before => document.querySelector('#faces img').src !== before", arg=before
        )


def test_damaged_bundle_is_named_and_the_other_works(browser, tmp_path, monkeypatch):
    shutil.copytree(bundles.root(), tmp_path / "weights")
    weights = tmp_path / "weights" / "celeba-vae" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    monkeypatch.setenv("BETAVAE_WEIGHTS", str(tmp_path / "weights"))
    with served(layout.build(Studio()), **layout.LAUNCH) as address:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector(".board canvas")
        notice = page.inner_text(".notice.wrong")
        assert "celeba-vae" in notice and "truncated or altered" in notice
        reset(page)
        drag(page, slider(page))
        settle(page)
        assert_shows(page, code_on_page(page))
        page.close()
