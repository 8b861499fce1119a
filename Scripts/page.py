"""Reads and operates the server's page, for its tests."""

import json

from browser import Browser

SHIFT = 8

# Stands in for the server's answers with a script of (field, text) pairs, cut into tokens of four characters. The page
# sees a true stream of events. Without a script the requests go to the server.
SCRIPTED = """
window.script = null;
const trueFetch = window.fetch;
window.fetch = (path, options) => {
    if (!window.script || !String(path).startsWith('/v1/')) return trueFetch(path, options);
    window.scripted = JSON.parse(options.body);
    const pieces = window.script.flatMap(([field, text]) => text.match(/[\\s\\S]{1,4}/g).map(part => [field, part]));
    const events = pieces.map(([field, text], i) => ({ choices: [{
        index: 0, delta: { [field]: text }, finish_reason: i + 1 === pieces.length ? 'stop' : null,
        loops: [{ token_id: 1, text, exit_loop: 1 + i % 4, exit_distribution: [.1, .2, .3, .4], gate: [.1], passes: 2 * i + 2 }],
        ...(i + 1 === pieces.length ? { timings: { prompt_ms: 41.3, predicted_ms: 20 * (pieces.length - 1), passes: 2 * i + 2 } } : {}) }] }));
    events.push({ choices: [], usage: { prompt_tokens: 40, completion_tokens: pieces.length, total_tokens: 40 + pieces.length } });
    const lines = [...events.map(event => JSON.stringify(event)), '[DONE]'].map(event => 'data: ' + event + '\\n\\n');
    return Promise.resolve(new Response(new Blob(lines).stream()));
};
"""


def answer(n: int) -> str:
    """The nth answer on the page, counted from 0; -1 is the last."""
    return f"[...document.querySelectorAll('.log:not([hidden]) .answer')].at({n})"


def shown(browser: Browser, n: int = 0) -> dict:
    """What the page shows of an answer."""
    return browser.js(f"""(() => {{
        const node = {answer(n)}, tokens = [...node.querySelectorAll('.token')];
        const figure = name => node.querySelector(`[data-f=${{name}}]`)?.textContent ?? null;
        return {{
            state: node.dataset.state, title: node.querySelector('h2')?.textContent,
            text: tokens.map(token => token.textContent).join(''), loops: tokens.map(token => +token.dataset.loop),
            whole: node.answer.main.textContent, error: node.querySelector('.error')?.textContent,
            colours: [...new Set(tokens.map(token => getComputedStyle(token).backgroundColor))],
            bars: [...new Set(tokens.map(token => getComputedStyle(token).boxShadow))],
            parts: tokens.findIndex(token => token.classList.contains('parts')),
            count: +figure('count'), speed: figure('speed'), first: figure('first'), mean: figure('mean'), context: figure('context'),
            chart: [...node.querySelectorAll('svg rect')].map(bar => +bar.getAttribute('height')),
            hasChart: !node.querySelector('.chart').hidden,
            drawn: Math.min(...[...node.querySelectorAll('svg rect')].map(bar => bar.getBoundingClientRect().height)),
        }}; }})()""")


def finished(browser: Browser, count: int = 1) -> list[dict]:
    """Waits until the page has `count` answers, all at their end."""
    browser.wait(f"document.querySelectorAll('.log:not([hidden]) .answer').length === {count}")
    browser.wait("!document.body.hasAttribute('data-busy')")
    for n in range(count):
        browser.wait(f"{answer(n)}.dataset.state !== 'waiting'")
    return [shown(browser, n) for n in range(count)]


def send(browser: Browser, text: str) -> None:
    """Types a text into the composer and sends it with Enter."""
    browser.sent()
    browser.type("#prompt", text)
    browser.press("Enter")


def run(browser: Browser) -> None:
    """Sends the text that is in the composer."""
    browser.sent()
    browser.key_on("#prompt", "End")
    browser.press("Enter")


def example(browser: Browser, name: str) -> None:
    """Chooses an example by keyboard."""
    browser.sent()
    browser.js(f"[...document.querySelectorAll('#examples button')].find(button => button.textContent === {json.dumps(name)}).focus()")
    browser.press("Enter")


def examples(browser: Browser) -> list[str]:
    return browser.js("[...document.querySelectorAll('#examples button')].map(button => button.textContent)")


def set_field(browser: Browser, name: str, value: str) -> None:
    """Sets a setting as a user does, who fires the event of input."""
    browser.js(f"""(() => {{ const input = document.querySelector('#settings [name={name}]');
        if (input.type === 'checkbox') input.checked = {json.dumps(value)} === 'on'; else input.value = {json.dumps(value)};
        input.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()""")


def is_hidden(selector: str) -> str:
    return f"!document.querySelector('{selector}').checkVisibility()"


def switch_to(browser: Browser, kind: str) -> None:
    browser.click(f"[name=kind][value={kind}]")


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
        const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const behind = node => {
            const found = [];
            for (let at = node; at; at = at.parentElement) found.unshift(getComputedStyle(at).backgroundColor);
            return over(found);
        };
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
        while (walker.nextNode()) {
            const node = walker.currentNode.parentElement;
            if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest('script, :disabled')) continue;
            found.push([contrast(behind(node), over([getComputedStyle(node).color])), walker.currentNode.data.trim().slice(0, 40)]);
        }
        for (const field of document.querySelectorAll('input, textarea')) if (field.checkVisibility() && field.placeholder)
            found.push([contrast(behind(field), over([getComputedStyle(field, '::placeholder').color])), field.placeholder]);
        // Bars are graphics, of which WCAG asks 3:1.
        const paper = getComputedStyle(document.body).backgroundColor;
        const bars = [...document.querySelectorAll('#legend i')].map(entry =>
            contrast(over([paper, getComputedStyle(entry).boxShadow.split(' 0px')[0]]), over([paper])));
        return [found.sort((a, b) => a[0] - b[0]), bars];
    })()""")
    assert len(texts) > 3, texts
    assert texts[0][0] >= 4.5, f"too little contrast: {texts[:3]}"
    assert not bars or min(bars) >= 3, f"colours of loops have too little contrast: {bars}"
