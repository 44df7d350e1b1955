"""β under the hand: the engine at any β, the server functions, and the board in a browser."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest
import torch
from browser import SharedPage, code_on_page, pixels, settle, until
from coroutines import run
from PIL import Image
from test_instrument import pictures_in_view, rows_in_view
from test_multi_rate import BETAS, some_dial

from betavae import bundles
from betavae.data.images import to_picture
from betavae.serving import dials
from betavae.serving.devices import CPU
from betavae.serving.dials import PLACES, Dials, beta_at, place_of
from betavae.serving.engine import Engine
from betavae.ui.live.board import describe, server_functions
from betavae.ui.live.compare import compare_functions

DIAL, VAE = "celeba-any-beta", "celeba-vae"
ZERO = [0.0] * 32


@pytest.fixture(scope="module")
def dial():
    return some_dial()


@pytest.fixture(scope="module")
def engine(dial):
    codes = torch.zeros(1, 4)
    return Engine(
        {"dial": dial.at(), "one": dial.at()},
        {"dial": codes, "one": codes},
        CPU,
        dials={"dial": dial},
    )


class TestEngine:
    @pytest.mark.parametrize("beta", [0.5, 4.0, 77.0, 300.0])
    def test_answers_at_the_nearest_step_of_beta(self, dial, engine, beta):
        step = beta_at(dial, place_of(dial, beta))
        assert abs(math.log(step / beta)) <= math.log(600) / PLACES / 2 + 1e-6
        codes, images = torch.randn(3, 4), torch.rand(3, 3, 64, 64)
        with torch.inference_mode():
            vae = dial.at(step)
            expected, posterior = vae.decode(codes).mean, vae.encode(images)
        found = engine.encode("dial", images, beta)
        torch.testing.assert_close(engine.decode("dial", codes, beta=beta), expected)
        torch.testing.assert_close(found.mean, posterior.mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.log_variance, posterior.log_variance, rtol=1e-4, atol=1e-5)

    def test_without_beta_it_is_the_one_it_is_shown_at(self, dial, engine):
        codes = torch.randn(2, 4)
        with torch.inference_mode():
            torch.testing.assert_close(engine.decode("dial", codes), dial.at().decode(codes).mean)

    def test_people_at_other_betas_get_their_own_pictures(self, dial, engine):
        """Asked for at once, from one model: no answer is of another's β."""
        codes = torch.randn(1, 4)
        betas = [0.5, 2.0, 9.0, 40.0, 300.0] * 4

        async def together():
            return await asyncio.gather(*(engine.frames("dial", codes, beta=b) for b in betas))

        answers = run(together())
        alone = {beta: run(engine.frames("dial", codes, beta=beta)) for beta in set(betas)}
        assert len({uris[0] for uris in alone.values()}) == 5
        assert answers == [alone[beta] for beta in betas]

    def test_what_has_one_beta_is_refused_another(self, engine):
        with pytest.raises(ValueError, match="one is of one β"):
            engine.decode("one", torch.zeros(1, 4), beta=4.0)

    def test_keeps_only_the_last_used(self, dial, monkeypatch):
        monkeypatch.setattr(dials, "MOST", 3)
        kept = Dials({"dial": dial}, CPU)
        first = kept.at("dial", 0)
        for place in (1, 2, 0, 3):
            kept.at("dial", place)
        assert kept.at("dial", 0) is first, "used again meanwhile"
        assert list(kept._placed) == [("dial", 2), ("dial", 3), ("dial", 0)]


@pytest.fixture
def functions(studio):
    def called(function):
        def answer(request):
            found = function(request)
            return run(found) if asyncio.iscoroutine(found) else found

        return answer

    return {function.__name__: called(function) for function in server_functions(studio)}


