"""An uploaded face in the app: chosen, cropped by hand, edited, pasted back, blended."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
import torch
from browser import BETA, assert_shows, code_on_page, open_page, served, settle, until
from PIL import Image
from skimage.data import astronaut

from betavae import bundles
from betavae.data.images import to_tensor
from betavae.faces.alignment import align_face
from betavae.faces.pasting import align_by_hand, crop_square
from betavae.serving import checks
from betavae.serving.studio import Studio
from betavae.ui import layout
from betavae.ui.live.face import asked_face, asked_light, asked_square
from betavae.ui.parts import paste
from betavae.ui.parts.face import deviations, take_apart, unusual

FACES = [name for name in bundles.names() if name.startswith("celeba-")]
SHARP = sum(bundles.load(name).has_renderer for name in FACES)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    Image.fromarray(astronaut()).save(path)
    return path


@pytest.fixture
def tab(page):
    page.get_by_role("tab", name="Reconstruct").click()
    return page


def upload(page, path, where="#photo"):
    page.set_input_files(f"{where} input[type=file]", path)
    page.wait_for_selector("#reconstruction .cards")


def picture_of(page, selector) -> np.ndarray:
    uri = page.locator(selector).first.get_attribute("src")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"))


@torch.no_grad()
def details_of(crop, code: torch.Tensor) -> torch.Tensor:
    images = to_tensor(crop)[None].float() / 255
    return bundles.load(BETA).renderer.own_details(images, code[None])[0]


def code_of(crop, name=BETA) -> torch.Tensor:
    with torch.no_grad():
        return bundles.load(name).vae.encode(to_tensor(crop)[None].float() / 255).mean[0]


class TestCards:
    def test_difference_figures_and_what_the_face_uses_most(self, tab, portrait, studio):
        upload(tab, portrait)
        assert tab.locator("#reconstruction .pictures img").count() == 1 + 2 * len(FACES) + SHARP
        crop = align_face(Image.open(portrait)).crop
        bundle = bundles.load(BETA)
        with torch.no_grad():
            posterior = bundle.vae.encode(to_tensor(crop)[None].float() / 255)
        code, active = posterior.mean[0].tolist(), [k.index for k in bundle.active]
        far = sorted(active, key=lambda k: -abs(deviations(bundle, k, code[k])))[:4]
        called = studio.latent_names(BETA)
        tab.get_by_label("Reconstructed by").select_option(BETA)
        items = tab.locator("#reconstruction .model.chosen li").all_text_contents()
        assert len(items) == 4
        for item, k in zip(items, far, strict=True):
            assert all(part in item for part in unusual(bundle, called[k], k, code[k]))
        # One model at first, large; the others on demand.
        assert tab.locator("#reconstruction .model:visible").count() == 1
        tab.get_by_role("button", name="All models").click()
        assert tab.locator("#reconstruction .model:visible").count() == len(FACES)

    @pytest.mark.parametrize("name", FACES)
    def test_how_unusual_says_what_the_latent_tracks_not_what_the_person_is(self, studio, name):
        bundle, called = studio.bundles[name], studio.latent_names(name)
        for latent in bundle.active:
            noun = called[latent.index]

            def told(by, latent=latent, noun=noun):
                value = latent.mean + by * latent.deviation
                return unusual(bundle, noun, latent.index, value)

            low, high, rather, usual = map(told, (-2, 2, 1, -0.01))
            for text, end, side in ((low, noun.low, "below"), (high, noun.high, "above")):
                assert text[0] == noun.noun and "attractive" not in text[0]
                assert text[1] == f"{end or side + ' average'}, strongly"
                assert text[2] == f"2.0 s.d. {side} average · z{latent.index}"
            assert rather[1] == (noun.high or "above average")
            assert usual[1:] == ("as on average", f"average · z{latent.index}")

    def test_one_of_several_faces_is_chosen(self, tab, two_faces):
        upload(tab, two_faces)
        assert "2 faces found" in tab.inner_text("#reconstruction")
        before = picture_of(tab, "#reconstruction .pictures img")
        first = tab.locator("#reconstruction .pictures img").first.get_attribute("src")
        shown = "document.querySelector('#reconstruction .pictures img').src"
        tab.get_by_role("button", name="Face 2 of 2").click()
        tab.wait_for_function(f"old => {shown} !== old", arg=first)
        after = picture_of(tab, "#reconstruction .pictures img")
        assert after.mean() < 0.7 * before.mean(), "the second face is the dark one"
        box = tab.locator(".square").bounding_box()
        photo = tab.locator(".field img").bounding_box()
        assert box["x"] > photo["x"] + photo["width"] / 2, "the square stands on that face"
        tab.get_by_role("button", name="Face 1 of 2").click()
        tab.wait_for_function(f"old => {shown} === old", arg=first)

    def test_an_example_needs_no_upload(self, tab):
        tab.locator("#examples button").last.click()
        tab.wait_for_selector("#reconstruction .cards")
        tab.get_by_role("button", name="All models").click()
        assert len(re.findall(r"PSNR", tab.inner_text("#reconstruction"))) == len(FACES)


class TestByHand:
    def test_without_a_face_the_square_moves_by_keys(self, tab, tmp_path):
        rows = np.linspace(0, 255, 300).astype(np.uint8)
        Image.fromarray(np.tile(rows, (200, 1))).save(tmp_path / "gradient.png")
        upload(tab, tmp_path / "gradient.png")
        tab.locator(".square").focus()
        for _ in range(60):
            tab.keyboard.press("ArrowRight")
        tab.wait_for_function(
            "document.querySelector('#reconstruction').innerText.includes('Using your crop')"
        )
        where = "#reconstruction .pictures img"
        until(tab, lambda: picture_of(tab, where).mean() > 150)  # right of the middle

    def test_the_square_is_dragged_scaled_and_turned_on_the_photo(self, tab, portrait):
        upload(tab, portrait)
        until(tab, lambda: tab.locator(".field img").evaluate("i => i.naturalWidth") == 512)
        square, photo = tab.locator(".square"), tab.locator(".field img").bounding_box()
        scale = 512 / photo["width"]
        (x, y), side, tilt = crop_square(align_face(Image.open(portrait)).matrix)

        def pull(handle, across, down):
            box = handle.bounding_box()
            middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            tab.mouse.move(*middle)
            tab.mouse.down()
            tab.mouse.move(middle[0] + across, middle[1] + down, steps=5)
            tab.mouse.up()
            return np.array(middle) * scale

        pull(square, 30, 40)
        x, y = x + 30 * scale, y + 40 * scale
        corner = pull(square.locator(".size"), 25, 25) - np.array((photo["x"], photo["y"])) * scale
        corner += 25 * scale - np.array((x, y))
        side = np.hypot(*corner) * np.sqrt(2)
        expected = align_by_hand(Image.open(portrait), (x, y), side, tilt).crop

        def off():
            seen = picture_of(tab, "#reconstruction .pictures img").astype(float)
            return np.abs(seen - np.asarray(expected, float)).mean()

        until(tab, lambda: off() < 4)
        assert "Using your crop" in tab.inner_text("#reconstruction .notice")
        pull(square.locator(".turn"), 40, 0)
        until(tab, lambda: off() > 8)

    @pytest.mark.parametrize(
        "numbers",
        [
            None,
            [1, 2, 3],
            [1, 2, float("nan"), 0],
            [1, 2, True, 0],
            [-5, 2, 50, 0],
            [1, 2, 5000, 0],
            [1, 2, 0, 0],
            ["1", 2, 50, 0],
            [1, 2, 50, 1e9],
        ],
    )
    def test_a_square_that_is_none_gets_one_sentence(self, numbers):
        with pytest.raises(checks.Refused, match="The square"):
            asked_square({"square": numbers}, (300, 200))
        assert asked_square({"square": [1, 2, 50, 3.5]}, (300, 200)) == ((1, 2), 50, 3.5)

    def test_a_face_that_there_is_not_gets_one_sentence(self):
        for number in (2, -1, 0.5, "0", float("nan")):
            with pytest.raises(checks.Refused, match="The face must be"):
                asked_face({"face": number}, 2)
        assert asked_face({"face": 1}, 2) == 1 and asked_face({"square": []}, 2) is None

    def test_what_the_photo_lacks_and_darkness_are_said(self, tmp_path, studio):
        close = Image.fromarray(astronaut()).crop((150, 60, 290, 200))
        close.save(tmp_path / "close.png")
        Image.fromarray(astronaut() // 12).save(tmp_path / "dark.png")
        said = [take_apart(studio, str(tmp_path / f"{n}.png"))[0] for n in ("close", "dark")]
        assert "lies outside the photo" in said[0]["message"] and said[0]["wrong"]
        assert "very dark" in said[1]["message"] and "outside" not in said[1]["message"]

    def test_a_dark_photo_is_brightened_on_request(self, tab, tmp_path, studio):
        """As far as the sliders and the photo that the face is put back into; and taken back."""
        path = tmp_path / "dark.png"
        Image.fromarray(astronaut() // 12).save(path)

        def seen():
            return picture_of(tab, "#reconstruction .pictures img").astype(float)

        upload(tab, path)
        button = tab.locator("#brighten")
        assert "very dark: press Brighten" in tab.inner_text("#reconstruction .notice")
        dark, usual = seen(), np.asarray(align_face(Image.fromarray(astronaut())).crop, float)
        button.click()
        tab.wait_for_function("document.querySelector('#brighten').textContent === 'As it came'")
        assert np.abs(seen() - usual).mean() < 50 < 100 < np.abs(dark - usual).mean()
        assert "dark" not in tab.inner_text("#reconstruction .notice")
        assert picture_of(tab, ".photo img").mean() > 70 > 7 * astronaut().mean() / 12
        tab.locator(".square").press("ArrowLeft")  # a square by hand is of the same bright photo
        tab.get_by_text("Using your crop.").wait_for()
        assert np.abs(seen() - usual).mean() < 55
        button.click()
        tab.wait_for_function("document.querySelector('#brighten').textContent === 'Brighten'")
        assert np.abs(seen() - dark).mean() < 5

        _, state, face = take_apart(studio, str(path))
        _, state, _ = take_apart(studio, str(path), luma=face.brightness)
        board = {"start": state["codes"], "edited": state["codes"]}
        before, after, _ = paste.pasted(studio, board, paste.FACE, state)
        assert min(np.asarray(p).mean() for p in (before, after)) > 70

    def test_without_a_face_darkness_is_said_too(self, tmp_path, studio):
        Image.new("RGB", (200, 200), (9, 9, 9)).save(tmp_path / "night.png")
        said, state, _ = take_apart(studio, str(tmp_path / "night.png"))
        assert said["dark"] and "It is very dark: press Brighten." in said["message"]
        bright, _, _ = take_apart(studio, state["path"], luma=state["brightness"])
        assert not bright["dark"] and bright["brightened"]

    @pytest.mark.parametrize("value", [None, {}, {"light": 1}, {"light": "true"}, [True]])
    def test_only_a_press_of_the_button_asks_for_light(self, value):
        assert not asked_light(value) and asked_light({"light": True})


class TestPasteBack:
    def test_an_edited_face_is_put_back_and_can_be_downloaded(self, tab, portrait):
        upload(tab, portrait)
        tab.get_by_role("button", name="Edit in Traverse").click()
        tab.wait_for_function("document.querySelector('.status').textContent === 'Your face.'")
        settle(tab)
        slider = tab.locator(".latent input[type=range][data-model=celeba-vae]").first
        slider.focus()
        tab.keyboard.press("End")
        settle(tab)
        tab.get_by_role("tab", name="Reconstruct").click()
        tab.get_by_text("Paste back into the photo").click()
        tab.get_by_role("button", name="Paste back", exact=True).click()
        tab.wait_for_selector("#paste-result img")
        with tab.expect_download() as download:
            tab.locator("#paste-download").click()
        pasted = np.asarray(Image.open(download.value.path()).convert("RGB"), float)
        before = astronaut().astype(float)
        assert pasted.shape == before.shape
        (left, top), (right, bottom) = align_face(Image.open(portrait)).eyes
        change = np.abs(pasted - before).mean(2)
        middle = change[int(top) - 20 : int(bottom) + 60, int(left) - 20 : int(right) + 20]
        assert middle.mean() > 3 and change[-60:].mean() < 2, "only JPEG far from the face"

    @pytest.mark.parametrize(
        ("codes", "change", "sentence"),
        [
            (None, {}, "do not hold this face"),
            ([float("nan")] * 32, {}, "Each latent must be finite"),
            ([0.0] * 10_000, {}, "a list of 32 numbers, not 10000"),
            ([0.0] * 32, {"matrix": None}, "Crop it by hand first"),
        ],
    )
    def test_nonsense_gets_one_sentence(self, studio, portrait, codes, change, sentence):
        _, state, _ = take_apart(studio, str(portrait))
        board = codes and {"start": state["codes"], "edited": {BETA: codes}}
        with pytest.raises(checks.Refused, match=sentence):
            paste.pasted(studio, board, paste.CHANGE, {**state, **change})
        with pytest.raises(checks.Refused, match="Upload a photo first"):
            paste.pasted(studio, board, paste.CHANGE, None)

    def test_a_strangers_face_on_the_sliders_is_not_put_into_the_photo(self, tab, portrait):
        upload(tab, portrait)  # the sliders hold a stored face, as when the page opened
        tab.get_by_text("Paste back into the photo").click()
        tab.get_by_role("button", name="Paste back", exact=True).click()
        tab.wait_for_function(
            "document.querySelector('#paste-message').innerText.includes('do not hold this face')"
        )
        assert not tab.locator("#paste-result").is_visible()


class TestBlend:
    def test_the_ends_are_the_two_faces_and_the_middle_lies_between(self, tab, portrait, tmp_path):
        mirrored = Image.fromarray(astronaut()[:, ::-1])
        mirrored.save(tmp_path / "mirrored.png")
        upload(tab, portrait)
        tab.get_by_text("Blend with another face").click()
        tab.set_input_files("#blend-photo input[type=file]", tmp_path / "mirrored.png")
        tab.wait_for_function("+document.querySelector('.blend')?.dataset.frames >= 1")
        crops = [align_face(p).crop for p in (Image.open(portrait), mirrored)]
        codes = [code_of(crop) for crop in crops]
        own = [details_of(crop, code) for crop, code in zip(crops, codes, strict=True)]
        for share in (0.0, 0.5, 1.0):
            frames = tab.evaluate("+document.querySelector('.blend').dataset.frames")
            tab.locator("#blend-slider input").evaluate(
                "(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", share
            )
            tab.wait_for_function(f"+document.querySelector('.blend').dataset.frames > {frames}")
            tab.wait_for_timeout(200)
            uri = tab.evaluate(
                f"document.querySelector('.blend canvas[data-model={BETA}]').toDataURL()"
            )
            shown = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB")
            code = codes[0] + share * (codes[1] - codes[0])
            with torch.no_grad():
                details = own[0].lerp(own[1], share)
                expected = bundles.load(BETA).renderer(code[None], details[None])[0]
            small = np.asarray(shown.resize((64, 64), Image.Resampling.BOX), float) / 255
            assert np.abs(small - expected.permute(1, 2, 0).numpy()).mean() < 0.015
        # A new first face is the one that is blended, without a second upload of the other.
        frames = tab.evaluate("+document.querySelector('.blend').dataset.frames")
        upload(tab, tmp_path / "mirrored.png")
        tab.wait_for_function(f"+document.querySelector('.blend').dataset.frames > {frames}")


def test_two_people_never_see_each_others_face(browser, url, portrait, tmp_path):
    """Two browsers at once: one uploads; the other's page and board stay as they were."""
    dark = Image.fromarray(astronaut() // 2)
    dark.save(tmp_path / "dark.png")
    browsers = [open_page(browser, url) for _ in range(2)]
    pages = [next(one) for one in browsers]
    others_code = code_on_page(pages[1])
    pages[0].get_by_role("tab", name="Reconstruct").click()
    upload(pages[0], portrait)
    pages[0].get_by_role("button", name="Edit in Traverse").click()
    pages[0].wait_for_function("document.querySelector('.status').textContent === 'Your face.'")
    settle(pages[0])
    assert torch.equal(code_on_page(pages[1]), others_code)
    pages[1].get_by_role("tab", name="Reconstruct").click()
    assert pages[1].locator("#reconstruction .cards").count() == 0
    # Each edits a face of its own: the codes on each page are those of that face alone.
    upload(pages[1], tmp_path / "dark.png")
    pages[1].get_by_role("button", name="Edit in Traverse").click()
    pages[1].wait_for_function("document.querySelector('.status').textContent === 'Your face.'")
    settle(pages[1])
    mine, theirs = (code_of(align_face(p).crop) for p in (Image.open(portrait), dark))
    for page, code in zip(pages, (mine, theirs), strict=True):
        assert (code_on_page(page) - code).abs().max() < 0.011
        assert_shows(page, code)
    assert not any(map(list, browsers))  # no script failed


def test_models_of_other_faces_are_not_compared(tmp_path, monkeypatch, browser):
    """Their stored codes are of other pictures: correlations between them would mean nothing."""
    copies = {"celeba-all-vae": "celeba-vae", "celeba-all-beta-vae": "celeba-beta-vae"}
    served_here = {name: name for name in ("celeba-vae", "celeba-capacity")}
    for name, source in {**served_here, **copies}.items():
        shutil.copytree(bundles.root() / source, tmp_path / name)
        if name in copies:
            config = json.loads((tmp_path / name / "config.json").read_bytes())
            config["data"]["validation_pictures"] = 19867
            (tmp_path / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setenv("BETAVAE_WEIGHTS", str(tmp_path))
    studio = Studio()
    own, all_of_it = "celeba", "celeba, 19867 pictures"
    assert studio.families == {
        own: ["celeba-vae", "celeba-capacity"],
        all_of_it: ["celeba-all-beta-vae", "celeba-all-vae"],
    }
    with served(layout.build(studio), **layout.LAUNCH) as address:
        for page in open_page(browser, address):
            page.get_by_role("tab", name="Compare").click()
            page.locator("#compare-data").get_by_label("Faces, 19867 pictures").check()
            for section in ("scores", "every"):
                page.locator(f"details[data-section={section}] summary").click()
            page.wait_for_function(
                "document.querySelector('#scores').innerText.includes('β-VAE (β = 250)')"
            )
            page.wait_for_function(
                "document.querySelector('#every').innerText.includes('dB above')"
            )
            assert page.locator("#matched figure h3").count() == 2
            # There is no file of matches beside these models: the stored codes are correlated.
            assert "over 256 pictures" in page.inner_text("#matched")
            assert "Capacity" not in page.inner_text("#every")
            assert "dB above β-VAE (β = 250)" in page.inner_text("#every")
