"""A place like a Hugging Face Space: its user, its settings, its proxy, and the page around it."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

NOBODY = 65534
PREFIX = "/ada/see"
# Another is that of a fresh environment, in tests/fresh_space.sh.
PYTHON = os.environ.get("SPACE_PYTHON", sys.executable)
HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")


def as_nobody() -> list[str] | None:
    """What to put before a command so that it runs as a user who may write nowhere.

    It may read what it needs where the interpreter lies in a folder of root's own. [] where the
    tests are no root themselves; None where root cannot become somebody else.
    """
    if os.geteuid() != 0:
        return []
    user = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    found = "from importlib.util import find_spec; "
    found += "[open(find_spec(name).origin) for name in ('gradio', 'torch')]"
    for command in (user, user + reading):
        tried = [*command, PYTHON, "-c", found]
        if shutil.which("setpriv") and subprocess.run(tried, capture_output=True).returncode == 0:
            return command
    return None


@contextmanager
def running(files: dict[str, bytes], variables: dict[str, str], before: list[str]):
    """`python app.py` of a Space's `files` with its `variables`, as a user without a home, in a
    folder that nobody may write to, under the prefix of a proxy; its port, its folder, its log."""
    place = Path(tempfile.mkdtemp(prefix="space-"))
    project, home, temporary = place / "app", place / "home", place / "tmp"
    for path, content in files.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_bytes(content)
    home.mkdir()
    temporary.mkdir(mode=0o777)
    for folder in (place, home, project, *(p for p in project.rglob("*") if p.is_dir())):
        folder.chmod(0o555)
    temporary.chmod(0o777)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = variables | {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "SPACE_ID": "ada/see",
        "SYSTEM": "spaces",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ROOT_PATH": PREFIX,
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
    }
    with open(place.with_suffix(".log"), "w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*before, PYTHON, "app.py"],
            cwd=project,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _until_it_listens(process, port, log)
            yield port, project, log
        finally:
            process.terminate()  # as a container is stopped
            process.wait()
            left = [path.name for path in temporary.glob("betavae-*")]
            for folder in [place, *(path for path in place.rglob("*") if path.is_dir())]:
                folder.chmod(0o755)
            shutil.rmtree(place)
    assert left == [f"betavae-uploads-{NOBODY}" if before else f"betavae-uploads-{os.getuid()}"]
    place.with_suffix(".log").unlink()


def _until_it_listens(process: subprocess.Popen, port: int, log) -> None:
    for _ in range(1500):
        if process.poll() is not None:
            break
        with socket.socket() as ear:
            if ear.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    log.seek(0)
    raise AssertionError(f"The app did not start:\n{log.read()}")


class _Proxy(BaseHTTPRequestHandler):
    """Passes what comes under PREFIX on to the app, without the prefix, as it comes."""

    port = 0

    def log_message(self, *arguments):
        pass

    def _pass_on(self):
        if not self.path.startswith(PREFIX):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: v for name, v in self.headers.items() if name.lower() not in HOP_BY_HOP}
        headers["X-Forwarded-Host"] = self.headers["Host"]
        headers["X-Forwarded-Proto"] = "http"
        app = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        app.request(self.command, self.path.removeprefix(PREFIX) or "/", body, headers)
        answer = app.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()
        try:
            while part := answer.read1():
                self.wfile.write(part)
                self.wfile.flush()
        except (OSError, http.client.HTTPException):  # the browser has gone, or the app
            pass
        app.close()

    do_GET = do_POST = do_HEAD = _pass_on


class _Around(BaseHTTPRequestHandler):
    """A page of another origin that shows the Space in a frame, as huggingface.co does."""

    address = ""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        page = f"<title>around</title><iframe src='{self.address}' width=1240 height=860></iframe>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())


@contextmanager
def framed(port: int):
    """The app behind its proxy, in a page of another origin; the page's address."""
    proxy = type("Proxy", (_Proxy,), {"port": port})
    with _listening(proxy) as proxied:
        around = type("Around", (_Around,), {"address": f"{proxied}{PREFIX}/"})
        with _listening(around) as address:
            # Another host's name, so another origin and another site.
            yield f"http://localhost:{urlsplit(address).port}/"


@contextmanager
def _listening(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