class TestServerFunctions:
    def test_turning_codes_the_same_picture_again(self, functions, studio):
        code = studio.bundles[DIAL].codes[3]
        request = {"model": DIAL, "code": code.tolist(), "before": 4.0, "beta": 250.0}
        answer = functions["turn"](request)
        served = studio.bundles[DIAL].dial
        with torch.inference_mode():
            before, after = (served.at(beta_at(served, place_of(served, b))) for b in (4.0, 250.0))
            picture = before.decode(code[None]).mean
            posterior = after.encode(picture)
        assert torch.allclose(torch.tensor(answer["code"]), posterior.mean[0], atol=1e-3)
        assert torch.allclose(torch.tensor(answer["kl"]), posterior.kl()[0], atol=1e-3)
        drawn = functions["turn"]({**request, "seed": 5})
        assert drawn["kl"] == answer["kl"] and drawn["code"] != answer["code"]
        assert drawn == functions["turn"]({**request, "seed": 5})

    @pytest.mark.parametrize(
        "change",
        [
            {"model": VAE},
            {"model": "../x"},
            {"code": [math.nan, *ZERO[1:]]},
            {"beta": 0},
            {"beta": 301},
            {"beta": math.nan},
            {"beta": "4"},
            {"beta": True},
            {"before": None},
            {"seed": -1},
        ],
        ids=str,
    )
    def test_turning_nonsense_is_refused(self, functions, change):
        good = {"model": DIAL, "code": ZERO, "before": 4.0, "beta": 60.0}
        answer = functions["turn"](good | change)
        assert set(answer) == {"error"} and answer["error"].endswith(".")
        assert set(functions["turn"](None)) == {"error"}

    @pytest.mark.parametrize("betas", [[], {VAE: 4}, {DIAL: 1e9}, {DIAL: None}, {"../x": 4}])
    def test_frames_at_a_beta_that_is_not_there_are_refused(self, functions, betas):
        answer = functions["frame"]({"codes": {DIAL: ZERO}, "betas": betas})
        assert set(answer) == {"error"} and answer["error"].endswith(".")

    def test_frames_strips_and_files_are_of_their_beta(self, functions):
        frame = {"codes": {DIAL: ZERO}}
        strips = {**frame, "latents": {DIAL: [0, 1]}}
        file = {"kind": "png", "model": DIAL, "code": ZERO}
        for name, request in (("frame", frame), ("strips", strips), ("save", file)):
            answers = [functions[name]({**request, "betas": {DIAL: b}}) for b in (1, 4, 250)]
            assert all("error" not in answer for answer in answers)
            assert answers[0] != answers[2] != answers[1]
            same = [functions[name](one) for one in (request, {**request, "betas": {}})]
            first, second = ({**answer, "busy": 0} for answer in same)  # milliseconds
            assert first == second

    def test_the_browser_knows_what_was_measured(self, studio):
        told, bundle = describe(studio, DIAL)["dial"], studio.bundles[DIAL]
        assert describe(studio, VAE)["dial"] is None
        assert (tuple(told["betas"]), told["beta"]) == (BETAS, bundle.dial.beta)
        for shown, point in zip(told["points"], bundle.metrics["rates"]["points"], strict=True):
            assert (shown["beta"], shown["kl"]) == (point["beta"], point["kl"])


class TestServedBundle:
    """What the served network of every β is for: what dragging it must show."""

    def test_the_rate_falls_all_the_way_and_latents_fall_silent(self):
        points = bundles.load(DIAL).metrics["rates"]["points"]
        rates = [point["kl"] for point in points]
        assert rates == sorted(rates, reverse=True) and rates[0] > 5 * rates[-1]
        assert points[-1]["active_latents"] < points[0]["active_latents"]
        drawn = [point["psnr_sample"] for point in points if point["beta"] >= 4]
        assert drawn == sorted(drawn, reverse=True), "what β costs is seen in a draw"

    def test_is_at_most_4_mb(self):
        assert sum(path.stat().st_size for path in bundles.load(DIAL).folder.iterdir()) < 4e6

    def test_its_points_are_measured_again_on_drawn_pictures_of_its_own(self):
        """Codes of the prior decoded at β and coded again cost about what was measured."""
        bundle = bundles.load(DIAL)
        rates = []
        for beta in (1.0, 16.0, 250.0):
            vae = bundle.dial.at(beta)
            with torch.inference_mode():
                pictures = vae.decode(bundle.codes[:64]).mean
                rates.append(vae.encode(pictures).kl().sum(1).mean().item())
        assert rates == sorted(rates, reverse=True)


NUMBERS = "_".join(["0"] * 32)


