"""Checks the chat of the server's page: turns, thoughts, Markdown, depth on demand, settings."""

import json
import pathlib
import subprocess
import sys

from browser import Browser
from page import SHIFT, answer, check_contrast, check_width, examples, finished, is_hidden, send, set_field, shown, switch_to
from page_markdown import check_markdown, check_no_markup, check_stream_is_calm
from running_server import Server

ROOT = pathlib.Path(__file__).resolve().parent.parent

ANSWER = """# Sorting

Quick sort picks a *pivot* and **partitions** the rest, see [the article](https://en.wikipedia.org/wiki/Quicksort).

1. Choose a pivot.
2. Partition:
   - smaller elements
   - larger elements

```swift
func sort(_ numbers: [Int]) -> [Int] {
    guard let pivot = numbers.first else { return [] }
    let rest = numbers.dropFirst()
    return sort(rest.filter { $0 < pivot }) + [pivot] + sort(rest.filter { $0 >= pivot })  // <b>long</b>
}
```

| algorithm | average | worst |
| --- | --- | --- |
| quick sort | `n log n` | `n²` |
| merge sort | `n log n` | `n log n` |

<script>alert(1)</script> stays text, and so does [this](javascript:alert(1)).
"""
THOUGHTS = "The user wants to see Markdown. I show headings, lists, code and a table."

TEMPLATE = """{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}
{%- if enable_thinking is defined and enable_thinking -%}{{- '<think>\\n' -}}{%- endif -%}{%- endif -%}
"""


def make_thinker(folder: pathlib.Path) -> pathlib.Path:
    """Makes a model with random weights, a tokenizer of bytes, and a template that can ask for thoughts."""
    subprocess.run([sys.executable, ROOT / "Scripts/make_byte_tokenizer.py", folder], check=True)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    for mark in ["<think>", "</think>"]:
        index = len(tokenizer["model"]["vocab"])
        tokenizer["model"]["vocab"][mark] = index
        tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": index, "content": mark})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").unlink()
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    subprocess.run(
        [sys.executable, ROOT / "Benchmarks/make_random_checkpoint.py", folder, "--layers=2", "--hidden=64", "--heads=4",
         "--mlp=176", f"--vocabulary={len(tokenizer['model']['vocab'])}"], check=True, stdout=subprocess.DEVNULL)
    return folder


def script(browser: Browser, *parts: tuple[str, str]) -> None:
    browser.js(f"window.script = {json.dumps(parts) if parts else 'null'}")


def clipboard(browser: Browser) -> str:
    return browser.js("navigator.clipboard.readText()")


def copied(browser: Browser, selector: str) -> str:
    browser.js("navigator.clipboard.writeText('nothing')")
    browser.js(f"document.querySelector('{selector}').focus()")
    browser.press("Enter")
    browser.wait(f"document.querySelector('{selector}').textContent === 'Copied'")
    return clipboard(browser)


def check_chat(browser: Browser, server: Server, pictures: pathlib.Path) -> None:
    """With a model that has a template: ordinary prompts, chat first, depth off, thinking to choose."""
    browser.sent()
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.open(server.url)
    assert browser.sent() == [] and browser.js("document.querySelectorAll('.turn').length") == 0, "something ran by itself"
    assert browser.js("[document.querySelector('[name=kind]:checked').value, document.querySelector('#depth').checked]") == ["chat", False]
    assert browser.js(is_hidden("#legend")) and not browser.js(is_hidden("#thinkingBox"))
    assert examples(browser) and not {"four arrows", "brackets"} & set(examples(browser)), examples(browser)
    browser.picture(pictures / "chat-empty.png")
    check_turns(browser, server)
    check_thinking(browser, server)
    check_markdown(browser)
    check_stream_is_calm(browser)
    check_no_markup(browser)
    check_answer(browser, pictures)
    check_memory(browser, server)
    browser.quiet()


