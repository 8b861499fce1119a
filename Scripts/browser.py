"""Controls a headless Chromium over its DevTools protocol. Needs websocket-client."""

import base64
import contextlib
import itertools
import json
import pathlib
import subprocess
import time
import urllib.parse
import urllib.request

import websocket

from running_server import PATIENCE


def until(is_so, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, f"waited {PATIENCE} s for: {what}"
        time.sleep(0.02)


class Browser:
    """One tab, over Chromium's DevTools protocol."""

    def __init__(self, program: str, profile: pathlib.Path):
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--hide-scrollbars",
             "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = profile / "DevToolsActivePort"
        until(lambda: found.exists() and found.read_text().count("\n") == 1, "Chromium to start")
        port = found.read_text().split()[0]

        def tabs() -> list[dict]:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as answer:
                return [target for target in json.load(answer) if target["type"] == "page"]

        until(tabs, "a tab")
        address = tabs()[0]["webSocketDebuggerUrl"]
        self.socket = websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)
        self.numbers = itertools.count(1)
        self.requests: list[dict] = []
        self.problems: list[str] = []
        for domain in ["Page", "Runtime", "Network", "Log"]:
            self.call(domain + ".enable")

    def call(self, method: str, **parameters) -> dict:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                assert "error" not in message, (method, message)
                return message["result"]
            if "method" in message:
                self.note(message["method"], message["params"])

    def note(self, method: str, event: dict) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(event["request"])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(event["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.problems.append(json.dumps(event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.problems.append(event["entry"]["text"] + " " + event["entry"].get("url", ""))

    def js(self, expression: str):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, (expression, answer)
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        until(lambda: self.js(expression), expression)

    def open(self, url: str) -> None:
        self.js("window.isLeft = true")
        self.call("Page.navigate", url=url)
        self.wait("!window.isLeft && document.readyState === 'complete' && (document.querySelector('#model')?.textContent ?? '…') !== '…'")
        self.call("Page.bringToFront")

    def press(self, key: str, modifiers: int = 0) -> None:
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36,
                 "ArrowLeft": 37, "ArrowRight": 39}
        text = {"Enter": "\r", " ": " "}.get(key, "")
        common = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes[key], "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, selector: str, text: str) -> None:
        self.js(f"document.querySelector('{selector}').focus(); document.querySelector('{selector}').select()")
        self.call("Input.insertText", text=text)

    def click(self, selector: str, nth: int = 0) -> None:
        """Clicks by script, where the place on the screen does not matter."""
        self.js(f"[...document.querySelectorAll('{selector}')].at({nth}).click()")

    def key_on(self, selector: str, key: str) -> None:
        self.js(f"document.querySelector('{selector}').focus()")
        self.press(key)

    def point(self, selector: str, click: bool = False) -> None:
        x, y = self.js(f"""(() => {{
            const node = document.querySelector('{selector}');
            node.scrollIntoView({{block: 'nearest'}});
            const box = node.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2]; }})()""")
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        if click:
            for kind in ["mousePressed", "mouseReleased"]:
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))")  # the page has noticed

    def scheme(self, name: str) -> None:
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path: pathlib.Path, whole: bool = False) -> None:
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def sent(self) -> list[tuple[str, dict]]:
        """Returns the generations that the page has requested since the last call."""
        found = [(urllib.parse.urlparse(request["url"]).path, json.loads(request["postData"]))
                 for request in self.requests if request["method"] == "POST"]
        self.requests.clear()
        return found

    def quiet(self, *expected: str) -> None:
        """Checks that there were no errors or warnings since the last call, except the expected ones."""
        unexpected = [problem for problem in self.problems if not any(part in problem for part in expected)]
        assert not unexpected, unexpected
        self.problems.clear()

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.call("Browser.close")
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
