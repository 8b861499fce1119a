#!/usr/bin/env python3
"""Tests the server's page in a headless Chromium, with keyboard, mouse and screenshots.

    python3 Scripts/test_playground.py --ouro .build/release/ouro --browser chromium

Needs websocket-client; Scripts/test_playground.sh installs it and runs this. Every check is an assertion.
The page's contents are compared with the server's response to the same request. Screenshots go to --screenshots.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import sys
import tempfile
import urllib.parse

from browser import Browser, until
from running_server import KEY, Server

MODEL = pathlib.Path("Tests/OuroTests/Fixtures/code_lm")


# Reads the page. A column is a section; `column` counts from 0.
def column(n: int) -> str:
    return f"document.querySelectorAll('#columns section')[{n}]"


def shown(browser: Browser, n: int = 0) -> dict:
    return browser.js(f"""(() => {{
        const section = {column(n)}, tokens = [...section.querySelectorAll('.token')];
        return {{
            state: section.querySelector('.state').textContent, title: section.querySelector('strong').textContent,
            text: tokens.map(token => token.textContent).join(''), loops: tokens.map(token => +token.dataset.loop),
            colours: [...new Set(tokens.map(token => getComputedStyle(token).backgroundColor))],
            count: +section.querySelector('[data-f=count]').textContent,
            bars: [...section.querySelectorAll('svg rect')].map(bar => +bar.getAttribute('height')),
            drawn: Math.min(...[...section.querySelectorAll('svg rect')].map(bar => bar.getBoundingClientRect().height)),
        }}; }})()""")


def finished(browser: Browser, count: int = 1) -> list[dict]:
    browser.wait(f"document.querySelectorAll('#columns section').length === {count}")
    for n in range(count):
        browser.wait(f"/done|token limit|stopped|failed/.test({column(n)}.querySelector('.state').textContent)")
        # The page draws figures and chart in the next frame.
        browser.wait(f"+{column(n)}.querySelector('[data-f=count]').textContent === {column(n)}.querySelectorAll('.token').length")
    return [shown(browser, n) for n in range(count)]


def run(browser: Browser) -> None:
    """Starts the form by keyboard, from the text field."""
    browser.sent()
    browser.key_on("#prompt", "End")
    browser.press("Enter", modifiers=2)


def check_stream(browser: Browser, server: Server) -> None:
    """The first prompt runs automatically and streams. A slow connection makes the stream visible on every machine."""
    browser.call("Page.addScriptToEvaluateOnNewDocument", source="""
        window.growth = new Set();
        new MutationObserver(() => growth.add(document.querySelectorAll('.token').length))
            .observe(document, { childList: true, subtree: true });""")
    network = {"offline": False, "latency": 0, "uploadThroughput": -1}
    browser.call("Network.emulateNetworkConditions", downloadThroughput=40_000, **network)
    browser.open(server.url)
    answer = finished(browser)[0]
    browser.call("Network.emulateNetworkConditions", downloadThroughput=-1, **network)

    hosts = {urllib.parse.urlparse(request["url"]).netloc for request in browser.requests
             if not request["url"].startswith("data:")}
    assert hosts == {urllib.parse.urlparse(server.url).netloc}, hosts
    [(path, body)] = browser.sent()
    assert path == "/v1/completions" and body["stream"] and body["loop_details"], body
    growth = [count for count in browser.js("[...growth]") if count]
    assert len(growth) >= 4, f"tokens did not stream in: {growth}"
    assert answer["state"] == "done" and answer["count"] == len(answer["loops"]) > 20, answer
    assert len(set(answer["loops"])) >= 2 and len(answer["colours"]) == len(set(answer["loops"])), answer
    legend = browser.js("[...document.querySelectorAll('#legend span')].map(entry => entry.textContent)")
    assert legend == ["loop 1", "loop 2", "loop 3", "loop 4"], legend
    assert answer["bars"] == answer["loops"][-160:] and answer["drawn"] > 1, "the chart is not drawn"

    expected = json.loads(server.ask("/v1/completions", {**body, "stream": False}))["choices"][0]
    assert answer["text"] == expected["text"], (answer, expected)
    assert answer["loops"] == [token["exit_loop"] for token in expected["loops"]], expected
    check_tip(browser, expected)


def check_tip(browser: Browser, expected: dict) -> None:
    """A token shows its exit distribution and its alternatives, by mouse and by keyboard."""
    hidden = "document.querySelector('#tip').classList.contains('hidden')"
    browser.wait(hidden)
    deepest = max(range(len(expected["loops"])), key=lambda i: expected["loops"][i]["exit_loop"])

    def check(index: int) -> None:
        browser.wait("!" + hidden)
        tables = browser.js("""[...document.querySelectorAll('#tip table')].map(table =>
            [...table.rows].map(row => [row.cells[0].textContent, parseFloat(row.cells[row.cells.length - 1].textContent)]))""")
        token = expected["loops"][index]
        shares = token["exit_distribution"][:token["exit_loop"]]
        rows = {f"loop {i + 1}": share for i, share in enumerate(shares)}
        if len(shares) < 4:
            rows["later"] = 1 - sum(shares)
        assert [name for name, _ in tables[0]] == list(rows), tables
        assert all(abs(share - 100 * rows[name]) < 0.51 for name, share in tables[0]), (tables, rows)
        chances = [chance for _, chance in tables[1]]
        assert len(chances) >= 5 and chances == sorted(chances, reverse=True), tables
        own = browser.js("document.querySelector('#tip .own td').textContent")
        assert own == expected["logprobs"]["tokens"][index].replace(" ", "␣"), (own, index)
        head = browser.js("document.querySelector('#tip strong').textContent")
        assert head == f"left after loop {token['exit_loop']}", head

    browser.point(f".token:nth-of-type({deepest + 2})")  # The prompt is the first span.
    check(deepest)
    browser.point("#model")
    browser.wait(hidden)
    browser.js("document.querySelector('.token').focus()")
    check(0)
    browser.press("ArrowRight")
    browser.wait("document.activeElement === document.querySelectorAll('.token')[1]")
    check(1)
    browser.press("End")
    check(len(expected["loops"]) - 1)
    browser.press("Escape")
    browser.wait(hidden)


def check_keyboard(browser: Browser) -> None:
    """Tab reaches every control, and the focus is visible."""
    browser.js("document.activeElement.blur(); document.querySelector('#model').scrollIntoView(); getSelection().collapse(document.body, 0)")
    stops = []
    while len(stops) < 40:
        browser.press("Tab")
        stop = browser.js("""(() => {
            const node = document.activeElement, style = getComputedStyle(node);
            if (node === document.body) return null;
            return [node.id || node.name || node.className || node.textContent, style.outlineStyle, parseFloat(style.outlineWidth)];
        })()""")
        if stop is None or (stops and stop[0] == stops[0][0]):
            break
        stops.append(stop)
    examples = browser.js("[...document.querySelectorAll('#examples button')].map(button => button.textContent)")
    assert [name for name, _, _ in stops] == [
        "kind", "prompt", *examples, "loops", "threshold", "compare", "temperature", "tokens", "seed", "run", "token"], stops
    assert all(style != "none" and width >= 2 for _, style, width in stops), f"focus is not to be seen: {stops}"


def check_depth(browser: Browser) -> None:
    """The sliders change the request, and so the response."""
    for slider, key, name, value, loops in [
        ("#threshold", "End", "exit_threshold", 1, {4}), ("#threshold", "Home", "exit_threshold", 0, {1}),
        ("#loops", "Home", "loops", 1, {1}), ("#loops", "End", "loops", 8, {8}),
    ]:
        if (name, value) == ("loops", 8):
            browser.key_on("#threshold", "End")
        browser.key_on(slider, key)
        run(browser)
        answer = finished(browser)[0]
        [(_, body)] = browser.sent()
        assert body[name] == value, body
        assert set(answer["loops"]) == loops, (name, value, answer)
    entries = browser.js("[...document.querySelectorAll('#legend i')].map(entry => entry.getAttribute('style'))")
    assert len(set(entries)) == 8, f"the legend does not tell eight loops: {entries}"
    browser.key_on("#loops", "Home")
    for _ in range(3):
        browser.press("ArrowRight")


def check_comparison(browser: Browser, pictures: pathlib.Path) -> None:
    """Four arrows need four loops. A second column with one loop shows the difference."""
    browser.key_on("#compare", " ")
    browser.key_on("#loops2", "Home")
    browser.sent()
    browser.js("[...document.querySelectorAll('#examples button')].find(button => button.textContent === 'four arrows').focus()")
    browser.press("Enter")
    deep, flat = finished(browser, 2)
    assert sorted(body["loops"] for _, body in browser.sent()) == [1, 4]
    assert deep["title"] != flat["title"] and deep["state"] == flat["state"] == "done", (deep, flat)
    assert deep["text"] == "t" != flat["text"] and max(deep["loops"]) == 4 and set(flat["loops"]) == {1}, (deep, flat)
    boxes = browser.js("[...document.querySelectorAll('#columns section')].map(node => node.getBoundingClientRect().toJSON())")
    assert boxes[0]["right"] < boxes[1]["left"] and boxes[0]["top"] == boxes[1]["top"], boxes
    browser.type("#prompt", "Once upon a time there was")
    run(browser)
    finished(browser, 2)
    browser.js("document.activeElement.blur(); scrollTo(0, 0)")
    browser.picture(pictures / "comparison.png")
    browser.size(390, 844)
    check_width(browser)
    browser.size(1200, 800)
    browser.key_on("#compare", " ")


def check_chat(browser: Browser, server: Server) -> None:
    browser.key_on("[name=kind]:checked", "ArrowRight")
    browser.type("#prompt", "37+48=")
    run(browser)
    answer = finished(browser)[0]
    [(path, body)] = browser.sent()
    assert path == "/v1/chat/completions" and body["messages"] == [{"role": "user", "content": "37+48="}], body
    expected = json.loads(server.ask(path, {**body, "stream": False}))["choices"][0]
    assert answer["text"] == expected["message"]["content"] != "", (answer, expected)
    browser.point(".token")
    browser.wait("document.querySelectorAll('#tip table').length === 2 && document.querySelectorAll('#tip .own').length === 1")
    browser.key_on("[name=kind]:checked", "ArrowLeft")


def check_error(browser: Browser) -> None:
    browser.quiet()
    browser.type("#prompt", "x" * 1000)
    run(browser)
    browser.wait("!!document.querySelector('.error')")
    message = browser.js("document.querySelector('.error').textContent")
    assert "1000 tokens" in message and "512" in message, message
    assert shown(browser)["state"] == "failed"
    check_contrast(browser)
    browser.quiet("status of 400")


def check_looks(browser: Browser, pictures: pathlib.Path) -> None:
    """Checks both colour schemes, on a wide and on a narrow screen."""
    browser.open(browser.js("location.href"))
    finished(browser)
    browser.point('[data-loop="3"]')
    for scheme in ["light", "dark"]:
        browser.scheme(scheme)
        check_contrast(browser)
        browser.picture(pictures / f"{scheme}.png")
    for scheme in ["dark", "light"]:
        browser.scheme(scheme)
        browser.size(390, 844)
        check_width(browser)
    for place in range(2, 50):
        browser.point(f".token:nth-of-type({place})")
        box = browser.js("document.querySelector('#tip').getBoundingClientRect().toJSON()")
        assert 0 <= box["left"] < box["right"] <= 390 and 0 <= box["top"] < box["bottom"] <= 844, box
        lines = browser.js("Math.max(...[...document.querySelectorAll('#tip tr')].map(row => row.clientHeight))")
        assert lines < 30, f"lines of the tip are broken: {lines} px"
    browser.point("#model")
    browser.picture(pictures / "narrow.png", whole=True)
    browser.size(1200, 800)


def check_width(browser: Browser) -> None:
    width, seen = browser.js("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= seen, f"the page is {width} px wide, the window {seen}"


def check_contrast(browser: Browser) -> None:
    """Checks WCAG's contrast between every visible text and its background."""
    texts, bars = browser.js("""(() => {
        const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        const over = colours => {
            for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
            const light = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(c => c / 255)
                .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
        };
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
        while (walker.nextNode()) {
            const node = walker.currentNode.parentElement;
            if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest('script, :disabled')) continue;
            const behind = [];
            for (let at = node; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
            const back = over(behind), front = over([getComputedStyle(node).color]);
            found.push([(Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05), walker.currentNode.data.trim().slice(0, 40)]);
        }
        // Bars are graphics, of which WCAG asks 3:1.
        const card = getComputedStyle(document.querySelector('#form fieldset')).backgroundColor, paper = over([card]);
        const bars = [...document.querySelectorAll('#legend i')].map(entry => {
            const bar = over([card, getComputedStyle(entry).boxShadow.split(' 0px')[0]]);
            return (Math.max(bar, paper) + 0.05) / (Math.min(bar, paper) + 0.05);
        });
        return [found.sort((a, b) => a[0] - b[0]), bars];
    })()""")
    assert len(texts) > 30, texts
    assert texts[0][0] >= 4.5, f"too little contrast: {texts[:3]}"
    assert bars and min(bars) >= 3, f"colours of loops have too little contrast: {bars}"


