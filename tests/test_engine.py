"""The engine that decodes for everybody: batches, whose answer is whose, precision, devices."""

from __future__ import annotations

import asyncio
import base64
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest
import torch
from coroutines import run
from PIL import Image

from betavae import bundles
from betavae.model import VAE
from betavae.serving.batching import Batcher
from betavae.serving.details import likely, packed, resolve
from betavae.serving.devices import DeviceError, device_failed, serving_device
from betavae.serving.engine import Engine
from betavae.serving.graphs import Graphed, graphed_where_it_pays
from betavae.serving.pictures import LIGHT, QUALITY, jpeg_uris
from betavae.serving.placed import Placed, within_a_grey_level
from betavae.serving.remembered import KEPT, Remembered
from betavae.views.traversal import traverse

CPU = torch.device("cpu")
FACES, SHAPES = "celeba-beta-vae", "shapes2d-beta-vae"


class Doubling:
    """Work for a Batcher that waits until it may go on, and remembers its batches."""

    def __init__(self):
        self.batches, self.threads = [], []
        self.started, self.may_go_on = threading.Event(), threading.Event()

    def __call__(self, key, items):
        self.batches.append((key, list(items)))
        self.threads.append(threading.get_ident())
        self.started.set()
        assert self.may_go_on.wait(20)
        return [2 * item for item in items]


def waiting(batcher, count):
    """Until that many requests wait for a worker."""
    while len(batcher._waiting) < count:
        threading.Event().wait(0.001)


class TestBatches:
    def test_what_came_while_all_were_busy_is_one_batch_a_key(self):
        work = Doubling()
        batcher = Batcher(work, workers=1)
        with ThreadPoolExecutor(9) as people:
            first = people.submit(batcher.ask, "a", 0)
            assert work.started.wait(20)
            others = []
            for number in range(1, 9):  # one after the other, so that their order is known
                others.append(people.submit(batcher.ask, "ab"[number % 2], number))
                waiting(batcher, number)
            work.may_go_on.set()
            assert [first.result(), *(other.result() for other in others)] == list(range(0, 18, 2))
        assert work.batches == [("a", [0]), ("b", [1, 3, 5, 7]), ("a", [2, 4, 6, 8])]

    def test_a_lone_request_is_done_at_once_in_the_thread_that_asks(self):
        work = Doubling()
        work.may_go_on.set()
        assert Batcher(work, workers=1).ask("a", 3) == 6
        assert work.threads == [threading.get_ident()] and work.batches == [("a", [3])]

    def test_a_batch_holds_no_more_than_it_may(self):
        work = Doubling()
        batcher = Batcher(work, workers=1, most=4)
        with ThreadPoolExecutor(5) as people:
            people.submit(batcher.ask, "a", 0)
            assert work.started.wait(20)
            for number, size in enumerate((2, 9, 2, 1), start=1):
                people.submit(batcher.ask, "a", number, size)
                waiting(batcher, number)
            work.may_go_on.set()
        assert work.batches == [("a", [0]), ("a", [1, 3]), ("a", [2]), ("a", [4])]

    def test_coroutines_and_threads_share_batches(self):
        work = Doubling()
        batcher = Batcher(work, workers=1)

        async def crowd():
            asked = [asyncio.create_task(batcher.ask_soon("a", number)) for number in range(20)]
            await asyncio.to_thread(work.started.wait, 20)
            thread = asyncio.create_task(asyncio.to_thread(batcher.ask, "a", 20))
            await asyncio.to_thread(waiting, batcher, 1)
            work.may_go_on.set()
            return await asyncio.gather(*asked, thread)

        assert run(crowd()) == list(range(0, 42, 2))
        assert sum(len(items) for _, items in work.batches) == 21
        assert len(work.batches) <= 3

    def test_an_error_reaches_all_of_its_batch_and_nobody_else(self):
        def work(key, items):
            if key == "bad":
                raise ZeroDivisionError("of the work")
            return items

        batcher = Batcher(work, workers=2)

        async def crowd():
            asked = [batcher.ask_soon("bad" if n % 2 else "good", n) for n in range(10)]
            return await asyncio.gather(*asked, return_exceptions=True)

        found = run(crowd())
        assert found[::2] == [0, 2, 4, 6, 8]
        assert all(isinstance(error, ZeroDivisionError) for error in found[1::2])
        with pytest.raises(ZeroDivisionError):
            batcher.ask("bad", 1)
        assert batcher.ask("good", 7) == 7

    def test_somebody_who_left_does_not_keep_the_others_from_their_answers(self):
        work = Doubling()
        batcher = Batcher(work, workers=1)

        async def crowd():
            asked = [asyncio.create_task(batcher.ask_soon("a", number)) for number in range(5)]
            await asyncio.to_thread(work.started.wait, 20)
            asked[2].cancel()
            await asyncio.sleep(0)
            work.may_go_on.set()
            return await asyncio.gather(*asked, return_exceptions=True)

        found = run(crowd())
        assert isinstance(found[2], asyncio.CancelledError)
        assert found[:2] + found[3:] == [0, 2, 6, 8]


