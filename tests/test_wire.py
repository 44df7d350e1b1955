"""A drag's way past Gradio's routes: the same answers, and all else as before."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import coroutines
import gradio as gr
import httpx
import pytest
from starlette.middleware import Middleware

from betavae import bundles
from betavae.ui import wire

MODEL = "celeba-beta-vae"


async def twice(number):
    return {"twice": 2 * number}


def thrice(number):
    return {"thrice": 3 * number}


with gr.Blocks() as DEMO:
    LIVE = gr.HTML(server_functions=[twice, thrice])


def asked(body: bytes, path=wire.ASKED_AT, auth=None, **headers: str):
    """What a request is answered by the short way, or what arrives by the usual one."""
    app = SimpleNamespace(get_blocks=lambda: DEMO, auth=auth, auth_dependency=None)
    headers = {"content_type": "application/json", "content_length": str(len(body)), **headers}
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    scope = {"type": "http", "path": path, "method": "POST", "headers": pairs, "app": app}
    parts = [
        {"type": "http.request", "body": body[:9], "more_body": True},
        {"type": "http.request", "body": body[9:], "more_body": False},
    ]
    sent, usual = [], []

    async def receive():
        return parts.pop(0)

    async def send(message):
        sent.append(message)

    async def the_usual(scope, receive, send):
        whole, more = b"", True
        while more:
            message = await receive()
            whole, more = whole + message["body"], message["more_body"]
        usual.append(whole)

    coroutines.run(wire.ShortWay(the_usual)(scope, receive, send))
    assert bool(sent) != bool(usual)
    return ("usual", usual[0]) if usual else ("short", json.loads(sent[-1]["body"]))


def question(name: str, data=4, **changes) -> bytes:
    body = {"component_id": LIVE._id, "fn_name": name, "session_hash": "me", "data": data}
    return json.dumps({**body, **changes}).encode()


def test_a_coroutine_is_answered_at_once():
    assert asked(question("twice")) == ("short", {"twice": 8})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(question("thrice"), id="of a thread"),
        pytest.param(question("no_such"), id="of another name"),
        pytest.param(question("__init__"), id="that is none of these"),
        pytest.param(question(3), id="a number for a name"),
        pytest.param(question("twice", component_id=10**6), id="of no component"),
        pytest.param(question("twice", component_id=[1]), id="of a list"),
        pytest.param(b'{"fn_name": "twice"}', id="without data"),
        pytest.param(b"[1, 2, 3, 4, 5]", id="an array"),
        pytest.param(b'{"component_id": ', id="half of it"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_such_question_goes_the_usual_way_whole(body):
    assert asked(body) == ("usual", body)


@pytest.mark.parametrize(
    "how",
    [
        {"path": "/gradio_api/run/encode"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_length": str(wire.LONGEST + 1)},
        {"content_length": ""},
        {"auth": {"ada": "secret"}},
    ],
    ids=lambda how: next(iter(how)),
)
def test_so_does_what_is_asked_in_another_way(how):
    assert asked(question("twice"), **how) == ("usual", question("twice"))


def test_both_ways_answer_a_drag_alike(url):
    """A component's number as text is understood by Gradio's route alone."""
    config = httpx.get(f"{url}config").json()
    board = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "board")
    codes = {MODEL: bundles.load(MODEL).codes[0].tolist()}
    data = {"codes": codes, "output": "sample", "seed": 7}
    answers = []
    for number in (board, str(board)):
        body = {"component_id": number, "fn_name": "frame", "session_hash": "me", "data": data}
        answer = httpx.post(f"{url.rstrip('/')}{wire.ASKED_AT}", json=body)
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
        answers.append(answer.json())
        answers[-1].pop("busy")
    assert answers[0] == answers[1] and answers[0]["pictures"][MODEL].startswith("data:image/jpeg")


@pytest.mark.parametrize(
    ("method", "path", "made"), [("HEAD", "/", False), ("GET", "/", True), ("HEAD", "/info", True)]
)
def test_who_only_asks_whether_the_page_is_there_need_not_wait_until_it_is_made(method, path, made):
    pages, sent = [], []

    async def page(scope, receive, send):
        pages.append(scope["path"])

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": []}
    coroutines.run(wire.Knock(page)(scope, receive, send))
    assert bool(pages) is made
    if not made:
        assert sent[0]["status"] == 200 and sent[-1]["body"] == b""


def test_an_app_is_up_although_its_page_takes_longer_than_gradio_waits():
    """Gradio asks for the page by HEAD when it starts, and waits three seconds."""

    class Late:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http" and scope["path"] == "/":
                await asyncio.sleep(3.5)
            await self.app(scope, receive, send)

    with gr.Blocks(analytics_enabled=False) as demo:
        gr.HTML("here")
    middleware = [*wire.MIDDLEWARE, Middleware(Late)]
    options = {"server_name": "127.0.0.1", "prevent_thread_lock": True, "quiet": True}
    demo.launch(app_kwargs={"middleware": middleware}, ssr_mode=False, **options)
    demo.close()
