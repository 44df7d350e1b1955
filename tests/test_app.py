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
    open_page,
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
from betavae.bundles.matches import matches, read
from betavae.serving.studio import Studio
from betavae.ui import layout


class TestTraverse:
    def test_drag_changes_the_face_and_ends_on_the_sliders_values(self, board):
        reset(board)
        before, other = pixels(board), pixels(board, "celeba-vae")
        drag(board, slider(board))
        settle(board)
        code = code_on_page(board)
        assert code.abs().max() > 1.5
        assert np.abs(pixels(board) - before).mean() > 3
        assert_shows(board, code)
        assert np.array_equal(pixels(board, "celeba-vae"), other)

    def test_drag_leaves_no_file(self, board, cache):
        files = {path for path in cache.rglob("*") if path.is_file()}
        for position in range(3):
            drag(board, slider(board, position=position))
        settle(board)
        assert {path for path in cache.rglob("*") if path.is_file()} == files

    def test_keyboard_moves_and_the_arrow_resets(self, board):
        reset(board)
        handle = slider(board)
        handle.focus()
        for _ in range(6):
            board.keyboard.press("ArrowRight")
        settle(board)
        assert handle.input_value() == "0.6"
        assert_shows(board, code_on_page(board))
        board.locator("section[aria-label*='β = 250'] .arrow").first.click()
        settle(board)
        assert handle.input_value() == "0"
        assert_shows(board, code_on_page(board))

    def test_a_number_can_be_typed(self, board):
        reset(board)
        number = board.locator("section[aria-label*='β = 250'] .latent input[type=number]").first
        number.fill("9")
        number.press("Enter")
        settle(board)
        assert slider(board).input_value() == "3" and number.input_value() == "3.00"
        assert_shows(board, code_on_page(board))

    def test_click_on_a_strip_goes_there(self, board):
        reset(board)
        slider(board).focus()
        strip = board.locator(f"figure:has([data-model={BETA}]) .strip")
        box = strip.bounding_box()
        strip.click(position={"x": box["width"] * 1.5 / 7, "y": box["height"] / 2})
        settle(board)
        assert slider(board).input_value() == "-2"

    def test_real_face_is_a_stored_code_of_both_models(self, board):
        board.get_by_role("button", name="A face from the data").click()
        board.wait_for_function(
            "document.querySelector('.status').textContent.includes('as each model redraws it')"
        )
        settle(board)
        number = int(re.search(r"Face (\d+)", board.inner_text(".status")).group(1))
        for model in ("celeba-vae", BETA):
            assert_shows(board, bundles.load(model).codes[number], model)

    def test_random_faces_differ(self, board):
        shown = []
        for _ in range(2):
            random_face(board)
            shown.append(pixels(board, "celeba-vae"))
        assert np.abs(shown[0] - shown[1]).mean() > 5
        assert "prior" in board.inner_text(".status")

    def test_a_random_face_is_every_models(self, board):
        """A model that is put beside later shows the same picture."""
        random_face(board)
        codes = board.evaluate("document.querySelector('#board .board').codes().edited")
        drawn = torch.tensor([codes["celeba-vae"]])
        others = [n for n in bundles.names() if n.startswith("celeba-") and n != "celeba-vae"]
        with torch.no_grad():
            face = bundles.load("celeba-vae").vae.decode(drawn).mean
            expected = {name: bundles.load(name).vae.encode(face).mean[0] for name in others}
        for name in others:
            assert np.allclose(codes[name], expected[name], atol=1e-3), name

    def test_model_picker(self, board):
        board.get_by_label("Compare with").select_option("none")
        board.get_by_label("Model", exact=True).select_option("β-VAE (β = 250)")
        board.wait_for_function(
            "document.querySelectorAll('.stage canvas[data-model]').length === 1"
        )
        assert board.locator(".stage canvas[data-model]").get_attribute("data-model") == BETA
        reset(board)
        drag(board, slider(board, position=1))
        settle(board)
        assert_shows(board, code_on_page(board))

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

    def test_a_sample_is_noisier_than_the_mean(self, board):
        reset(board)
        smooth = np.abs(np.diff(pixels(board), axis=0)).mean()
        board.get_by_role("button", name="View").click()
        board.get_by_role("radio", name="one random draw").click()
        until(board, lambda: np.abs(np.diff(pixels(board), axis=0)).mean() > 2 * smooth)

    def test_active_latents_come_first_by_kl_and_the_others_are_folded(self, board):
        bundle = bundles.load(BETA)
        sliders = board.locator(f"section[aria-label*='β = 250'] {SLIDER}:visible")
        shown = [int(one.get_attribute("data-latent")) for one in sliders.all()]
        assert shown == [latent.index for latent in bundle.active]
        board.locator("section[aria-label*='β = 250'] summary").click()
        inactive = board.locator("section[aria-label*='β = 250'] details .latent")
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
        phone.get_by_role("button", name="Sliders of VAE (β = 1)").click()
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
        assert "One face found" in page.inner_text("#reconstruction")
        page.get_by_role("button", name="All models").click()
        text = page.inner_text("#reconstruction")
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
        (tmp_path / "notes.png").write_text("This is no picture at all.", encoding="utf-8")
        self.upload(page, tmp_path / "notes.png")
        page.wait_for_selector("#reconstruction .notice.wrong")
        assert page.locator("#reconstruction .cards").count() == 0
        assert not page.get_by_role("button", name="Edit in Traverse").is_enabled()


