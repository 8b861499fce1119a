#!/usr/bin/env python3
"""Tests the server's page in a headless Chromium, with keyboard, mouse and screenshots.

    python3 Scripts/test_playground.py --ouro .build/release/ouro --browser chromium

Needs websocket-client and numpy; Scripts/test_playground.sh installs them and runs this. Every check is an assertion.
The page's contents are compared with the server's response to the same request. Screenshots go to --screenshots.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import sys
import tempfile
import urllib.error
import urllib.parse

from browser import Browser, until
from page import (
    SCRIPTED, answer, check_contrast, check_width, example, examples, finished, is_hidden, run, send, set_field, shown,
    switch_to)
from page_chat import check_chat, check_plain_model, check_tiny_chat, make_thinker
from running_server import KEY, Server

MODEL = pathlib.Path("Tests/OuroTests/Fixtures/code_lm")
STORY = "Once upon a time there was"


def check_start(browser: Browser, server: Server) -> None:
    """Nothing runs before the user asks. The bundled model gets its own examples, as completions with depth."""
    browser.open(server.url)
    browser.wait("!!document.querySelector('#examples button')")
    assert browser.sent() == [] and browser.js("document.querySelectorAll('.answer').length") == 0
    assert browser.js("document.querySelector('#model').textContent") == "ouro-tiny · 4 loops · 512 tokens of context"
    assert browser.js("[document.querySelector('[name=kind]:checked').value, document.querySelector('#depth').checked]") == ["completion", True]
    assert examples(browser) == ["a story", "two arrows", "four arrows", "a sum", "brackets", "copy"], examples(browser)
    assert browser.js("document.querySelector('#prompt').value") == ""


def check_stream(browser: Browser, server: Server) -> None:
    """An example runs when it is chosen, and streams. A slow connection makes the stream visible on every machine."""
    browser.js("""
        window.growth = new Set();
        new MutationObserver(() => growth.add(document.querySelectorAll('.token').length))
            .observe(document, { childList: true, subtree: true });""")
    network = {"offline": False, "latency": 0, "uploadThroughput": -1}
    browser.call("Network.emulateNetworkConditions", downloadThroughput=40_000, **network)
    browser.js("document.querySelector('#examples button').focus()")
    browser.press("Enter")
    found = finished(browser)[0]
    browser.call("Network.emulateNetworkConditions", downloadThroughput=-1, **network)

    hosts = {urllib.parse.urlparse(request["url"]).netloc for request in browser.requests
             if not request["url"].startswith("data:")}
    assert hosts == {urllib.parse.urlparse(server.url).netloc}, hosts
    [(path, body)] = browser.sent()
    assert path == "/v1/completions" and body["stream"] and body["loop_details"] and body["prompt"] == STORY, body
    assert body["max_tokens"] == 160 and body["logprobs"] == 5 and "temperature" not in body, body
    growth = [count for count in browser.js("[...growth]") if count]
    assert len(growth) >= 4, f"tokens did not stream in: {growth}"
    assert found["state"] == "done" and found["count"] == len(found["loops"]) > 20, found
    assert len(set(found["loops"])) >= 2 and len(found["colours"]) == len(set(found["loops"])), found
    legend = browser.js("[...document.querySelectorAll('#legend span')].map(entry => entry.textContent)")
    assert legend == ["loop 1", "loop 2", "loop 3", "loop 4"], legend
    assert found["hasChart"] and found["chart"] == found["loops"][-160:] and found["drawn"] > 1, "the chart is not drawn"

    expected = json.loads(server.ask("/v1/completions", {**body, "stream": False}))
    choice = expected["choices"][0]
    assert found["text"] == choice["text"] and found["whole"] == STORY + choice["text"], (found["whole"], choice["text"])
    assert found["loops"] == [token["exit_loop"] for token in choice["loops"]], found["loops"]
    assert found["mean"] == f"{expected['usage']['loops']['mean_exit_loop']:.2f}", (found, expected["usage"])
    assert found["context"] == f"{expected['usage']['total_tokens']} of 512", found
    # The server's own time, which the slow connection does not change.
    n, timings = browser.js(f"[{answer(0)}.answer.tokens.length, {answer(0)}.answer.timings]")
    assert timings["passes"] == browser.js(f"{answer(0)}.answer.tokens.at(-1).passes") and timings["prompt_ms"] > 0, timings
    assert abs(float(found["speed"]) - (n - 1) / timings["predicted_ms"] * 1000) < 0.06, (found["speed"], n, timings)
    check_tip(browser, choice)


def check_tip(browser: Browser, expected: dict) -> None:
    """A token shows its exit distribution and its alternatives, by mouse and by keyboard."""
    hidden = "document.querySelector('#tip').hidden"
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
    """Tab reaches every control, the focus is visible, and every control has a name."""
    browser.js("document.activeElement.blur(); document.querySelector('#model').scrollIntoView(); getSelection().collapse(document.body, 0)")
    stops = []
    while len(stops) < 60:
        browser.press("Tab")
        stop = browser.js("""(() => {
            const node = document.activeElement;  // Some controls show their focus on what is around them.
            const style = getComputedStyle(node.matches('.switch input') ? node.parentElement : node.id === 'prompt' ? node.closest('.box') : node);
            if (node === document.body) return null;
            const visible = node.id === 'prompt' ? style.borderColor === getComputedStyle(document.querySelector('#send')).backgroundColor
                : style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
            return [node.id || node.name || node.classList[0] || node.textContent, visible];
        })()""")
        if stop is None or (stops and stop[0] == stops[0][0]):
            break
        stops.append(stop)
    names = [name for name, _ in stops]
    assert names == [
        "kind", "depth", "fold", "loops", "threshold", "compare", "wavefront", "temperature", "top_p", "top_k", "min_p", "max_tokens",
        "seed", "stop", "reset", "token", "small", "small", *examples(browser), "prompt", "send"], names
    assert all(visible for _, visible in stops), f"focus is not to be seen: {stops}"
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    unnamed = [node["role"]["value"] for node in nodes if not node.get("ignored") and not node.get("name", {}).get("value")
               and node.get("role", {}).get("value") in {"button", "textbox", "checkbox", "radio", "slider", "spinbutton", "combobox", "radiogroup"}]
    assert not unnamed, f"controls without a name: {unnamed}"


def check_depth(browser: Browser) -> None:
    """The sliders change the request, and so the response."""
    for slider, key, name, value, loops in [
        ("#threshold", "Home", "exit_threshold", 0, {1}), ("#threshold", "End", "exit_threshold", 1, {4}),
        ("#loops", "Home", "loops", 1, {1}), ("#loops", "End", "loops", 8, {8}),
    ]:
        browser.key_on(slider, key)
        run(browser)
        found = finished(browser)[0]
        [(_, body)] = browser.sent()
        assert body[name] == value, body
        assert set(found["loops"]) == loops, (name, value, found)
        # Where no token could exit, colours would tell nothing.
        legend = browser.js("document.querySelector('#legend').textContent")
        if value == 0:
            assert found["hasChart"] and found["bars"] != ["none"] and "loop 1" in legend, (found, legend)
        else:
            assert not found["hasChart"] and found["bars"] == ["none"] and found["colours"] == ["rgba(0, 0, 0, 0)"], found
            assert legend == f"No exits: every token runs {body['loops']} loops.", legend
    browser.key_on("#threshold", "Home")
    entries = browser.js("[...document.querySelectorAll('#legend i')].map(entry => entry.getAttribute('style'))")
    assert len(set(entries)) == 8, f"the legend does not tell eight loops: {entries}"
    browser.click("#depth")
    assert browser.js(is_hidden("#legend")) and shown(browser)["bars"] == ["none"]
    browser.js("document.querySelector('.token').dispatchEvent(new MouseEvent('mouseover', { bubbles: true }))")
    assert browser.js("document.querySelector('#tip').hidden"), "a tip without depth"
    browser.click("#depth")
    browser.click("#reset")


def check_comparison(browser: Browser, pictures: pathlib.Path) -> None:
    """Four arrows need four loops. A second column with one loop shows the difference, and where it begins."""
    browser.key_on("#compare", " ")
    browser.key_on("#loops2", "Home")
    example(browser, "four arrows")
    deep, flat = finished(browser, 2)
    bodies = [body for _, body in browser.sent()]
    assert [body["loops"] for body in bodies] == [4, 1] and bodies[0]["seed"] == bodies[1]["seed"], bodies
    assert deep["title"] != flat["title"] and deep["state"] == flat["state"] == "done", (deep, flat)
    assert deep["text"] == "t" != flat["text"] and max(deep["loops"]) == 4 and set(flat["loops"]) == {1}, (deep, flat)
    check_difference(browser, deep, flat)
    boxes = browser.js("[...document.querySelectorAll('.answer')].map(node => node.getBoundingClientRect().toJSON())")
    assert boxes[0]["right"] < boxes[1]["left"] and boxes[0]["top"] == boxes[1]["top"], boxes
    send(browser, STORY)
    check_difference(browser, *finished(browser, 2))
    browser.js("document.activeElement.blur(); scrollTo(0, 0)")
    browser.picture(pictures / "comparison.png")
    browser.size(390, 844)
    check_width(browser)
    browser.size(1200, 800)
    browser.key_on("#loops2", "Home")
    for _ in range(3):
        browser.press("ArrowRight")
    browser.key_on("#threshold", "End")
    run(browser)
    same = finished(browser, 2)
    assert same[0]["text"] == same[1]["text"] and same[0]["parts"] == same[1]["parts"] == -1, same
    assert browser.js("document.querySelector('.difference').textContent") == "The two texts are equal."
    browser.click("#reset")
    assert not browser.js("document.querySelector('#compare').checked")


def check_difference(browser: Browser, one: dict, two: dict) -> None:
    """The page marks the first tokens that differ. Tokens of this model are bytes."""
    texts = [one["text"], two["text"]]
    at = next((i for i, (a, b) in enumerate(zip(*texts)) if a != b), min(map(len, texts)))
    assert one["parts"] == two["parts"] == at, (one["parts"], two["parts"], at, texts)
    assert browser.js("document.querySelector('.difference').textContent") == f"The texts part at token {at + 1}."


def check_continue(browser: Browser) -> None:
    """A text that met its limit goes on from there."""
    set_field(browser, "max_tokens", "5")
    send(browser, STORY)
    first = finished(browser)[0]
    assert first["state"] == "token limit" and first["count"] == 5, first
    browser.sent()
    browser.click("[aria-label=\"Continue this text\"]")
    browser.wait("!document.body.hasAttribute('data-busy')")
    [(_, body)] = browser.sent()
    assert body["prompt"] == STORY + first["text"], body
    set_field(browser, "max_tokens", "")


def check_error(browser: Browser, server: Server, pictures: pathlib.Path) -> None:
    """The server's message stands where the user looks, also after a wall of text."""
    browser.quiet()
    for kind, width, height in [("completion", 1200, 800), ("completion", 390, 844), ("chat", 390, 844), ("chat", 1200, 800)]:
        browser.size(width, height)
        switch_to(browser, kind)
        browser.click("#fresh")
        send(browser, "word " * 400)
        failed = finished(browser)[0]
        assert failed["state"] == "failed" and failed["count"] == 0, failed
        [(path, body)] = browser.sent()
        try:
            raise AssertionError(f"the server takes a prompt that is too long: {server.ask(path, body)[:200]}")
        except urllib.error.HTTPError as refusal:
            message = json.load(refusal)["error"]["message"]
        assert failed["error"] == message and "512" in message, (failed["error"], message)
        browser.wait(f"""(() => {{ const box = {answer(0)}.querySelector('.error').getBoundingClientRect();
            return box.top >= 0 && box.bottom <= document.querySelector('#composer').getBoundingClientRect().top; }})()""")
        for name in ["Copy answer", "Edit answer", "Continue this text"]:
            selector = f".log:not([hidden]) [aria-label=\\'{name}\\']"
            assert browser.js(f"[...document.querySelectorAll('{selector}')].every(node => !node.checkVisibility())"), name
        check_contrast(browser)
        check_width(browser)
        browser.picture(pictures / f"error-{kind}-{width}.png")
    browser.click("#fresh")
    switch_to(browser, "completion")
    browser.quiet("status of 400")


