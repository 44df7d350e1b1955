"""What the page keeps and what it drops while a visitor goes to and fro."""

from __future__ import annotations

import os
import re

import gradio as gr
import pytest
import torch
from browser import (
    BETA,
    assert_shows,
    code_on_page,
    drag,
    random_face,
    reset,
    settle,
    slider,
    until,
)
from PIL import Image
from skimage.data import astronaut

from betavae import bundles
from betavae.data.photos import PhotoError
from betavae.serving import checks
from betavae.ui.parts import paste
from betavae.ui.parts.face import take_apart

STATUS = "document.querySelector('.status').textContent"
SHAPES = "shapes2d-beta-vae-grown"


@pytest.fixture
def portrait(tmp_path):
    path = tmp_path / "portrait.png"
    Image.fromarray(astronaut()).save(path)
    return path


def choose_data(page, name):
    page.locator("#data").get_by_label(name).check()
    shown = SHAPES if name == "2D shapes" else BETA
    page.wait_for_selector(f".stage canvas[data-model={shown}]")


def edit_in_traverse(page, portrait):
    page.get_by_role("tab", name="Reconstruct").click()
    page.set_input_files("#photo input[type=file]", portrait)
    page.wait_for_selector("#reconstruction .cards")
    page.get_by_role("button", name="Edit in Traverse").click()
    page.wait_for_function(f"{STATUS} === 'Your face.'")
    settle(page)


class TestToAndFro:
    def test_a_face_is_edited_while_shapes_are_shown(self, page, portrait, studio):
        choose_data(page, "2D shapes")
        edit_in_traverse(page, portrait)
        page.wait_for_selector(f".stage canvas[data-model={BETA}]")
        assert page.locator("#data").get_by_label("Faces").is_checked()
        assert page.locator("#random").inner_text() == "Random face"
        assert page.locator("#model").input_value() == "celeba-vae"
        _, state, _ = take_apart(studio, str(portrait))
        assert_shows(page, torch.tensor(state["codes"][BETA]))

    def test_the_code_of_ones_own_face_is_not_written_into_the_address(self, page, portrait):
        random_face(page)
        until(page, lambda: "code=" in page.url)
        edit_in_traverse(page, portrait)
        slider(page).focus()
        page.keyboard.press("ArrowRight")
        until(page, lambda: "code=" not in page.url)
        random_face(page)
        until(page, lambda: "code=" in page.url)

    def test_shapes_leave_the_face_alone_and_each_has_its_note(self, board):
        random_face(board)
        drag(board, slider(board))
        settle(board)
        face = code_on_page(board)
        choose_data(board, "2D shapes")
        reset(board)
        board.get_by_role("button", name="A shape from the data").click()
        board.wait_for_function(f"{STATUS}.includes('as each model redraws it')")
        settle(board)
        choose_data(board, "Faces")
        board.wait_for_function(f"{STATUS}.includes('prior')")
        settle(board)
        assert torch.equal(code_on_page(board), face)
        assert_shows(board, face)

    def test_the_last_of_quick_choices_counts(self, board):
        faces = board.locator("#data").get_by_label("Faces")
        for _ in range(3):
            board.locator("#data").get_by_label("2D shapes").check()
            faces.check()
        until(board, lambda: board.locator("#random").inner_text() == "Random face")
        board.wait_for_timeout(500)
        board.wait_for_selector(f".stage canvas[data-model={BETA}]")
        assert board.locator(f".stage canvas[data-model={SHAPES}]").count() == 0

    def test_a_late_face_does_not_undo_what_was_done_meanwhile(self, page):
        waiting = []
        page.route(
            "**/component_server/**",
            lambda route: (
                waiting.append(route)
                if "real_face" in route.request.post_data
                else route.continue_()
            ),
        )
        page.get_by_role("button", name="A face from the data").click()
        until(page, lambda: waiting)
        reset(page)
        waiting[0].continue_()
        page.wait_for_timeout(700)
        settle(page)
        assert not code_on_page(page).any() and "zero" in page.inner_text(".status")

    def test_a_face_is_asked_for_until_it_comes(self, page):
        reset(page)
        page.route("**/component_server/**", lambda route: route.abort())
        page.get_by_role("button", name="A face from the data").click()
        page.wait_for_function(f"{STATUS}.includes('asked again')")
        page.unroute("**/component_server/**")
        page.wait_for_function(f"{STATUS}.includes('as each model redraws it')")
        settle(page)
        number = int(re.search(r"Face (\d+)", page.inner_text(".status")).group(1))
        assert_shows(page, bundles.load(BETA).codes[number])

    def test_strips_come_when_the_network_is_back(self, page):
        count = "+document.querySelector('.board').dataset.strips"
        first = page.evaluate(count)
        reset(page)
        page.wait_for_function(f"{count} > {first}")
        page.route(
            "**/component_server/**",
            lambda route: (
                route.abort() if "strips" in route.request.post_data else route.continue_()
            ),
        )
        before = page.evaluate(count)
        drag(page, slider(page))
        page.wait_for_function(f"{STATUS}.includes('previews are not up to date')")
        assert page.evaluate(count) == before
        page.unroute("**/component_server/**")
        page.wait_for_function(f"{STATUS}.includes('answers again')")
        assert page.evaluate(count) > before


