"""Hostile requests over HTTP: refused in a sentence; nothing read that is not served."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import httpx
import pytest
from PIL import Image
from shared import encoded
from skimage.data import astronaut

PROJECT = Path(__file__).parents[1]
MODEL = "celeba-beta-vae"


@pytest.fixture(scope="module")
def http(url):
    with httpx.Client(base_url=url, timeout=60) as client:
        yield client


def reconstruct(http, name: str, content: bytes) -> tuple[int, str]:
    sent = http.post("/gradio_api/upload", files={"files": (name, content)})
    if sent.status_code != 200:
        return sent.status_code, sent.text
    file = {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}
    answer = http.post("/gradio_api/run/reconstruct", json={"data": [file, MODEL]})
    return answer.status_code, answer.text


def bomb() -> bytes:
    """A PNG that says 40,000 x 40,000 pixels and holds a few bytes."""
    whole = bytearray(encoded(Image.new("L", (8, 8)), "PNG"))
    whole[16:24] = (40_000).to_bytes(4, "big") * 2
    whole[29:33] = zlib.crc32(bytes(whole[12:29])).to_bytes(4, "big")
    return bytes(whole)


PORTRAIT = Image.fromarray(astronaut())
GIF = [Image.new("P", (40, 40), shade) for shade in (10, 90, 200)]
REFUSED = {
    "a decompression bomb": ("bomb.png", bomb()),
    "a truncated JPEG": ("cut.jpg", encoded(PORTRAIT, "JPEG")[:20_000]),
    "a renamed text file": ("notes.jpg", b"These are only words."),
    "SVG": ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>'),
    "100 megapixels": ("large.png", encoded(Image.new("1", (12_500, 8_000)), "PNG")),
    "an empty file": ("empty.png", b""),
}
ANSWERED = {
    "an animated GIF": ("film.gif", encoded(GIF[0], "GIF", save_all=True, append_images=GIF[1:])),
    "one pixel": ("dot.png", encoded(Image.new("RGB", (1, 1), "red"), "PNG")),
    "a thin strip": ("strip.png", encoded(Image.new("RGB", (5000, 2), "red"), "PNG")),
    "a grey portrait": ("grey.png", encoded(PORTRAIT.convert("L"), "PNG")),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_photo_is_refused_in_a_sentence(http, kind):
    status, text = reconstruct(http, *REFUSED[kind])
    assert status != 200
    sentence = json.loads(text).get("error") or json.loads(text).get("detail")
    assert sentence and "Traceback" not in text and len(sentence) < 250
    assert http.get("/config").status_code == 200, "the server stays up"


@pytest.mark.parametrize("kind", ANSWERED)
def test_odd_photos_are_answered(http, kind):
    status, text = reconstruct(http, *ANSWERED[kind])
    assert status == 200 and "psnr" in text


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        str(PROJECT / "README.md"),
        str(PROJECT / "weights" / MODEL / "model.safetensors"),
        str(PROJECT / "betavae" / "cli.py"),
        "../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "/proc/self/environ",
        "file:///etc/passwd",
        "http://127.0.0.1:1/",
    ],
)
def test_files_that_are_not_served_cannot_be_read(http, path):
    for route in ("/gradio_api/file=", "/file=", "/gradio_api/file/", "/static/", "/assets/"):
        answer = http.get(route + path)
        assert answer.status_code >= 300, route  # one of them leads to the network: not followed
        assert "root:" not in answer.text and "import" not in answer.text


@pytest.mark.parametrize(
    "path", ["/etc/passwd", str(PROJECT / "README.md"), "/proc/self/environ", "", None, "../x"]
)
def test_a_path_in_place_of_an_upload_is_not_opened(http, path):
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    answer = http.post("/gradio_api/run/reconstruct", json={"data": [file, MODEL]})
    assert answer.status_code != 200
    assert "root:" not in answer.text and "disentanglement" not in answer.text


@pytest.mark.parametrize("name", ["../../x", "celeba-vae/../celeba-beta-vae", "/etc", "", None, 5])
def test_a_models_name_is_one_of_those_served(http, name):
    answer = http.post("/gradio_api/run/decode", json={"data": [[[0.0] * 32], name, "mean", 0]})
    assert answer.status_code != 200 and "no such model" in answer.text


def test_an_upload_is_kept_in_gradios_folder_only_and_under_the_size_limit(http, cache, tmp_path):
    before = set(cache.rglob("*"))
    here = set(os.listdir(PROJECT))
    reconstruct(http, "../../escape.png", encoded(PORTRAIT, "PNG"))
    new = [path for path in set(cache.rglob("*")) - before if path.is_file()]
    assert [path.name for path in new] == ["escape.png"]
    assert set(os.listdir(PROJECT)) == here
    status, _ = reconstruct(http, "huge.png", bytes(21_000_000))
    assert status == 413


def test_old_uploads_are_deleted_and_no_history_is_kept(demo):
    from betavae.ui import layout

    assert demo.delete_cache == (layout.KEEP_SECONDS, layout.KEEP_SECONDS)
    assert layout.KEEP_SECONDS <= 3600 and layout.LAUNCH["run_history"] is False