def check_looks(browser: Browser, pictures: pathlib.Path) -> None:
    """Checks both colour schemes, on a wide and on a narrow screen."""
    browser.open(browser.js("location.href"))
    example(browser, "a story")
    finished(browser)
    for scheme in ["light", "dark"]:
        browser.scheme(scheme)
        browser.point('[data-loop="3"]')
        check_contrast(browser)
        browser.picture(pictures / f"{scheme}.png")
    for scheme in ["dark", "light"]:
        browser.scheme(scheme)
        browser.size(390, 844)
        check_width(browser)
        check_contrast(browser)
    assert browser.js(is_hidden("#settings")), "the settings hide the text on a phone"
    # A focused token is neither behind the composer nor without its tip, when the page had to scroll for it.
    browser.size(390, 460)
    for key in ["End", "Home", "End"]:
        browser.js("document.activeElement.token || document.querySelector('.token').focus()")
        browser.press(key)
        browser.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))")
        token, composer = browser.js("""[document.activeElement, document.querySelector('#composer')]
            .map(node => node.getBoundingClientRect().toJSON())""")
        assert 0 <= token["top"] and token["bottom"] <= composer["top"], (key, token, composer)
        assert not browser.js("document.querySelector('#tip').hidden"), f"{key}: scrolling closed the tip"
    browser.size(390, 844)
    for place in range(2, 50):
        browser.point(f".token:nth-of-type({place})")
        browser.wait("!document.querySelector('#tip').hidden")
        box = browser.js("document.querySelector('#tip').getBoundingClientRect().toJSON()")
        assert 0 <= box["left"] < box["right"] <= 390 and 0 <= box["top"] < box["bottom"] <= 844, box
        lines = browser.js("Math.max(...[...document.querySelectorAll('#tip tr')].map(row => row.clientHeight))")
        assert lines < 30, f"lines of the tip are broken: {lines} px"
    browser.point("#model")
    browser.picture(pictures / "narrow.png", whole=True)
    browser.click("#fold")
    assert not browser.js(is_hidden("#settings")) and browser.js("document.querySelector('#fold').getAttribute('aria-expanded')") == "true"
    check_width(browser)
    check_contrast(browser)
    browser.picture(pictures / "narrow-settings.png")
    browser.size(1200, 800)
    browser.click("#fold")
    check_centre(browser, "#composer")
    check_centre(browser, ".answer")
    browser.click("#fold")


