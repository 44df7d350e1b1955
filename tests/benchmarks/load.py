"""How many people the app bears: `python tests/benchmarks/load.py`.

Starts `python app.py` and lets N people drag over HTTP on the loopback, each asking for the next
frame when the last has come, and upload a photo now and then; then sends hostile requests, one kind
after the other. The reference, in the same run, is the same model behind gr.Image with Gradio's
queued default events. Prints frames a second, errors, the server's memory, and files left behind.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import psutil
from PIL import Image

ROOT = Path(__file__).parents[2]
MODEL = "celeba-beta-vae"
LATENTS = 32
REFERENCE = """
import gradio as gr, torch
from betavae import VAE
from betavae.data.images import to_picture
torch.set_num_threads(1)
vae = VAE.from_pretrained("weights/celeba-beta-vae")
with gr.Blocks(analytics_enabled=False) as demo:
    slider, image = gr.Slider(-3, 3), gr.Image()
    @torch.inference_mode()
    def decode(value):
        return to_picture(vae.decode(torch.full((1, 32), value)).mean[0])
    slider.change(decode, slider, image, api_name="decode")
demo.launch(server_port=PORT, quiet=True)
"""


class Server:
    """A subprocess that serves on a port, its memory, and the files it keeps."""

    def __init__(self, arguments: list[str], port: int):
        self.files = Path(tempfile.mkdtemp(prefix="load-"))
        environment = os.environ | {
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_TEMP_DIR": str(self.files),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        }
        self.process = subprocess.Popen(arguments, cwd=ROOT, env=environment)
        self.url = f"http://127.0.0.1:{port}"
        self.config = self._wait()

    def _wait(self) -> dict:
        for _ in range(240):
            if self.process.poll() is not None:
                break
            try:
                return httpx.get(f"{self.url}/config", timeout=5).json()
            except httpx.HTTPError:
                time.sleep(0.5)
        raise SystemExit("The server did not start.")

    def megabytes(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def kept(self) -> int:
        return sum(path.is_file() for path in self.files.rglob("*"))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Refused(ValueError):
    """The server answered with a status of 400 or above."""


class Person:
    """One visitor with a connection of their own."""

    def __init__(self, server: Server, number: int):
        self.client = httpx.Client(base_url=server.url, timeout=60)
        # Frames go over the standard library's connection: httpx costs the driver 2 ms a request,
        # on the very cores that serve.
        self.connection = http.client.HTTPConnection(httpx.URL(server.url).netloc.decode())
        self.random = random.Random(number)
        self.session = f"person{number}"
        components = server.config["components"]
        self.board = next(
            (c["id"] for c in components if c["props"].get("elem_id") == "board"), None
        )
        self.frames, self.errors = 0, []

    def drag(self) -> None:
        code = [self.random.uniform(-3, 3) for _ in range(LATENTS)]
        answer = self.ask("frame", {"codes": {MODEL: code}, "output": "mean"})
        if "pictures" not in answer:
            raise ValueError(str(answer)[:200])
        self.frames += 1

    def ask(self, function: str, data) -> dict:
        request = {"component_id": self.board, "fn_name": function, "session_hash": self.session}
        return self._json("/gradio_api/component_server/", {**request, "data": data})

    def upload(self, photo: bytes, name: str = "photo.jpg") -> dict:
        """The photo through /reconstruct, as a browser would."""
        sent = self.client.post("/gradio_api/upload", files={"files": (name, photo)})
        sent.raise_for_status()
        file = {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}
        asked = {"data": [file, MODEL], "session_hash": self.session}
        return self._json("/gradio_api/run/reconstruct", asked)

    def drag_queued(self) -> None:
        """One event of the reference, through the queue and its stream, and its picture."""
        data = {"data": [self.random.uniform(-3, 3)]}
        event = self._json("/gradio_api/call/decode", data)["event_id"]
        with self.client.stream("GET", f"/gradio_api/call/decode/{event}") as stream:
            text = "".join(stream.iter_text())
        if "event: complete" not in text:
            raise ValueError(text[:200])
        picture = json.loads(text.split("data: ", 1)[1])[0]
        self.client.get(f"/gradio_api/file={picture['path']}").raise_for_status()
        self.frames += 1

    def _json(self, path: str, body: dict) -> dict:
        self.connection.request("POST", path, json.dumps(body), JSON)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise Refused(f"{answer.status}: {text[:200]!r}")
        return json.loads(text)


JSON = {"Content-Type": "application/json"}


def crowd(server: Server, count: int, seconds: float, act) -> dict[str, float]:
    """`count` people do `act` for some seconds."""
    people = [Person(server, number) for number in range(count)]
    until = time.perf_counter() + seconds

    def live(person: Person) -> None:
        while time.perf_counter() < until:
            try:
                act(person)
            except (
                httpx.HTTPError,
                http.client.HTTPException,
                OSError,
                ValueError,
                KeyError,
            ) as error:
                person.errors.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=live, args=[person]) for person in people]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [error for person in people for error in person.errors]
    if errors:
        print("  first error:", errors[0])
    taken = time.perf_counter() - began
    return {"frames/s": sum(p.frames for p in people) / taken, "errors": len(errors)}


def portrait() -> bytes:
    from skimage.data import astronaut

    stream = io.BytesIO()
    Image.fromarray(astronaut()).save(stream, "JPEG")
    return stream.getvalue()


def hostile(person: Person, photo: bytes, rounds: int) -> int:
    """Requests that must be refused, over and over; how many were not."""
    bomb = io.BytesIO()
    Image.new("1", (12_000, 9_000)).save(bomb, "PNG")  # 108 million pixels in a few kilobytes
    thin = io.BytesIO()
    Image.new("RGB", (1, 1)).save(thin, "PNG")
    uploads = [photo[: len(photo) // 2], b"no picture", b"<svg/>", bomb.getvalue(), thin.getvalue()]
    codes = [[float("nan")] * LATENTS, [float("inf")] * LATENTS, [0.0] * 10_000, "../../etc/passwd"]
    answered = 0
    for number in range(rounds):
        if number % 2:
            answer = person.ask("frame", {"codes": {MODEL: codes[number // 2 % len(codes)]}})
            answered += "error" not in answer
            answer = person.ask("frame", {"codes": {"../x": [0.0] * LATENTS}})
            answered += "error" not in answer
            continue
        try:
            person.upload(uploads[number // 2 % len(uploads)])
        except (Refused, httpx.HTTPStatusError):
            continue
        answered += uploads[number // 2 % len(uploads)] is not uploads[-1]  # one pixel is a picture
    return answered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=25, help="dragging (25)")
    parser.add_argument("--seconds", type=float, default=15, help="of dragging (15)")
    parser.add_argument("--long", type=float, default=300, help="seconds for twice as many (300)")
    parser.add_argument("--hostile", type=int, default=500, help="requests (500)")
    options = parser.parse_args()
    photo = portrait()

    def drag_and_upload(person: Person) -> None:
        person.drag()
        if person.frames % 50 == 0:
            person.upload(photo)

    app = Server([sys.executable, "app.py"], 7871)
    crowd(app, options.people, 5, drag_and_upload)  # warm-up
    live = crowd(app, options.people, options.seconds, drag_and_upload)
    print(f"live board, {options.people} people: {live}")
    crowd(app, 2 * options.people, 15, drag_and_upload)  # warm-up of the larger crowd
    before, files = app.megabytes(), app.kept()
    many = crowd(app, 2 * options.people, options.long, drag_and_upload)
    print(
        f"live board, {2 * options.people} people, {options.long:.0f} s: {many}; memory "
        f"{before:.0f} -> {app.megabytes():.0f} MB; files {files} -> {app.kept()} (uploads, which "
        "are deleted within the hour)"
    )
    before = app.megabytes()
    wrong = hostile(Person(app, 0), photo, options.hostile)
    print(
        f"{options.hostile} hostile requests: {wrong} answered that should not be; memory "
        f"{before:.0f} -> {app.megabytes():.0f} MB"
    )
    app.stop()
    plain = Server([sys.executable, "-c", REFERENCE.replace("PORT", "7872")], 7872)
    crowd(plain, options.people, 5, Person.drag_queued)
    queued = crowd(plain, options.people, options.seconds, Person.drag_queued)
    print(
        f"gr.Image, queued default events, {options.people} people: {queued}; {plain.kept()} files"
    )
    plain.stop()
    print(
        f"live / gr.Image: {live['frames/s'] / max(queued['frames/s'], 0.1):.1f} times the frames"
    )


if __name__ == "__main__":
    main()