def check_turns(browser: Browser, server: Server) -> None:
    set_field(browser, "temperature", "1")
    set_field(browser, "seed", "7")
    set_field(browser, "max_tokens", "12")
    set_field(browser, "system", "Be brief.")
    system = {"role": "system", "content": "Be brief."}

    # Enter sends, Shift+Enter makes a line.
    browser.type("#prompt", "one")
    browser.press("Enter", modifiers=SHIFT)
    browser.call("Input.insertText", text="two")
    assert browser.sent() == [] and browser.js("document.querySelector('#prompt').value") == "one\ntwo"
    browser.press("Enter")
    first = finished(browser)[0]
    [(path, body)] = browser.sent()
    assert path == "/v1/chat/completions" and body["messages"] == [system, {"role": "user", "content": "one\ntwo"}], body
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (1, 7, 12) and "logprobs" not in body, body
    expected = json.loads(server.ask(path, {**body, "stream": False}))
    text = expected["choices"][0]["message"]["content"]
    assert first["state"] == "token limit" and first["count"] == 12, first
    assert browser.js(f"{answer(0)}.answer.text") == text, (first, text)
    assert first["context"].split()[0] == str(expected["usage"]["total_tokens"]), (first, expected["usage"])

    # The next turn sends the conversation.
    send(browser, "three")
    finished(browser, 2)
    [(_, body)] = browser.sent()
    history = [system, {"role": "user", "content": "one\ntwo"}, {"role": "assistant", "content": text}, {"role": "user", "content": "three"}]
    assert body["messages"] == history, body

    # Regenerating asks the same again. Only the last answer offers it.
    again = "[aria-label=\"Regenerate answer\"]"
    assert browser.js(f"[...document.querySelectorAll('{again}')].map(node => node.checkVisibility())") == [False, True]
    browser.click(again, -1)
    finished(browser, 2)
    [(_, body)] = browser.sent()
    assert body["messages"] == history, body
    assert browser.js("document.activeElement !== document.body"), "the focus got lost"

    # An edited answer is part of the conversation. Escape leaves a text as it was.
    browser.click("[aria-label=\"Edit answer\"]", 0)
    browser.type(".editor textarea", "An edited answer")
    browser.press("Escape")
    assert browser.js(f"{answer(0)}.answer.text") == text
    browser.click("[aria-label=\"Edit answer\"]", 0)
    browser.type(".editor textarea", "An edited answer")
    browser.press("Enter")
    assert shown(browser, 0)["whole"] == "An edited answer" and browser.sent() == []

    # An edited message cuts what came after it, and is answered.
    browser.click("[aria-label=\"Edit message\"]", 1)
    browser.type(".editor textarea", "four")
    browser.press("Enter")
    finished(browser, 2)
    [(_, body)] = browser.sent()
    assert body["messages"] == [*history[:2], {"role": "assistant", "content": "An edited answer"}, {"role": "user", "content": "four"}], body
    browser.click("[aria-label=\"Edit message\"]", 0)
    browser.type(".editor textarea", "zero")
    browser.press("Enter")
    finished(browser, 1)
    [(_, body)] = browser.sent()
    assert body["messages"] == [system, {"role": "user", "content": "zero"}], body
    browser.click("#fresh")
    assert browser.js("document.querySelectorAll('.turn').length") == 0


def check_thinking(browser: Browser, server: Server) -> None:
    """Thoughts are folded, apart from the answer, and as the server sends them."""
    set_field(browser, "max_tokens", "400")
    set_field(browser, "thinking", "off")
    send(browser, "hm")
    finished(browser)
    [(_, body)] = browser.sent()
    assert body["chat_template_kwargs"] == {"enable_thinking": False}, body
    set_field(browser, "thinking", "on")
    # A random model ends its thoughts by chance: take the first seed with which it does, and answers.
    for seed in range(60):
        body = {**body, "seed": seed, "stream": False, "chat_template_kwargs": {"enable_thinking": True}}
        message = json.loads(server.ask("/v1/chat/completions", body))["choices"][0]["message"]
        if message.get("reasoning_content") and message["content"].strip():
            break
    else:
        raise AssertionError("no seed ends the thoughts")
    browser.click("#fresh")
    set_field(browser, "seed", str(seed))
    send(browser, "hm")
    finished(browser)
    [(_, sent)] = browser.sent()
    assert sent["chat_template_kwargs"] == {"enable_thinking": True}, sent
    found = browser.js(f"""(() => {{ const node = {answer(0)};
        return [node.answer.thoughts, node.answer.text, node.querySelector('details').open, node.querySelector('summary').textContent]; }})()""")
    assert found[:3] == [message["reasoning_content"], message["content"], False], (found, message)
    assert found[3].startswith("Thoughts, "), found
    browser.click("#fresh")
    send(browser, "and now")
    finished(browser)
    for name in ["seed", "max_tokens", "temperature", "system", "thinking"]:
        set_field(browser, name, "")