def check_key(browser: Browser, server: Server, pictures: pathlib.Path) -> None:
    """The page asks for the key, says at once if it is wrong, and tells nothing of a model that it does not know."""
    browser.open(server.url)
    browser.wait("document.querySelector('#keyBox').checkVisibility()")
    browser.quiet("status of 401")
    for selector in ["#legend", "#composer", "#tools", "#settings", "#keyError"]:
        assert browser.js(is_hidden(selector)), selector
    assert "loop" not in browser.js("document.body.innerText").lower()
    browser.type("#key", "wrong")
    browser.press("Enter")
    browser.wait("document.querySelector('#keyError').checkVisibility()")
    assert browser.js("document.querySelector('#keyError').textContent") == "The server refused this key. Check it and try again."
    assert browser.js("[document.activeElement.id, document.querySelector('#key').getAttribute('aria-invalid')]") == ["key", "true"]
    check_contrast(browser)
    check_centre(browser, "#keyBox")
    browser.picture(pictures / "key.png")
    browser.quiet("status of 401")
    browser.type("#key", KEY)
    browser.press("Enter")
    browser.wait("document.querySelector('#composer').checkVisibility()")
    assert browser.js(is_hidden("#keyBox"))
    assert KEY not in json.dumps(browser.js("({ ...localStorage })")), "the key outlives its tab"
    # A key that stops working while the page is open says so too.
    browser.js("sessionStorage.setItem('ouro-key', 'old')")
    send(browser, "let")
    browser.wait("document.querySelector('#keyError').checkVisibility()")
    browser.quiet("status of 401")
    browser.type("#key", KEY)
    browser.press("Enter")
    browser.wait("document.querySelector('#composer').checkVisibility()")