@pytest.fixture(scope="module")
def start(url):
    """A link to the dial alone."""
    return f"{url.rstrip('/')}/?model={DIAL}&code={NUMBERS}&beta=4"


def turned(page) -> int:
    return page.evaluate("+(document.querySelector('.board').dataset.turns ?? 0)")


def turn(page, notch: int) -> None:
    before = turned(page)
    page.locator(".dial input[type=range]").evaluate(
        "(range, to) => { range.value = to; range.dispatchEvent(new Event('input', "
        "{bubbles: true})); range.dispatchEvent(new Event('change', {bubbles: true})); }",
        notch,
    )
    until(page, lambda: turned(page) > before)


class TestInTheBrowser:
    def test_the_picture_is_that_of_the_beta_under_the_hand(self, board):
        board.get_by_role("button", name="A face from the data").click()
        board.wait_for_function("document.querySelector('.status').textContent.includes('redraws')")
        settle(board)
        board.locator(".dial .marks").get_by_text("250").click()
        until(board, lambda: board.locator(".dial output").inner_text() == "250")
        until(board, lambda: turned(board) > 0)
        board.wait_for_timeout(300)
        served = bundles.load(DIAL).dial
        with torch.inference_mode():
            vae = served.at(beta_at(served, place_of(served, 250.0)))
            mean = vae.decode(code_on_page(board, DIAL)[None]).mean[0]
        expected = to_picture(mean).resize((256, 256), Image.Resampling.BILINEAR)
        until(board, lambda: np.abs(pixels(board, DIAL) - np.asarray(expected)).mean() < 2.5)

    def test_the_figures_the_bars_and_the_rows_follow(self, board):
        points = {p["beta"]: p for p in bundles.load(DIAL).metrics["rates"]["points"]}
        for beta in (1, 250):
            board.locator(".dial .marks").get_by_text(str(beta), exact=True).click()
            until(board, lambda b=beta: board.locator(".dial output").inner_text() == str(b))
            assert f"KL {points[beta]['kl']:.1f} nats" in board.locator(".figures").inner_text()
            active = sum(value >= 0.05 for value in points[beta]["kl_per_latent"])
            assert board.locator(".bars rect:not(.silent)").count() == active
            assert board.locator(".latent:not(.silent)").count() == active

    def test_undo_goes_back_to_the_beta_and_the_code_before(self, board):
        before = code_on_page(board, DIAL)
        turn(board, 900)
        assert not torch.equal(code_on_page(board, DIAL), before)
        board.keyboard.press("Control+z")
        until(board, lambda: board.locator(".dial output").inner_text() == "4")
        assert torch.equal(code_on_page(board, DIAL), before)

    def test_a_held_code_stays_and_its_picture_turns(self, board):
        board.get_by_role("button", name="A face from the data").click()
        board.wait_for_function("document.querySelector('.status').textContent.includes('redraws')")
        settle(board)
        board.get_by_role("button", name="How β turns").click()
        board.get_by_role("radio", name="hold the code").check(force=True)
        board.keyboard.press("Escape")
        code, picture = code_on_page(board, DIAL), pixels(board, DIAL)
        board.locator(".dial .marks").get_by_text("250").click()
        until(board, lambda: np.abs(pixels(board, DIAL) - picture).mean() > 1)
        assert torch.equal(code_on_page(board, DIAL), code)

    def test_there_and_back_is_the_same_picture(self, board):
        """The face that was there first is coded again, not what a high β has left of it."""
        board.get_by_role("button", name="Random face").click()
        board.wait_for_function("document.querySelector('.status').textContent.includes('prior')")
        settle(board)
        turn(board, 500)
        there = code_on_page(board, DIAL)
        turn(board, 990)
        turn(board, 500)
        assert (code_on_page(board, DIAL) - there).abs().max() <= 0.011


# width, height, least width of a picture, sliders of the dial's model, of the other
SCREENS = (
    (1920, 1080, 360, 14, 14),
    (1280, 720, 240, 8, 8),
    (768, 1024, 240, 6, 6),
    (390, 844, 160, 0, 4),
    (844, 390, 100, 0, 3),
)


@pytest.fixture(scope="module")
def beside_another(browser, start):
    yield from SharedPage.kept(browser, f"{start}&model2={VAE}&code2={NUMBERS}")