class TestAnswers:
    """What is asked of the engine is what the models themselves say."""

    def test_25_people_at_once_each_get_their_own_pictures(self, studio):
        """By threads and by coroutines, of two models, in calls of one code to four."""

        def person(number: int):
            name = (FACES, SHAPES)[number % 2]
            vae = studio.bundles[name].vae
            with torch.inference_mode():
                for size in (1, 2, 3, 4, 1, 1):
                    codes = torch.randn(size, vae.latents, generator=generators[number])
                    yield name, codes, vae.decode(codes).mean

        generators = [torch.Generator().manual_seed(k) for k in range(25)]
        wishes = [list(person(number)) for number in range(25)]

        def by_thread(number: int) -> float:
            return max(
                (studio.decode(name, codes) - expected).abs().max().item()
                for name, codes, expected in wishes[number]
            )

        async def by_coroutine():
            asked = [(n, c, e) for own in wishes for n, c, e in own]
            found = await asyncio.gather(*(studio.engine.frames(n, c) for n, c, _ in asked))
            for (_, _, expected), uris in zip(asked, found, strict=True):
                assert len(uris) == len(expected)
                for uri, picture in zip(uris, expected, strict=True):
                    assert np.abs(pixels(uri) - picture.numpy()).mean() < 3 / 255  # JPEG

        with ThreadPoolExecutor(25) as people:
            assert max(people.map(by_thread, range(25))) < 1e-5
        run(by_coroutine())

    def test_light_pictures_and_fine_ones_are_one_batch(self, studio):
        codes = studio.bundles[FACES].codes[:2]

        async def both():
            asked = [studio.engine.frames(FACES, codes, quality=q) for q in (LIGHT, QUALITY)]
            return await asyncio.gather(*asked)

        light, fine = run(both())
        alone = jpeg_uris(studio.decode(FACES, codes), LIGHT)
        for few, many, one in zip(light, fine, alone, strict=True):
            assert len(few) < 0.7 * len(many) and abs(len(few) - len(one)) < 40

    def test_a_sample_is_the_same_alone_and_in_a_crowd(self, studio):
        code = studio.bundles[FACES].codes[:1]
        alone = studio.decode(FACES, code, "sample", 7)
        with ThreadPoolExecutor(8) as people:
            seeds = [7, 8] * 8
            crowd = list(people.map(lambda s: studio.decode(FACES, code, "sample", s), seeds))
        assert all(torch.allclose(crowd[k], alone, atol=1e-5) for k in range(0, 16, 2))
        assert not torch.allclose(crowd[1], alone, atol=0.01)

    @pytest.mark.parametrize("output", ["mean", "sample"])
    def test_strips_are_the_traversals_of_the_model(self, studio, output):
        bundle, values = studio.bundles[SHAPES], torch.linspace(-3, 3, 7)
        strips = studio.strips(SHAPES, bundle.codes[0], [3, 0], output)
        generator = torch.Generator().manual_seed(0)
        expected = traverse(bundle.vae, bundle.codes[:1], [3, 0], values, output, generator)[0]
        assert strips.shape == (2, 7, 1, 64, 64)
        assert ((strips - expected).abs() > 1e-4).float().mean() < 1e-4

    def test_encoding_in_a_crowd(self, studio):
        images = torch.rand(12, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            expected = studio.bundles[FACES].vae.encode(images)
        with ThreadPoolExecutor(12) as people:
            found = list(people.map(lambda x: studio.encode(FACES, x[None]), images))
        means = torch.cat([posterior.mean for posterior in found])
        variances = torch.cat([posterior.log_variance for posterior in found])
        assert torch.allclose(means, expected.mean, atol=1e-4)
        assert torch.allclose(variances, expected.log_variance, atol=1e-4)


def pixels(uri: str) -> np.ndarray:
    """A picture's data URI -> (C, 64, 64) in [0, 1]."""
    picture = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    array = np.asarray(picture, dtype=float) / 255
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


class TestPrecision:
    @pytest.mark.parametrize("name", [FACES, "celeba-vae", SHAPES])
    def test_a_reduced_precision_stays_within_one_grey_level(self, studio, name):
        """Also of codes that it was not chosen by."""
        bundle = studio.bundles[name]
        placed = Placed(bundle.vae, CPU, bundle.codes)
        placed.reduce(bundle.codes[:8])
        assert placed.dtype is torch.float16 or name == SHAPES  # whose edges are sharp
        others = bundle.codes[8:16]
        with torch.inference_mode():
            exact = bundle.vae.decode(others).mean
        assert within_a_grey_level(placed.decode(others).mean, exact)

    def test_where_none_is_good_enough_it_stays_at_fp32(self):
        torch.manual_seed(0)
        vae = VAE(latents=10).eval()
        with torch.no_grad():
            vae.decoder[-1].weight *= 3000  # every pixel on the edge between black and white
        codes = torch.randn(4, 10)
        placed = Placed(vae, CPU, codes)
        placed.reduce(codes)
        assert placed.dtype is torch.float32 and placed.decoder is vae.decoder
        with torch.inference_mode():
            assert torch.equal(placed.decode(codes).mean, vae.decode(codes).mean)


class OnCPU(Graphed):
    """The same recordings, where there is no CUDA: decoded again at each replay."""

    replays: ClassVar[list[int]] = []

    def record(self, codes):
        return lambda: self.replays.append(len(codes)) or self.decoder(codes)


class TestGraphs:
    def test_batches_are_filled_up_and_cut_and_large_ones_decoded_as_ever(self):
        torch.manual_seed(0)
        decoder = VAE(latents=10).eval().decoder
        graphed = OnCPU(decoder, 10, CPU, torch.float32)
        with torch.inference_mode():
            for size in (3, 1, 32, 5, 33):  # a smaller one after a larger: old rows are cut
                codes = torch.randn(size, 10)
                assert torch.allclose(graphed(codes), decoder(codes), atol=1e-5)
        assert graphed.replays == [4, 1, 32, 8]

    def test_where_nothing_can_be_recorded_the_decoder_is_taken(self):
        decoder = VAE(latents=10).eval().decoder
        nowhere = torch.device("cuda:99")
        assert graphed_where_it_pays(decoder, 10, nowhere, torch.float32) is decoder


class Failing(torch.nn.Module):
    """A decoder on a device whose memory is out."""

    def forward(self, codes):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB.\nMore lines.")


class TestDevices:
    @pytest.fixture
    def parts(self):
        torch.manual_seed(0)
        models = {name: VAE(latents=10).eval() for name in ("one", "other")}
        return models, dict.fromkeys(models, torch.randn(4, 10))

    def test_a_device_that_cannot_hold_the_models_is_left_for_the_cpu(self, parts):
        models, codes = parts
        with pytest.warns(UserWarning, match="The CPU goes on"):
            engine = Engine(models, codes, torch.device("cuda:99"))  # of which there is none
        assert engine.device == CPU and "cuda:99" in engine.trouble
        with torch.inference_mode():
            expected = models["one"].decode(codes["one"]).mean
        assert torch.equal(engine.decode("one", codes["one"]), expected)

    def test_a_device_that_fails_while_serving_is_left_and_the_request_answered(self, parts):
        models, codes = parts
        engine = Engine(models, codes, CPU)
        for placed in engine._placed.models.values():
            placed.decoder, placed.device = Failing(), torch.device("meta")
        with torch.inference_mode():
            expected = models["one"].decode(codes["one"]).mean
        with pytest.warns(UserWarning, match="The CPU goes on, because .* out of memory") as said:
            assert torch.equal(engine.decode("one", codes["one"]), expected)
            engine.decode("other", codes["other"])
        assert len(said) == 1 and "\n" not in str(said[0].message)

    def test_a_request_that_fails_is_not_the_devices_fault(self, parts):
        engine = Engine(*parts, CPU)
        with pytest.raises(RuntimeError):
            engine.decode("one", torch.zeros(1, 11))
        assert not engine.trouble
        assert engine.decode("one", torch.zeros(1, 10)).shape == (1, 3, 64, 64)

    def test_which_errors_are_the_devices(self):
        assert device_failed(torch.OutOfMemoryError("out of memory"))
        assert device_failed(RuntimeError("CUDA error: device-side assert triggered"))
        assert not device_failed(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
        assert not device_failed(ValueError("out of memory"))

    @pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta"])
    def test_a_device_that_is_not_there_is_named_in_one_sentence(self, monkeypatch, name):
        monkeypatch.setenv("BETAVAE_DEVICE", name)
        with pytest.raises(DeviceError, match=f"BETAVAE_DEVICE is '{name}'"):
            serving_device()

    def test_zerogpu_serves_from_the_cpu(self, monkeypatch):
        monkeypatch.setenv("SPACES_ZERO_GPU", "1")
        assert serving_device() == CPU


class TestSharp:
    """Of served bundles: a renderer's own pictures, beside people who wish the mean."""

    def test_one_batch_for_who_wishes_what(self):
        bundle, other = bundles.load("celeba-beta-vae"), bundles.load("celeba-dip-vae-ii")
        engine = Engine(
            {"sharp": bundle.vae, "plain": other.vae},
            {"sharp": bundle.codes, "plain": other.codes},
            torch.device("cpu"),
            renderers={"sharp": bundle.renderer},
        )
        codes, details = bundle.codes[:3], bundle.details[5]
        with torch.inference_mode():
            sharp = bundle.renderer(codes, details.expand(3, -1))
            mean = bundle.vae.decode(codes).mean
        found = engine.decode("sharp", codes, "sharp", details=details)
        torch.testing.assert_close(found, sharp, atol=1e-4, rtol=0)
        torch.testing.assert_close(engine.decode("sharp", codes), mean, atol=1e-4, rtol=0)
        with pytest.raises(ValueError, match="needs details"):
            engine.decode("sharp", codes, "sharp")
        # A model that has none draws its mean.
        plain = engine.decode("plain", other.codes[:2], "sharp")
        torch.testing.assert_close(plain, engine.decode("plain", other.codes[:2]))

    def test_words_for_details(self):
        bundle = bundles.load("celeba-beta-vae")
        assert torch.equal(resolve(bundle, "f7"), bundle.details[7])
        assert torch.equal(resolve(bundle, "t3"), bundle.renderer.known[3])
        assert not resolve(bundle, "none").any()
        again = resolve(bundle, packed(bundle.details[7]))
        assert (again - bundle.details[7]).abs().max() <= 1 / 32 + 1e-6, "half a step"
        # A stored face's own code is nearest to itself, five others are near.
        near = resolve(bundle, likely(bundle, bundle.codes[7]))
        used = [latent.index for latent in bundle.active]
        far = ((bundle.codes - bundle.codes[7])[:, used] / bundle.codes[:, used].std(0)).square()
        six = far.sum(1).argsort()[:6]
        assert six[0] == 7
        assert (near - bundle.details[six].mean(0)).abs().max() <= 1 / 32 + 1e-6


class TestRemembered:
    def test_a_question_that_was_asked_is_not_computed_again(self):
        asked, remembered = [], Remembered()

        def ask(question):
            return remembered.answer(question, lambda: asked.append(question) or len(asked))

        assert [ask({"a": 1, "b": [2]}), ask({"b": [2], "a": 1}), ask({"a": 1})] == [1, 1, 2]
        for number in range(KEPT - 1):
            ask(number)
            assert ask({"a": 1}) == 2  # what is asked for stays
        assert ask({"a": 1, "b": [2]}) == KEPT + 2  # and the oldest goes

    def test_what_fails_is_asked_again(self):
        remembered = Remembered()
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                remembered.answer("q", lambda: 1 / 0)
        assert remembered.answer("q", lambda: 3) == 3
