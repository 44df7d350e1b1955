"""The named endpoints, called as a user calls them, and the live board's server functions."""

from __future__ import annotations

import base64
import inspect
import io
import math

import numpy as np
import pytest
import torch
from coroutines import run
from gradio_client import Client, exceptions, handle_file
from PIL import Image
from skimage.data import astronaut

from betavae import bundles
from betavae.data.images import to_picture
from betavae.serving.details import resolve
from betavae.ui.live.board import server_functions
from betavae.ui.live.compare import compare_functions

BETA = "celeba-beta-vae"
ZERO = [0.0] * 32


@pytest.fixture(scope="module")
def client(url):
    return Client(url, verbose=False)


@pytest.fixture
def portrait(tmp_path):
    path = tmp_path / "portrait.png"
    Image.fromarray(astronaut()).save(path)
    return str(path)


def picture(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def decoded(code: list[float]) -> np.ndarray:
    with torch.inference_mode():
        mean = bundles.load(BETA).vae.decode(torch.tensor([code])).mean[0]
    return np.asarray(to_picture(mean))


class TestEndpoints:
    def test_client_lists_exactly_these(self, client):
        listed = client.view_api(return_format="dict")["named_endpoints"]
        assert set(listed) == {"/decode", "/encode", "/reconstruct", "/traverse"}

    def test_decode(self, client):
        codes = [ZERO, [1.5, *ZERO[1:]]]
        uris = client.predict(codes, BETA, api_name="/decode")
        for code, uri in zip(codes, uris, strict=True):
            assert np.abs(picture(uri).astype(int) - decoded(code)).max() <= 1

    def test_sharp_pictures_with_and_without_somebodys_details(self, client, portrait):
        bundle = bundles.load(BETA)
        photo = client.predict(handle_file(portrait), BETA, api_name="/reconstruct")["details"]
        for output, word in (("sharp", "none"), ("sharp:f3", "f3"), (f"sharp:{photo}", photo)):
            (uri,) = client.predict([ZERO], BETA, output, api_name="/decode")
            with torch.no_grad():
                expected = bundle.renderer(torch.tensor([ZERO]), resolve(bundle, word)[None])[0]
            shown = picture(uri).astype(int)
            assert np.abs(shown - np.asarray(to_picture(expected), int)).max() <= 1

    @pytest.mark.parametrize("word", ["f256", "t999", "x", "p", "f-1", "pAAAA"])
    def test_details_of_nobody_are_refused(self, client, word):
        with pytest.raises(exceptions.AppError, match="These details are of no face here"):
            client.predict([ZERO], BETA, f"sharp:{word}", api_name="/decode")

    def test_traverse(self, client):
        latent = bundles.load(BETA).active[0]
        answer = client.predict(ZERO, BETA, latent.index, 5, api_name="/traverse")
        assert answer["values"] == pytest.approx([-3, -1.5, 0, 1.5, 3])
        assert answer["label"] == latent.label
        code = [*ZERO]
        code[latent.index] = 3.0
        assert np.abs(picture(answer["frames"][-1]).astype(int) - decoded(code)).max() <= 1

    def test_encode_then_decode_is_reconstruct(self, client, portrait):
        code = client.predict(handle_file(portrait), BETA, api_name="/encode")
        made = client.predict(handle_file(portrait), BETA, api_name="/reconstruct")
        assert code["aligned"] and made["aligned"]
        assert made["kl"] == pytest.approx(sum(code["kl"]), rel=1e-4)
        shown, seen = picture(made["reconstruction"]), picture(made["crop"])
        assert np.abs(shown.astype(int) - decoded(code["mean"])).max() <= 1
        error = np.square((shown.astype(float) - seen) / 255).mean()
        assert made["psnr"] == pytest.approx(-10 * math.log10(error), abs=0.1)
        unnamed = client.predict(handle_file(portrait), api_name="/encode")
        assert unnamed["mean"] == pytest.approx(code["mean"], abs=1e-5)  # the β-VAE's, too

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (([ZERO], "no-such-model"), "no such model"),
            (([ZERO], "../celeba-vae"), "no such model"),
            (([ZERO[1:]], BETA), "32 numbers, not 31"),
            (([[0.0] * 10_000], BETA), "32 numbers, not 10000"),
            (([[1e9, *ZERO[1:]]], BETA), "between -20 and 20"),
            (([ZERO] * 65, BETA), "at most 64"),
            (([ZERO], BETA, "median"), "'mean', 'sample' or 'sharp'"),
            ((["hello"], BETA), "list of 32 numbers"),
        ],
    )
    def test_decode_refuses_in_one_sentence(self, client, arguments, sentence):
        with pytest.raises(exceptions.AppError, match=sentence) as error:
            client.predict(*arguments, api_name="/decode")
        assert "\n" not in str(error.value).strip()

    def test_not_a_picture(self, client, tmp_path):
        path = tmp_path / "notes.png"
        path.write_text("no picture", encoding="utf-8")
        with pytest.raises(exceptions.AppError) as error:
            client.predict(handle_file(str(path)), BETA, api_name="/encode")
        assert "Traceback" not in str(error.value)

    def test_latent_that_does_not_exist(self, client):
        with pytest.raises(exceptions.AppError, match="from 0 to 31"):
            client.predict(ZERO, BETA, 32, api_name="/traverse")