@pytest.mark.parametrize("screen", SCREENS, ids=lambda s: f"{s[0]}x{s[1]}")
def test_the_dial_takes_no_slider_and_no_picture_away(beside_another, screen):
    width, height, least, own, other = screen
    with beside_another.lent() as page:
        page.set_viewport_size({"width": width, "height": height})
        shown = pictures_in_view(page)
        assert len(shown) == 2 and min(shown) >= least
        assert rows_in_view(page, DIAL) >= own and rows_in_view(page, VAE) >= other
        box = page.locator(".dial input[type=range]").bounding_box()
        assert box["width"] >= 120 and box["y"] + box["height"] <= height
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


class TestInCompare:
    @pytest.fixture
    def compared(self, page):
        """The VAE beside the model of every β, at stored picture 0."""
        page.get_by_role("tab", name="Compare").click()
        page.wait_for_function("+document.querySelector('.compare')?.dataset.strips >= 1")
        page.locator("#other").select_option(DIAL)
        page.wait_for_selector(f"#matched canvas[data-model={DIAL}]")
        return page

    def test_the_picture_and_the_numbers_are_those_of_the_beta_under_the_hand(self, compared):
        bundle, matched = bundles.load(DIAL), compared.locator("#matched")
        column = matched.locator("figure", has=compared.locator(f"[data-model={DIAL}]"))
        home, code = bundle.dial.at(bundle.dial.beta), bundle.codes[:1]
        with torch.inference_mode():
            face = home.decode(code).mean
        for beta in (250, 4):
            matched.locator(".marks").get_by_text(str(beta), exact=True).click()
            point = next(p for p in bundle.metrics["rates"]["points"] if p["beta"] == beta)
            until(compared, lambda p=point: f"{p['kl']:.1f} nats" in column.inner_text())
            assert f"{point['active_latents']} of 32" in column.inner_text()
            assert f"{point['psnr_mean']:.2f} dB" in column.inner_text()
            vae = bundle.dial.at(beta_at(bundle.dial, place_of(bundle.dial, beta)))
            with torch.inference_mode():
                again = vae.decode(vae.encode(face).mean).mean[0]
            seen = np.asarray(to_picture(again).resize((256, 256), Image.Resampling.BILINEAR))
            until(
                compared,
                lambda s=seen: np.abs(pixels(compared, DIAL, "#matched") - s).mean() < 2.5,
            )
        silent = sum(value < 0.05 for value in point["kl_per_latent"])
        assert matched.locator(f".cell.silent[data-model={DIAL}]").count() <= silent

    def test_another_picture_comes_at_the_beta_that_is_set(self, compared):
        matched = compared.locator("#matched")
        matched.locator(".marks").get_by_text("250").click()
        turns = "+(document.querySelector('.compare').dataset.turns ?? 0)"
        until(compared, lambda: compared.evaluate(turns) > 0)
        before = compared.evaluate(turns)
        compared.get_by_role("button", name="Another").click()
        until(compared, lambda: compared.evaluate(turns) > before)
        assert matched.locator(".dial output").inner_text() == "250"
        number = int(compared.locator("#start output").inner_text())
        served = bundles.load(DIAL).dial
        with torch.inference_mode():
            vae = served.at(beta_at(served, place_of(served, 250.0)))
            face = served.at(served.beta).decode(bundles.load(DIAL).codes[number][None]).mean
            mean = vae.decode(vae.encode(face).mean).mean[0]
        seen = np.asarray(to_picture(mean).resize((256, 256), Image.Resampling.BILINEAR))
        until(compared, lambda: np.abs(pixels(compared, DIAL, "#matched") - seen).mean() < 2.5)

    def test_strips_are_of_their_beta(self, studio):
        functions = {f.__name__: f for f in compare_functions(studio)}
        request = {"codes": {DIAL: ZERO}, "rows": {DIAL: [[0, 1]]}}
        low, high = (functions["sheets"]({**request, "betas": {DIAL: b}}) for b in (1, 250))
        assert low["sheets"][DIAL] != high["sheets"][DIAL]
        assert "error" in functions["sheets"]({**request, "betas": {DIAL: 1e9}})
