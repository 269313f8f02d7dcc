"""A stand-in for the Hugging Face Hub: as much of its HTTP interface as huggingface_hub uses to push and pull."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

LARGE = (".safetensors", ".ckpt", ".png", ".onnx", ".packed", ".bin")  # uploaded as large files
PIECE = 1 << 14  # bytes that are sent at once


@dataclass
class Repository:
    """A repository: its versions, from the oldest to the newest, each with the files by name."""

    private: bool
    versions: list[dict[str, bytes]] = field(default_factory=lambda: [{}])

    def commit(self, number: int) -> str:
        """The digest that stands for a version."""
        content = sorted((name, hashlib.sha1(data).hexdigest()) for name, data in self.versions[number].items())
        return hashlib.sha1(repr((number, content)).encode()).hexdigest()

    def find(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The digest and the files of a revision, which is "main" or a digest."""
        commits = [self.commit(number) for number in range(len(self.versions))]
        if revision in ("main", ""):
            return commits[-1], self.versions[-1]
        return (revision, self.versions[commits.index(revision)]) if revision in commits else None


class Hub(ThreadingHTTPServer):
    """The server.

    Attributes:
        repositories: by USER/NAME.
        large: large files that were uploaded, by their digest.
        token: what a request must be authorised with to write, or to read what is private.
        failing: the status of all answers, if it is not 0.
        broken_route: a part of the paths whose requests fail.
        broken_after: bytes of a file after which the connection is closed, if it is not 0.
        requests: method and path of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.token = "secret"
        self.failing = self.broken_after = 0
        self.broken_route = ""
        self.requests: list[tuple[str, str]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """A client that goes away is no error."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append((self.command, path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.broken_route and self.server.broken_route in path:
            self.send(501, {"error": "the stand-in fails"})
            return
        if self.server.failing:
            self.send(self.server.failing, {"error": "the stand-in fails"})
            return
        for pattern, method in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and self.command in method.split("_")[0].upper().replace("GET", "GET HEAD"):
                getattr(self, method)(body, **found.groupdict())
                return
        self.send(404, {"error": f"no route {self.command} {path}"})

    @property
    def is_authorised(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.server.token}"

    def post_create(self, body: bytes) -> None:
        if not self.is_authorised:
            self.send(401, {"error": "Invalid credentials"})
            return
        wanted = json.loads(body)
        name = f"{wanted['organization']}/{wanted['name']}"
        is_new = name not in self.server.repositories
        if is_new:
            self.server.repositories[name] = Repository(wanted.get("visibility") == "private")
        self.send(200 if is_new else 409, {"url": f"{self.server.address}/{name}"})

    def post_card(self, body: bytes) -> None:
        yaml.safe_load(json.loads(body)["content"].split("---")[1])
        self.send(200, {"errors": [], "warnings": []})

    def post_preupload(self, body: bytes, name: str) -> None:
        names = [file["path"] for file in json.loads(body)["files"]]
        modes = {name: "lfs" if name.endswith(LARGE) else "regular" for name in names}
        self.send(200, {"files": [{"path": name, "shouldIgnore": False, "uploadMode": modes[name]} for name in names]})

    def post_batch(self, body: bytes, name: str) -> None:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.server.address}/upload/{one['oid']}"}}}
            for one in json.loads(body)["objects"]
        ]
        self.send(200, {"transfer": "basic", "objects": objects})

    def put_large(self, body: bytes, digest: str) -> None:
        assert hashlib.sha256(body).hexdigest() == digest
        self.server.large[digest] = body
        self.send(200, {})

    def post_commit(self, body: bytes, name: str) -> None:
        if not self.is_authorised:
            self.send(403, {"error": "Forbidden"})
            return
        repository = self.server.repositories[name]
        files = dict(repository.versions[-1])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        repository.versions.append(files)
        commit = repository.commit(-1 + len(repository.versions))
        self.send(200, {"commitUrl": f"{self.server.address}/{name}/commit/{commit}", "commitOid": commit})

    def get_info(self, body: bytes, name: str, revision: str = "main") -> None:
        found = self.find(name, revision)
        if found:
            siblings = [{"rfilename": file} for file in found[1]]
            self.send(200, {"id": name, "sha": found[0], "siblings": siblings, "private": False, "tags": []})

    def get_tree(self, body: bytes, name: str, revision: str) -> None:
        found = self.find(name, revision)
        if found:
            self.send(200, [entry(file, data) for file, data in found[1].items()])

    def get_file(self, body: bytes, name: str, revision: str, file: str) -> None:
        found = self.find(name, revision)
        if not found:
            return
        if file not in found[1]:
            self.send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        data = found[1][file]
        self.send(200, data, {"X-Repo-Commit": found[0], "ETag": f'"{hashlib.sha256(data).hexdigest()}"'})

    def find(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The files of a revision. If there is none, it is answered, and None."""
        repository = self.server.repositories.get(name)
        if repository is None or (repository.private and not self.is_authorised):
            self.send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        found = repository.find(revision)
        if found is None:
            self.send(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        return found

    def send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if isinstance(content, bytes) and 0 < self.server.broken_after < len(data):
            self.wfile.write(data[: self.server.broken_after])
            self.close_connection = True
            self.connection.shutdown(2)
            return
        for start in range(0, len(data), PIECE):
            self.wfile.write(data[start : start + PIECE])


def entry(name: str, data: bytes) -> dict[str, Any]:
    """A file as the list of files has it."""
    found: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
    if name.endswith(LARGE):
        found["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return found


NAME = r"(?P<name>[^/]+/[^/]+)"
ROUTES = (
    (r"/api/repos/create", "post_create"),
    (r"/api/validate-yaml", "post_card"),
    (rf"/api/(models|spaces)/{NAME}/preupload/[^/]+", "post_preupload"),
    (rf"/(spaces/)?{NAME}\.git/info/lfs/objects/batch", "post_batch"),
    (r"/upload/(?P<digest>[0-9a-f]+)", "put_large"),
    (rf"/api/(models|spaces)/{NAME}/commit/[^/]+", "post_commit"),
    (rf"/api/(models|spaces)/{NAME}/revision/(?P<revision>.+)", "get_info"),
    (rf"/api/(models|spaces)/{NAME}/tree/(?P<revision>[^/]+)", "get_tree"),
    (rf"/api/(models|spaces)/{NAME}", "get_info"),
    (rf"/(spaces/)?{NAME}/resolve/(?P<revision>[^/]+)/(?P<file>.+)", "get_file"),
)