def called(function):
    """The same function; a coroutine's answer is waited for."""

    def answer(request):
        found = function(request)
        return run(found) if inspect.iscoroutine(found) else found

    return answer


class TestBoard:
    """What a browser could send to the live board, right and wrong."""

    @pytest.fixture
    def functions(self, studio):
        return {function.__name__: called(function) for function in server_functions(studio)}

    def test_frame(self, functions):
        answer = functions["frame"]({"codes": {BETA: ZERO}})
        assert np.abs(picture(answer["pictures"][BETA]).astype(int) - decoded(ZERO)).mean() < 2

    @pytest.mark.parametrize(
        "request_",
        [
            None,
            [],
            {},
            {"codes": {}},
            {"codes": {"../x": ZERO}},
            {"codes": {BETA: [math.nan, *ZERO[1:]]}},
            {"codes": {BETA: [math.inf, *ZERO[1:]]}},
            {"codes": {BETA: [None, *ZERO[1:]]}},
            {"codes": {BETA: "x"}},
            {"codes": {BETA: ZERO}, "output": "median"},
            {"codes": {BETA: ZERO}, "seed": "x"},
            {"codes": {BETA: ZERO}, "seed": -1},
        ],
    )
    def test_nonsense_is_answered_with_a_sentence(self, functions, request_):
        answer = functions["frame"](request_)
        assert set(answer) == {"error"} and answer["error"].endswith(".")

    @pytest.mark.parametrize(
        "request_",
        [
            None,
            {"codes": {BETA: ZERO}},
            {"codes": {BETA: ZERO}, "latents": {}},
            {"codes": {BETA: ZERO}, "latents": {BETA: 3}},
            {"codes": {BETA: ZERO}, "latents": {BETA: [32]}},
            {"codes": {BETA: ZERO}, "latents": {BETA: [3, 3]}},
            {"codes": {BETA: ZERO}, "latents": {BETA: [3.5]}},
            {"codes": {BETA: ZERO}, "latents": {BETA: list(range(33))}},
        ],
    )
    def test_previews_of_nonsense_are_refused(self, functions, request_):
        answer = functions["strips"](request_)
        assert set(answer) == {"error"} and answer["error"].endswith(".")

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": "exe"},
            {"model": "../x"},
            {"code": [ZERO, ZERO]},
            {"code": [math.nan, *ZERO[1:]]},
            {"latents": []},
            {"latents": [99]},
            {"latents": "all"},
            {"output": "x"},
            {"seed": -1},
        ],
    )
    def test_saving_nonsense_is_refused(self, functions, change):
        good = {"kind": "gif", "model": BETA, "code": ZERO, "latents": [3]}
        answer = functions["save"](good | change)
        assert set(answer) == {"error"} and answer["error"].endswith(".")
        assert set(functions["save"](None)) == {"error"}

    def test_a_random_face_keeps_what_is_locked_of_every_model(self, functions):
        kept = {"celeba-vae": {"14": 2.5}, BETA: {"3": -1.25, "31": 0}}
        names = ["celeba-vae", BETA]
        codes = functions["random_face"]({"models": names, "locked": kept})["codes"]
        assert codes["celeba-vae"][14] == 2.5 and codes[BETA][3] == -1.25 and codes[BETA][31] == 0

    @pytest.mark.parametrize(
        "locked",
        [
            [],
            {"../x": {}},
            {BETA: [3]},
            {BETA: {"3": math.inf}},
            {BETA: {"3": None}},
            {BETA: {"32": 0}},
            {BETA: {"-1": 0}},
            {BETA: {"9" * 5000: 0}},
        ],
    )
    def test_locks_that_are_nonsense_are_refused(self, functions, locked):
        answer = functions["random_face"]({"models": [BETA], "locked": locked})
        assert set(answer) == {"error"} and answer["error"].endswith(".")

    def test_the_same_face_by_the_other_models(self, functions, studio):
        answer = functions["same_face"]({"codes": {BETA: ZERO}})
        others = set(studio.families["celeba"]) - {BETA}
        assert set(answer["codes"]) == others
        with torch.inference_mode():
            face = studio.decode(BETA, torch.tensor([ZERO]))
            expected = studio.bundles["celeba-vae"].vae.encode(face).mean[0]
        shown = torch.tensor(answer["codes"]["celeba-vae"])
        assert torch.allclose(shown, expected, atol=1e-4)

    def test_random_face_is_one_face_for_both(self, functions, studio):
        answer = functions["random_face"]({"models": ["celeba-vae", BETA]})
        with torch.inference_mode():
            face = studio.decode("celeba-vae", torch.tensor([answer["codes"]["celeba-vae"]]))
            again = studio.bundles[BETA].vae.encode(face).mean[0]
        assert torch.allclose(again, torch.tensor(answer["codes"][BETA]), atol=1e-4)