def check_answer(browser: Browser, pictures: pathlib.Path) -> None:
    """A whole answer with thoughts, code and a table: what is shown, copied, coloured; on both screens and schemes."""
    browser.click("#fresh")
    script(browser, ("reasoning_content", THOUGHTS), ("content", ANSWER))
    send(browser, "How does quick sort work? Show code and a table.")
    found = finished(browser)[0]
    tokens = -(-len(THOUGHTS) // 4) - (-len(ANSWER) // 4)
    assert found["state"] == "done" and found["count"] == tokens and found["text"] == "", found
    assert found["speed"] == "50.0" and found["first"] == "41 ms" and found["context"].startswith(f"{40 + tokens} of "), found
    assert not found["hasChart"] and found["mean"] is None, "chat shows depth without being asked"
    assert browser.js("document.querySelectorAll('.answer script, .answer img, .answer [href^=javascript]').length") == 0
    for part in ["h3", "em", "strong", "a", "ol ul", "pre code", "table"]:
        assert browser.js(f"!!document.querySelector('.answer {part}')"), part
    assert browser.js("!document.querySelector('.thoughts').open")
    assert copied(browser, "[aria-label=\"Copy answer\"]") == ANSWER
    code = ANSWER.split("```swift\n")[1].split("\n```")[0]
    assert copied(browser, "[aria-label=\"Copy code\"]") == code
    assert copied(browser, "[aria-label=\"Copy message\"]").startswith("How does quick sort")
    # Pages of other hosts without TLS have no clipboard object.
    browser.js("Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })")
    browser.js("document.querySelector('[aria-label=\"Copy code\"]').textContent = 'Copy'")
    browser.key_on("[aria-label=\"Copy code\"]", "Enter")
    browser.wait("document.querySelector('[aria-label=\"Copy code\"]').textContent === 'Copied'")
    browser.js("delete navigator.clipboard")
    assert clipboard(browser) == code
    browser.js("document.activeElement.blur()")

    for scheme in ["light", "dark"]:
        browser.scheme(scheme)
        for width, height in [(1440, 900), (390, 844)]:
            browser.size(width, height)
            browser.wait(f"document.querySelector('#settings').hidden === {str(width < 900).lower()}")
            check_width(browser)
            check_contrast(browser)
            browser.picture(pictures / f"chat-{scheme}-{width}.png")
    browser.size(1200, 800)
    browser.scheme("light")

    # Depth on demand: the same answer, token by token, thoughts apart from it.
    set_field(browser, "threshold", "0.5")
    send(browser, "And again?")
    finished(browser, 2)
    browser.click("#depth")
    browser.wait(f"{answer(-1)}.querySelectorAll('.token').length === {tokens}")
    deep = shown(browser, -1)
    assert deep["text"] == THOUGHTS + ANSWER and deep["hasChart"] and len(deep["colours"]) == 4, deep
    assert not browser.js(is_hidden("#legend"))
    assert browser.js(f"[...{answer(-1)}.querySelectorAll('details .token')].map(t => t.textContent).join('')") == THOUGHTS
    plain = shown(browser, 0)  # It was made without exits, so its tokens have no colours.
    assert plain["bars"] == ["none"] and not plain["hasChart"], plain
    check_contrast(browser)
    browser.picture(pictures / "chat-depth.png")
    browser.click("#depth")
    browser.wait(f"{answer(-1)}.querySelectorAll('.token').length === 0 && !!{answer(-1)}.querySelector('h3')")
    assert browser.js(is_hidden("#legend"))
    script(browser)


def check_memory(browser: Browser, server: Server) -> None:
    """Settings and the conversation survive a reload. A reset forgets the settings, and New the conversation."""
    set_field(browser, "top_k", "40")
    set_field(browser, "top_p", "0.9")
    set_field(browser, "min_p", "0.05")
    set_field(browser, "temperature", "0.7")
    set_field(browser, "stop", "END\n\\n\\n")
    set_field(browser, "wavefront", "off")
    set_field(browser, "max_tokens", "3")
    browser.open(server.url)
    assert browser.js("document.querySelectorAll('.turn').length") == 4, "the reload ended the conversation"
    assert browser.js(f"{answer(0)}.answer.text") == ANSWER
    send(browser, "more")
    finished(browser, 3)
    [(_, body)] = browser.sent()
    assert len(body["messages"]) == 5 and body["messages"][1]["content"] == ANSWER, body
    assert body["stop"] == ["END", "\n\n"] and body["wavefront"] is False, body
    assert [body[name] for name in ["temperature", "top_p", "top_k", "min_p", "exit_threshold", "max_tokens"]] == [0.7, 0.9, 40, 0.05, 0.5, 3], body

    # A value that cannot be is not sent. The browser says what is wrong, at its field.
    browser.size(390, 844)
    browser.open(server.url)
    assert browser.js(is_hidden("#settings")), "on a phone the settings come first"
    browser.sent()
    set_field(browser, "temperature", "3")
    send(browser, "never sent")
    assert browser.sent() == [] and not browser.js(is_hidden("#settings")), "a wrong value was sent"
    assert browser.js("document.activeElement.name") == "temperature"
    check_width(browser)
    browser.size(1200, 800)

    browser.click("#reset")
    assert browser.js("[...document.querySelectorAll('#settings input[type=number]')].every(input => input.value === '')")
    assert browser.js("[localStorage.length, document.querySelector('#threshold').value]") == [0, "1"]
    browser.click("#fresh")
    browser.open(server.url)
    assert browser.js("document.querySelectorAll('.turn').length") == 0
    browser.sent()
    send(browser, "with defaults")
    browser.wait(f"{answer(0)}?.querySelector('.actions').checkVisibility()")
    browser.press("Escape")
    [(_, body)] = browser.sent()
    assert not {"temperature", "top_p", "top_k", "min_p", "stop", "seed", "max_tokens", "wavefront", "chat_template_kwargs"} & set(body), body
    finished(browser)


def check_plain_model(browser: Browser, server: Server) -> None:
    """A model without a template offers no chat and no thinking, only a box to complete."""
    assert browser.js("document.querySelector('[name=kind]:checked').value") == "completion"
    for selector in ["#kinds", "#thinkingBox", "[name=system]", "#fresh"]:
        assert browser.js(is_hidden(selector)), selector
    assert "a story" in examples(browser) and "four arrows" not in examples(browser), examples(browser)


def check_tiny_chat(browser: Browser, server: Server) -> None:
    """The bundled model can chat too. Its comparison in chat goes on with the first answer."""
    switch_to(browser, "chat")
    assert browser.js(is_hidden("#thinkingBox")) and "a sum" in examples(browser)
    set_field(browser, "compare", "on")
    set_field(browser, "loops2", "1")
    send(browser, "37+48=")
    one, two = finished(browser, 2)
    bodies = [body for _, body in browser.sent()]
    assert [body["loops"] for body in bodies] == [4, 1] and bodies[0]["seed"] == bodies[1]["seed"], bodies
    assert all(body["messages"] == [{"role": "user", "content": "37+48="}] for body in bodies)
    expected = [json.loads(server.ask("/v1/chat/completions", {**body, "stream": False}))["choices"][0]["message"]["content"] for body in bodies]
    assert [one["text"], two["text"]] == expected and expected[0], (one, two, expected)
    send(browser, "1+1=")
    finished(browser, 4)
    for _, body in browser.sent():
        assert body["messages"][1] == {"role": "assistant", "content": expected[0]}, body
    set_field(browser, "compare", "off")
    browser.click("#reset")
    switch_to(browser, "chat")
    browser.click("#fresh")
    switch_to(browser, "completion")
