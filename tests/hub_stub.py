"""A small Hugging Face Hub on the loopback: as much of its HTTP API as `host` and `publish` need.

It keeps what it is sent, and refuses what the Hub refuses: no token, a stranger's name, hardware
that is not paid for, a binary file above 1 MB that is not in its large-file storage.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub

TOKEN, USER = "hf_of_ada", "ada"
LARGEST_BINARY = 1_000_000
COMMIT = "1" * 40


class Hub:
    """Repositories by (kind, name), each {path: bytes}; the large files by sha256."""

    def __init__(self):
        self.files: dict[tuple[str, str], dict[str, bytes]] = {}
        self.created: dict[str, dict] = {}  # the body of each /api/repos/create
        self.variables: dict[str, dict[str, str]] = {}
        self.hardware: list[tuple[str, str]] = []
        self.large: dict[str, bytes] = {}
        self.in_large_storage: dict[str, set[str]] = {}
        self.commits: list[str] = []
        self.unknown: list[str] = []  # requests that this stub does not know
        self.full = False  # the user's storage
        self.url = ""


class _Refusal(Exception):
    def __init__(self, status: int, message: str, code: str = ""):
        super().__init__(message)
        self.status, self.code = status, code


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *arguments):
        pass

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        try:
            for method, pattern, function in ROUTES:
                match = re.fullmatch(pattern, path)
                if method == self.command and match:
                    answer = function(self, *match.groups(), body)
                    break
            else:
                self.hub.unknown.append(f"{self.command} {path}")
                raise _Refusal(404, "Not found")
        except _Refusal as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": str(refusal)}
            self._send(refusal.status, json.dumps({"error": str(refusal)}).encode(), headers)
            return
        if isinstance(answer, bytes):
            headers = {"ETag": f'"{hashlib.sha256(answer).hexdigest()}"', "X-Repo-Commit": COMMIT}
            self._send(200, answer, headers)
        else:
            self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    do_GET = do_POST = do_PUT = do_HEAD = _answer

    def _send(self, status: int, content: bytes, headers: dict[str, str]):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _may_write(self, owner: str):
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _Refusal(401, "Invalid username or password.")
        if owner != USER:
            raise _Refusal(403, f"You don't have the rights to create a repo under {owner}")

    def create(self, body):
        wanted = json.loads(body)
        owner = wanted.get("organization") or USER
        name, kind = f"{owner}/{wanted['name']}", wanted.get("type") or "model"
        self._may_write(owner)
        if (kind, name) in self.hub.files:
            raise _Refusal(409, "You already created this repo")
        if wanted.get("hardware", "cpu-basic") != "cpu-basic":
            raise _Refusal(402, "Payment is required for this hardware")
        assert kind != "space" or wanted["sdk"] == "gradio"
        self.hub.created[name] = wanted
        self.hub.files[kind, name] = {".gitattributes": b"", "README.md": b"new"}
        return {"url": f"{self.hub.url}/{name}", "name": name, "id": "0"}

    def info(self, kind, name, body):
        files = self._repository(kind, name)
        siblings = [{"rfilename": path} for path in sorted(files)]
        own = {"id": name, "modelId": name, "sha": COMMIT, "private": False, "tags": []}
        return {**own, "siblings": siblings, "downloads": 0, "likes": 0}

    def tree(self, kind, name, body):
        files = self._repository(kind, name)
        return [
            {"type": "file", "path": path, "size": len(content), "oid": "0" * 40}
            for path, content in sorted(files.items())
        ]

    def _repository(self, kind, name):
        if (kind, name) not in self.hub.files:
            raise _Refusal(404, "Repository not found", "RepoNotFound")
        return self.hub.files[kind, name]

    def validate(self, body):
        return {"errors": [], "warnings": []}

    def variable(self, name, body):
        wanted = json.loads(body)
        self.hub.variables.setdefault(name, {})[wanted["key"]] = wanted["value"]
        return {wanted["key"]: {"value": wanted["value"]}}

    def request_hardware(self, name, body):
        self.hub.hardware.append((name, json.loads(body)["flavor"]))
        return {"stage": "BUILDING", "hardware": {"current": None, "requested": "t4-small"}}

    def preupload(self, kind, name, body):
        self._may_write(name.split("/")[0])

        def mode(file):
            binary = b"\0" in base64.b64decode(file["sample"])
            large = binary and file["size"] > LARGEST_BINARY
            return "lfs" if large or file["path"].endswith(".safetensors") else "regular"

        return {
            "files": [
                {"path": f["path"], "uploadMode": mode(f), "shouldIgnore": False}
                for f in json.loads(body)["files"]
            ]
        }

    def large_batch(self, name, body):
        self._may_write(name.split("/")[-2])
        if self.hub.full:
            raise _Refusal(507, "Repository storage limit reached")
        objects = [
            {"oid": one["oid"], "size": one["size"], "actions": self._upload(one["oid"])}
            for one in json.loads(body)["objects"]
            if one["oid"] not in self.hub.large
        ]
        there = [o for o in json.loads(body)["objects"] if o["oid"] in self.hub.large]
        return {"transfer": "basic", "objects": objects + there}

    def _upload(self, oid):
        return {"upload": {"href": f"{self.hub.url}/large/{oid}"}}

    def put_large(self, oid, body):
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.large[oid] = body
        return {}

    def commit(self, kind, name, body):
        self._may_write(name.split("/")[0])
        files, large = dict(self._repository(kind, name)), set()
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                self.hub.commits.append(value["summary"])
            elif line["key"] == "file":
                content = base64.b64decode(value["content"])
                if b"\0" in content and len(content) > LARGEST_BINARY:
                    raise _Refusal(400, f"{value['path']}: binary files go to large-file storage")
                files[value["path"]] = content
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
                large.add(value["path"])
            else:
                del files[value["path"]]
        self.hub.files[kind, name] = files
        self.hub.in_large_storage.setdefault(name, set()).update(large)
        url = f"{self.hub.url}/{name}/commit/{COMMIT}"
        return {"success": True, "commitUrl": url, "commitOid": COMMIT, "hookOutput": ""}

    def resolve(self, name, path, body):
        files = self._repository("model", name)
        if path not in files:
            raise _Refusal(404, "Entry not found", "EntryNotFound")
        return files[path]


NAME = r"([\w.-]+/[\w.-]+)"
ROUTES = [
    ("POST", "/api/repos/create", _Handler.create),
    ("POST", "/api/validate-yaml", _Handler.validate),
    ("GET", "/api/agent-harnesses", lambda handler, body: {}),  # its client asks now and then
    ("GET", rf"/api/(model|space)s/{NAME}", _Handler.info),
    ("GET", rf"/api/(model|space)s/{NAME}/revision/[^/]+", _Handler.info),
    ("GET", rf"/api/(model|space)s/{NAME}/tree/[^/]+", _Handler.tree),
    ("POST", rf"/api/spaces/{NAME}/variables", _Handler.variable),
    ("POST", rf"/api/spaces/{NAME}/hardware", _Handler.request_hardware),
    ("POST", rf"/api/(model|space)s/{NAME}/preupload/main", _Handler.preupload),
    ("POST", rf"/((?:spaces/)?{NAME[1:-1]})\.git/info/lfs/objects/batch", _Handler.large_batch),
    ("PUT", "/large/([0-9a-f]{64})", _Handler.put_large),
    ("POST", rf"/api/(model|space)s/{NAME}/commit/main", _Handler.commit),
    ("GET", rf"/{NAME}/resolve/[^/]+/(.+)", _Handler.resolve),
    ("HEAD", rf"/{NAME}/resolve/[^/]+/(.+)", _Handler.resolve),
]


@contextmanager
def hub():
    """The stub, served on a free port of the loopback."""
    stub = Hub()
    handler = type("Handler", (_Handler,), {"hub": stub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    stub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


def point_to(monkeypatch, url: str) -> None:
    """The Hub that this process asks; large files go the way of Git LFS, not of Xet."""
    for module in (huggingface_hub.constants, huggingface_hub.file_download.constants):
        monkeypatch.setattr(module, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