class TestComparison:
    @pytest.fixture
    def functions(self, studio):
        return {function.__name__: function for function in compare_functions(studio)}

    def test_a_sheets_rows_run_the_way_that_is_asked(self, functions, studio):
        code = studio.bundles[BETA].codes[3].tolist()
        rows = {BETA: [[3, 1], [3, -1], [5, 1]]}  # a latent may be the partner of two
        sheet = picture(functions["sheets"]({"codes": {BETA: code}, "rows": rows})["sheets"][BETA])
        there, back, other = np.split(sheet.astype(float), 3)
        frames, turned = (np.split(row, 7, axis=1) for row in (there, back))
        for one, same in zip(frames, turned[::-1], strict=True):
            assert np.abs(one - same).mean() < 3  # JPEG
        expected = decoded([3.0 if k == 3 else value for k, value in enumerate(code)])
        assert np.abs(frames[-1] - expected).mean() < 3
        assert np.abs(there - other).mean() > 3

    @pytest.mark.parametrize(
        ("name", "request_", "sentence"),
        [
            ("compared", None, "Name one to 3 models"),
            ("compared", {"models": [BETA] * 4}, "Name one to 3 models"),
            ("compared", {"models": ["../x"]}, "no such model"),
            ("compared", {"models": [BETA, "shapes2d-vae"]}, "different data"),
            ("compared", {"models": [BETA], "first": 10_000}, "picture's number must be"),
            ("compared", {"models": [BETA], "first": float("nan")}, "picture's number must be"),
            ("section", {"models": [BETA], "section": "heat"}, "no such section"),
            ("section", {"models": [BETA], "section": None}, "no such section"),
            ("section", {"models": [BETA], "section": ["faces"]}, "no such section"),
            ("sheets", {"codes": {BETA: ZERO}}, "rows of each model"),
            ("sheets", {"codes": {BETA: ZERO}, "rows": {BETA: []}}, "1 to 64 rows"),
            ("sheets", {"codes": {BETA: ZERO}, "rows": {BETA: [[3, 2]]}}, "its sign"),
            ("sheets", {"codes": {BETA: ZERO}, "rows": {BETA: [[32, 1]]}}, "A latent must be"),
            ("sheets", {"codes": {BETA: [1.0]}, "rows": {BETA: [[3, 1]]}}, "a list of 32 numbers"),
        ],
    )
    def test_nonsense_gets_one_sentence(self, functions, name, request_, sentence):
        assert sentence in functions[name](request_)["error"]
