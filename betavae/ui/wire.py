"""How the page travels: its first pictures at once, its text compressed, a drag by a short way."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from inspect import iscoroutinefunction
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A picture of a drag is smaller: it is asked for sixty times a second, and JPEG is compressed.
SMALLEST = 8_000  # bytes
LEVEL = 6  # 9 takes twice the time for a hundredth of the bytes
PLACE = b"</gradio-app>"  # in Gradio's page
ASKED_AT, LONGEST = "/gradio_api/component_server/", 100_000  # the longest code has 5 kB
LINKED = {"model", "code", "tab"}  # a link that says what is to be seen, or where
STYLE = (
    "position:absolute;inset:98px 0 auto;display:flex;flex-wrap:wrap;justify-content:center;"
    "gap:8px 20px;color:var(--col);font:13px ui-sans-serif,system-ui,sans-serif"
)
PICTURE = "width:max(240px,38vh);max-width:44vw;aspect-ratio:1;border-radius:14px;background:#8883"


def first_sight(opening: dict[str, Any], titles: dict[str, str]) -> str:
    """What is seen until Gradio's scripts are there: the pictures that the board begins with. The
    board takes it away.

    opening  {"pictures": {model: data URI}}
    titles   of the models, for people
    """
    pictures = "".join(
        f'<img style="{PICTURE}" src="{uri}" alt="By {escape(titles[name])}">'
        for name, uri in opening["pictures"].items()
    )
    words = '<p role="status" style="flex-basis:100%;text-align:center">The sliders are coming.</p>'
    return f'<div class="first-sight" style="{STYLE}">{pictures}{words}</div>'


class FirstSight:
    """Puts the first sight of the Blocks, its attribute `first_sight`, into the page."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "GET"
        if not page or LINKED & parse_qs(scope["query_string"].decode("latin-1")).keys():
            return await self.app(scope, receive, send)
        sight = getattr(scope["app"].get_blocks(), "first_sight", "").encode()
        start: Message = {}

        async def with_sight(message: Message) -> None:
            if message["type"] == "http.response.start":  # its length is not known yet
                start.update(message)
                return
            if start:
                whole = not message.get("more_body")
                if whole and PLACE in message["body"]:
                    message["body"] = message["body"].replace(PLACE, PLACE + sight, 1)
                    kept = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
                    length = str(len(message["body"])).encode()
                    start["headers"] = [*kept, (b"content-length", length)]
                await send(dict(start))
                start.clear()
            await send(message)

        await self.app(scope, receive, with_sight)


class Knock:
    """Answers at once who only asks whether the page is there, by HEAD. Gradio does when it starts,
    and gives the app up after three seconds: on a busy machine the page takes longer to make.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        knocks = scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "HEAD"
        await (HTMLResponse() if knocks else self.app)(scope, receive, send)


class ShortWay:
    """Answers the coroutines of live components, such as a drag's `frame`, as Gradio's own route
    does, but without its search through all routes and its dependencies, which take more of the
    processor than the picture. Whatever else is asked, or asked wrongly, goes the usual way, and so
    does everything where one must log in.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_short_question(scope):
            return await self.app(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":  # the visitor has left
                return None
            body, more = body + message.get("body", b""), message.get("more_body", False)
        function, data = _asked(scope["app"], body)
        if function:
            return await JSONResponse(await function(data))(scope, receive, send)
        first = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return first.pop() if first else await receive()

        return await self.app(scope, again, send)


def _is_short_question(scope: Scope) -> bool:
    """Whether it may be for the function of a component, as JSON of a length that is told."""
    if scope["type"] != "http" or scope["path"] != ASKED_AT or scope["method"] != "POST":
        return False
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    is_json = headers.get("content-type", "").startswith("application/json")
    return is_json and length.isdecimal() and int(length) <= LONGEST


def _asked(app: Any, body: bytes) -> tuple[Callable | None, Any]:
    """The coroutine function that a request names, of one JSON value, and that value."""
    try:
        asked = json.loads(body)
        component = app.get_blocks().blocks[asked["component_id"]]
        function, data = getattr(component, asked["fn_name"]), asked["data"]
    except (ValueError, TypeError, LookupError, AttributeError):
        return None, None
    open_to_all = app.auth is None and app.auth_dependency is None
    known = getattr(function, "_is_server_fn", False) and iscoroutinefunction(function)
    return (function, data) if open_to_all and known else (None, None)


# Gradio compresses files by the endings of their names, but not the page, nor what functions
# answer.
MIDDLEWARE = [
    Middleware(Knock),
    Middleware(GZipMiddleware, minimum_size=SMALLEST, compresslevel=LEVEL),
    Middleware(ShortWay),
    Middleware(FirstSight),
]