class TestPastedFace:
    def test_the_board_offers_it_with_the_model_that_was_edited(self, page, portrait):
        offer = page.locator("#paste-into")
        assert not offer.is_visible(), "this face came from no photo"
        edit_in_traverse(page, portrait)
        slider(page).focus()
        page.keyboard.press("Home")
        settle(page)
        offer.click()
        page.wait_for_selector("#paste-result img")
        assert "Edited with β-VAE (β = 250)" in page.inner_text("#paste-message")
        page.get_by_role("tab", name="Traverse").click()
        random_face(page)
        page.wait_for_function("document.querySelector('#paste-into').hidden")

    def test_of_two_edited_models_it_is_the_one_in_hand(self, studio):
        start = {"celeba-vae": [0.0] * 32, BETA: [0.0] * 32}
        edited = {name: [1.0] * 32 for name in start}
        codes = {"start": start, "edited": edited, "hand": BETA}
        assert paste.edited_with(studio, codes) == BETA
        assert paste.edited_with(studio, {**codes, "hand": None}) == "celeba-vae"
        only = {**codes, "edited": {**edited, BETA: start[BETA]}}
        assert paste.edited_with(studio, only) == "celeba-vae", "what is in hand was not moved"

    def test_untouched_sliders_change_nothing_and_that_is_said(self, portrait, studio):
        _, state, _ = take_apart(studio, str(portrait))
        board = {"start": state["codes"], "edited": state["codes"]}
        with pytest.raises(checks.Refused, match="No slider has moved"):
            paste.pasted(studio, board, paste.CHANGE, state)
        before, after, _ = paste.pasted(studio, board, paste.FACE, state)
        assert before.size == after.size and before.tobytes() != after.tobytes()

    def test_another_photo_takes_the_result_away(self, page, portrait, tmp_path):
        edit_in_traverse(page, portrait)
        slider(page).focus()
        page.keyboard.press("End")
        settle(page)
        page.get_by_role("tab", name="Reconstruct").click()
        page.get_by_text("Paste back into the photo").click()
        page.get_by_role("button", name="Paste back", exact=True).click()
        page.wait_for_selector("#paste-result img")
        Image.fromarray(astronaut() // 2).save(tmp_path / "dark.png")
        page.set_input_files("#photo input[type=file]", tmp_path / "dark.png")
        page.wait_for_selector("#paste-result", state="hidden")
        assert not page.locator("#paste-download").is_visible()

    def test_a_deleted_photo_is_asked_for_again(self, portrait, studio):
        """After KEEP_SECONDS Gradio deletes the upload while the page may still be open."""
        _, state, _ = take_apart(studio, str(portrait))
        os.remove(portrait)
        edited = {name: [code[0] + 1, *code[1:]] for name, code in state["codes"].items()}
        with pytest.raises(PhotoError, match="deleted, as announced") as error:
            paste.pasted(studio, {"start": state["codes"], "edited": edited}, paste.CHANGE, state)
        assert str(portrait) not in str(error.value)
        with pytest.raises(PhotoError, match="deleted, as announced"):
            take_apart(studio, state["path"], by_hand=((250, 250), 300, 0))


def test_after_a_restart_whatever_has_lost_its_photo_says_so(demo):
    """The page is still there and its buttons can be pressed; the server knows nothing of it."""
    handlers = {block.fn.__name__: block.fn for block in demo.fns.values() if block.fn}
    lost = "The server was restarted and lost your photo. Upload it again to go on."
    asks = gr.EventData(None, {"face": 1})
    assert handlers["carry_over"](None, asks)[2]["message"] == lost
    assert handlers["asked"](None, asks)[0]["message"] == lost
    assert "the server was restarted" in handlers["put_back"]({}, paste.FACE, None)[0]
    assert "the server was restarted" in handlers["blended"]("a photo", None)[0]


def test_a_camera_that_is_not_there_is_said(page):
    """This Chromium has none; Gradio itself would say nothing."""
    page.get_by_role("tab", name="Reconstruct").click()
    page.locator('#photo button[aria-label="Capture from camera"]').click()
    page.locator("#photo").get_by_text("Click to Access Webcam").click()
    page.get_by_text("No camera was found. Connect one, or upload a photo.").wait_for()