def open_compare(page):
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_function("+document.querySelector('.compare')?.dataset.strips >= 1")


def open_section(page, name):
    page.locator(f"details[data-section={name}] summary").click()
    page.wait_for_selector(f"#{name} *")


def put(handle, value):
    handle.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", value)


class TestCompare:
    def test_scores_faces_and_bars(self, page):
        open_compare(page)
        for name in ("scores", "faces", "latents"):
            open_section(page, name)
        table = page.inner_text("#scores")
        for name in ("celeba-vae", BETA):
            assert f"{bundles.load(name).metrics['scores']['psnr']:.2f}" in table
        # Each model's pictures, and the second one's difference from the first one's.
        assert page.locator("#faces img").count() == 3
        assert page.locator("#latents .bar-chart").count() == 2
        assert page.locator("#latents .bar-chart .bar").count() == 64
        auroc = bundles.load("celeba-vae").metrics["attributes"]["blond hair"]["auroc"]
        assert f"blond hair\u00a0{auroc:.2f}" in page.locator("#latents table").first.inner_text()

    def test_rows_are_paired_by_correlation_over_the_validation_split(self, page, studio):
        """Each active latent of the β-VAE stands beside the VAE's latent that follows it best."""
        open_compare(page)
        one, other = (bundles.load(name) for name in (BETA, "celeba-vae"))
        pairs, pictures = matches(one, other, read("celeba"))
        assert pictures == one.config["data"]["validation_pictures"]
        assert f"over {pictures:,} pictures" in page.inner_text("#matched")
        # The stored codes, a tenth of those pictures, agree about how much they correlate.
        rough = np.corrcoef(one.codes.T, other.codes.T)[:32, 32:]
        rows = page.locator("#matched .pair").all()
        called = studio.latent_names("celeba-vae")
        for row, latent in zip(rows, one.active, strict=True):
            partner, r = pairs[latent.index]
            assert abs(rough[latent.index, partner] - r) < 0.2
            cells = row.locator(".cell").evaluate_all("c => c.map(e => +e.dataset.latent)")
            assert cells == [partner, latent.index]
            said = row.inner_text()
            assert called[partner].noun in said.lower() and f"{abs(r):.2f}" in said
            assert ("−" in row.locator(".hand small").inner_text()) == (r < 0)

    def test_one_slider_moves_both_partners(self, page):
        open_compare(page)
        assert "correlation −" in page.locator("#matched .pair").first.inner_text()
        codes = {name: bundles.load(name).codes[0].clone() for name in ("celeba-vae", BETA)}
        left, right = (
            int(cell.get_attribute("data-latent"))
            for cell in page.locator("#matched .pair").first.locator(".cell").all()
        )
        codes["celeba-vae"][left], codes[BETA][right] = 1.5, -1.5  # against each other
        handle = page.locator("#matched input[type=range]").first
        put(handle, -1.5)
        for name, code in codes.items():
            assert_shows(page, code, name, "#matched")
        page.get_by_role("button", name="Put back").click()
        for name in codes:
            assert_shows(page, bundles.load(name).codes[0], name, "#matched")

    def test_a_pair_is_played_by_keys_and_says_what_it_is(self, page):
        open_compare(page)
        handle = page.locator("#matched input[type=range]").first
        handle.focus()
        for key in ("End", "ArrowLeft", "PageDown"):
            page.keyboard.press(key)
        assert handle.input_value() == "1.9"
        assert handle.get_attribute("aria-valuetext") == "1.90, towards bright"
        assert "background: dark to bright, by β-VAE" in handle.get_attribute("aria-label")
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.dataset.row") == "1"

    def test_which_to_use_is_one_sentence_on_top(self, page):
        open_compare(page)
        said = page.inner_text(".which")
        scores = {
            b.title: b.metrics["scores"]
            for b in map(bundles.load, bundles.names())
            if b.name.startswith("celeba")
        }
        sharpest = max(scores, key=lambda title: scores[title]["psnr"])
        assert f"Use {sharpest} to copy" in said
        assert f"({scores[sharpest]['psnr']:.1f} dB)" in said

    def test_all_models_of_the_data(self, page):
        open_compare(page)
        page.locator("#compare-data").get_by_label("2D shapes").click()
        page.wait_for_selector("#factors .model canvas")
        open_section(page, "every")
        page.wait_for_function("document.querySelector('#every').innerText.includes('MIG')")
        for name in ("shapes2d-vae", "shapes2d-beta-vae-grown"):
            bundle = bundles.load(name)
            called = page.get_by_role("rowheader", name=bundle.title, exact=True)
            row = page.locator("#every tr", has=called).inner_text()
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

    def test_what_each_latent_answers_to_is_drawn_for_the_chosen_models(self, page, studio):
        open_compare(page)
        page.locator("#compare-data").get_by_label("2D shapes").click()
        page.wait_for_selector("#factors .model canvas")
        open_section(page, "tuning")
        page.wait_for_selector("#tuning .latents figure")
        shown = page.locator("#matched canvas").evaluate_all("c => c.map(e => e.dataset.model)")
        assert shown == studio.pair("shapes2d")
        pair = [bundles.load(name) for name in shown]
        models = page.locator("#tuning .latents")
        drawn = [models.nth(k).locator("figure").count() for k in range(models.count())]
        assert drawn == [len(bundle.active) for bundle in pair]
        assert page.locator("#tuning polyline").count() == 2 * 3 * sum(drawn)
        page.locator("#compare-data").get_by_label("Faces").click()
        page.wait_for_selector("#tuning", state="detached")

    def test_the_first_picture_is_chosen_by_keys(self, page):
        open_compare(page)
        open_section(page, "faces")
        shown = page.locator("#faces img").first
        before = shown.get_attribute("src")
        page.locator("#start input[type=range]").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "old => document.querySelector('#faces img').src !== old", arg=before
        )
        assert_shows(page, bundles.load(BETA).codes[1], BETA, "#matched")

    def test_choosing_a_model_redraws(self, page):
        open_compare(page)
        page.get_by_label("First model").select_option("β-VAE (β = 250)")  # they change places
        page.wait_for_function("document.querySelector('#matched h3').textContent.includes('250')")
        assert_shows(page, bundles.load(BETA).codes[0], BETA, "#matched")
        page.get_by_label("Third model").select_option("FactorVAE (γ = 100)")
        page.wait_for_selector("#matched figure:nth-of-type(3) canvas")
        assert page.locator("#matched .pair").first.locator(".cell").count() == 3
        factor = bundles.load("celeba-factor-vae")
        assert_shows(page, factor.codes[0], factor.name, "#matched")

    def test_nothing_is_asked_before_the_tab_is_opened(self, page):
        assert page.locator(".compare[data-frames]").count() == 0
        open_compare(page)
        assert page.locator(".compare[data-frames]").count() == 1


def test_damaged_bundle_is_named_and_the_other_works(browser, tmp_path, monkeypatch):
    for name in ("celeba-vae", "celeba-factor-vae", BETA):
        shutil.copytree(bundles.root() / name, tmp_path / name)
    weights = tmp_path / "celeba-vae" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    monkeypatch.setenv("BETAVAE_WEIGHTS", str(tmp_path))
    with served(layout.build(Studio()), **layout.LAUNCH) as address:
        for page in open_page(browser, address):
            notice = page.inner_text(".notice.wrong")
            assert "celeba-vae" in notice and "truncated or altered" in notice
            reset(page)
            drag(page, slider(page))
            settle(page)
            assert_shows(page, code_on_page(page))