def check_centre(browser: Browser, selector: str) -> None:
    """Without the settings, the page is in the middle of the window."""
    left, right = browser.js(f"""(() => {{ const box = document.querySelector('{selector}').getBoundingClientRect();
        return [box.left, innerWidth - box.right]; }})()""")
    assert abs(left - right) < 2, (selector, left, right)


def check_stop(browser: Browser, server: Server, most: int) -> None:
    """Long generations stop by button, by its key and by Escape, in the page and in the server."""
    set_field(browser, "max_tokens", str(most))

    def by_button() -> None:
        browser.point("#stop", click=True)

    def by_its_key() -> None:
        browser.js("document.querySelector('#stop').focus()")
        browser.press("Enter")
        assert browser.js("document.activeElement.id") == "prompt", "the focus got lost"

    def by_escape() -> None:
        browser.press("Escape")

    for stop in [by_button, by_its_key, by_escape]:
        until(lambda: server.metric("num_requests_running") == 0, "what ran before to end")
        before = server.metric("generation_tokens_total")
        send(browser, "public func ")
        browser.wait("document.querySelectorAll('.token').length > 20 && document.querySelector('#stop').checkVisibility()")
        assert browser.js(is_hidden("#send"))
        stop()
        found = finished(browser)[0]
        assert found["state"] == "stopped" and 20 < found["count"] < most, (stop, found["state"], found["count"])
        assert browser.js(is_hidden("#stop")) and not browser.js(is_hidden("#send"))
        until(lambda: server.metric("num_requests_running") == 0, "the server to stop")
        made = server.metric("generation_tokens_total") - before
        assert found["count"] <= made < most, f"{stop.__name__}: {made} tokens were made"