def check_stop(browser: Browser, server: Server, most: int) -> None:
    """Long generations stop by button, by its key and by Escape, in the page and in the server."""
    browser.open(server.url)
    browser.wait("!document.querySelector('#keyBox').classList.contains('hidden')")
    browser.quiet("status of 401")
    browser.type("#key", KEY)
    browser.press("Enter")
    browser.wait("document.querySelectorAll('.token').length > 0")
    browser.press("Escape")
    browser.wait("document.querySelector('#stop').disabled")
    browser.key_on("#threshold", "End")
    browser.type("#tokens", str(most))

    def by_button() -> None:
        browser.point("#stop", click=True)

    def by_its_key() -> None:
        browser.press("Tab")
        assert browser.js("document.activeElement.id") == "stop"
        browser.press("Enter")
        assert browser.js("document.activeElement.id") == "run", "the focus got lost"

    def by_escape() -> None:
        browser.press("Escape")

    for stop in [by_button, by_its_key, by_escape]:
        until(lambda: server.metric("num_requests_running") == 0, "what ran before to end")
        before = server.metric("generation_tokens_total")
        browser.key_on("#run", "Enter")
        browser.wait("document.querySelectorAll('.token').length > 20 && !document.querySelector('#stop').disabled")
        stop()
        answer = finished(browser)[0]
        assert answer["state"] == "stopped" and 20 < answer["count"] < most, (stop, answer["state"], answer["count"])
        assert browser.js("document.querySelector('#stop').disabled")
        until(lambda: server.metric("num_requests_running") == 0, "the server to stop")
        made = server.metric("generation_tokens_total") - before
        assert answer["count"] <= made < most, f"{stop.__name__}: {made} tokens were made"


