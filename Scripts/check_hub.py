#!/usr/bin/env python3
"""Compares `ouro download` with Hugging Face's Python client: each must find the other's downloads in the cache.

Serves a model folder on this machine with the hub's protocol, without other network access. Needs huggingface_hub.

    python3 Scripts/check_hub.py --ouro .build/debug/ouro --model Tests/OuroTests/Fixtures/code_lm
    python3 Scripts/check_hub.py --model Tests/OuroTests/Fixtures/code_lm --serve 8090   # for manual tests
"""

import argparse
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "org/model"


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: pathlib.Path
    bytes_per_second = 0

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def files(self):
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file())

    def answer(self, with_body):
        path = self.path.split("?")[0]
        resolve = f"/{NAME}/resolve/"
        if path.startswith(f"/api/models/{NAME}/tree/"):
            entries = [self.entry(name) for name in self.files()]
            return self.send(200, {"content-type": "application/json"}, json.dumps(entries).encode(), with_body)
        if path == f"/api/models/{NAME}" or path.startswith(f"/api/models/{NAME}/revision/"):
            info = {"id": NAME, "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.files()]}
            return self.send(200, {"content-type": "application/json"}, json.dumps(info).encode(), with_body)
        if not path.startswith(resolve):
            return self.send(404, {"x-error-code": "RepoNotFound"}, b"", with_body)
        name = path[len(resolve):].partition("/")[2]
        if name not in self.files():
            return self.send(404, {"x-error-code": "EntryNotFound"}, b"", with_body)
        content = (self.folder / name).read_bytes()
        entry = self.entry(name)
        etag = entry.get("lfs", {}).get("oid") or entry["oid"]
        headers = {"etag": f'"{etag}"', "x-repo-commit": COMMIT, "accept-ranges": "bytes"}
        requested = self.headers.get("range")
        if requested:
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
            headers["content-range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self.send(206, headers, content[start:], with_body)
        return self.send(200, headers, content, with_body)

    def entry(self, name):
        content = (self.folder / name).read_bytes()
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry = {"type": "file", "path": name, "size": len(content), "oid": oid}
        if name.endswith(".safetensors"):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        return entry

    def send(self, status, headers, body, with_body):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if not with_body:
            return
        step = self.bytes_per_second // 10 or len(body) or 1
        for start in range(0, len(body), step):
            self.wfile.write(body[start:start + step])
            if self.bytes_per_second:
                time.sleep(0.1)


def start(folder, port=0):
    Hub.folder = folder
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Hub)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def run(*command, **environment):
    result = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stdout}{result.stderr}")
    return result.stdout.strip()


def check(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: found {found!r}, expected {expected!r}")
    print(f"ok: {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="folder to serve")
    parser.add_argument("--ouro", help="the program")
    parser.add_argument("--serve", type=int, metavar="PORT", help="only serve, until interrupted")
    parser.add_argument("--bytes-per-second", type=int, default=0, help="slow down")
    arguments = parser.parse_args()
    Hub.bytes_per_second = arguments.bytes_per_second
    server = start(arguments.model.resolve(), arguments.serve or 0)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    if arguments.serve:
        print(f"HF_ENDPOINT={endpoint} serves {NAME}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return
    fetch = "import sys, huggingface_hub; print(huggingface_hub.snapshot_download(sys.argv[1], revision=sys.argv[2]))"
    names = sorted(p.name for p in arguments.model.iterdir() if p.suffix in (".json", ".safetensors", ".jinja"))
    with tempfile.TemporaryDirectory() as theirs, tempfile.TemporaryDirectory() as ours:
        folder = run(sys.executable, "-c", fetch, NAME, "main", HF_HOME=theirs, HF_ENDPOINT=endpoint)
        offline = {"HF_HOME": theirs, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "1"}
        run(arguments.ouro, "inspect", "--model", NAME, **offline)
        run(arguments.ouro, "inspect", "--model", f"{NAME}@{COMMIT}", **offline)
        print("ok: what their client downloaded is found offline")
        report = json.loads(run(arguments.ouro, "download", NAME, "--json", HF_HOME=theirs, HF_ENDPOINT=endpoint))
        check("nothing of it is fetched again", report["fetched_bytes"], 0)
        check("the folder is the same", report["folder"].rstrip("/"), folder)

        folder = run(arguments.ouro, "download", NAME, HF_HOME=ours, HF_ENDPOINT=endpoint)
        offline = {"HF_HOME": ours, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "1"}
        for revision in ["main", COMMIT]:
            found = run(sys.executable, "-c", fetch, NAME, revision, **offline)
            check(f"their client finds offline what was downloaded here, by {revision}", found, folder.rstrip("/"))
        check("all files are there", sorted(n for n in os.listdir(folder) if n in names), names)
        for name in names:
            same = (pathlib.Path(folder) / name).read_bytes() == (arguments.model / name).read_bytes()
            check(f"{name} has the same bytes", same, True)
        scan = "import huggingface_hub as h; i = h.scan_cache_dir(); print([str(w) for w in i.warnings], [r.repo_id for r in i.repos])"
        check("their client finds no fault in the cache", run(sys.executable, "-c", scan, HF_HOME=ours), f"[] ['{NAME}']")


if __name__ == "__main__":
    main()