def check_absence(browser: Browser) -> None:
    """If the server is gone, the page shows an error, and offers to try again."""
    browser.quiet()
    run(browser)
    browser.wait("document.querySelector('.answer .error')?.textContent === 'The server does not answer.'")
    browser.click("#fold")
    browser.js("begin()")
    browser.wait("document.querySelector('#absent').checkVisibility()")
    assert browser.js("document.querySelector('#absent').innerText").startswith("The server does not answer."), "no reason"
    browser.sent()
    browser.click("#retry")
    browser.wait("document.querySelector('#absent').checkVisibility()")
    assert any(request["url"].endswith("/props") for request in browser.requests), "it did not try again"
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
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=SCRIPTED)

        server = Server(args.ouro)
        stack.callback(server.stop)
        check_start(browser, server)
        check_stream(browser, server)
        check_keyboard(browser)
        check_depth(browser)
        check_comparison(browser, args.screenshots)
        check_continue(browser)
        check_tiny_chat(browser, server)
        browser.quiet()
        print("page: start, stream, tokens by loop, exit distributions, chart, keyboard, sliders, comparison")
        check_error(browser, server, args.screenshots)
        check_looks(browser, args.screenshots)
        browser.quiet()
        server.stop()
        check_absence(browser)
        print(f"page: errors in words, contrast, both schemes, 390 px; pictures in {args.screenshots}")

        thinker = Server(args.ouro, "--model", str(make_thinker(place / "thinker")))
        stack.callback(thinker.stop)
        check_chat(browser, thinker, args.screenshots)
        print("page: conversation, thoughts, Markdown, copies, depth on demand, settings")

        talker = Server(args.ouro, "--model", str(make_talker(place / "talker", 32768)), "--api-key", KEY)
        stack.callback(talker.stop)
        check_key(browser, talker, args.screenshots)
        check_plain_model(browser, talker)
        check_stop(browser, talker, 30000)
        browser.quiet()
        print("page: key, a model without a template, stop")


if __name__ == "__main__":
    sys.exit(main())