def check_absence(browser: Browser) -> None:
    """If the server is gone, the page shows an error."""
    browser.quiet()
    run(browser)
    browser.wait("document.querySelector('.error')?.textContent === 'The server does not answer.'")
    browser.quiet("ERR_CONNECTION_REFUSED")


def make_talker(folder: pathlib.Path, context: int) -> pathlib.Path:
    """Makes a model that generates until its token limit."""
    shutil.copytree(MODEL, folder)
    settings = json.loads((folder / "config.json").read_text())
    settings["max_position_embeddings"] = context
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ouro", default=".build/release/ouro")
    parser.add_argument("--browser", default="chromium")
    parser.add_argument("--screenshots", type=pathlib.Path, default=".build/playground-screenshots")
    args = parser.parse_args()
    args.screenshots.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        place = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        browser = Browser(args.browser, place / "profile")
        stack.callback(browser.close)
        browser.size(1200, 800)
        browser.scheme("light")

        server = Server(args.ouro)
        stack.callback(server.stop)
        check_stream(browser, server)
        check_keyboard(browser)
        check_depth(browser)
        check_comparison(browser, args.screenshots)
        check_chat(browser, server)
        browser.quiet()
        print("page: stream, tokens by loop, exit distributions, chart, keyboard, sliders, comparison, chat")
        check_error(browser)
        check_looks(browser, args.screenshots)
        browser.quiet()
        server.stop()
        check_absence(browser)
        print(f"page: errors in words, contrast, both schemes, 390 px; pictures in {args.screenshots}")

        talker = Server(args.ouro, "--model", str(make_talker(place / "talker", 32768)), "--api-key", KEY)
        stack.callback(talker.stop)
        check_stop(browser, talker, 30000)
        browser.quiet()
        print("page: key, stop")


if __name__ == "__main__":
    sys.exit(main())
