"""Runs a server of this project, for checks that need one."""

import json
import re
import signal
import subprocess
import urllib.request

KEY = "secret"
PATIENCE = 90  # seconds until an answer that should have come has not; slow machines run this too


class Server:
    def __init__(self, ouro: str, *options: str):
        command = [ouro, "serve", "--port", "0", "--log-level", "error", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        assert line.startswith("Listening on "), line
        self.url = line.split()[-1]

    def ask(self, path: str, body: dict | None = None) -> str:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None)
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", "Bearer " + KEY)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def metric(self, name: str) -> float:
        values = re.findall(rf"^ouro_{name}(?:{{.*}})? (\S+)$", self.ask("/metrics"), re.MULTILINE)
        assert values, f"there is no metric {name}"
        return sum(map(float, values))

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout=40) == 0, "the server did not end well"
