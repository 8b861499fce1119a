"""Checks the Markdown of the server's page: what it shows, and that no text becomes markup."""

import json

from browser import Browser

# Texts and the page's nodes for them. Attributes of links and code blocks are checked by themselves, below.
CASES = {
    "plain & <b>x</b>": "<p>plain &amp; &lt;b&gt;x&lt;/b&gt;</p>",
    "a\nb\n\nc": "<p>a\nb</p><p>c</p>",
    "# T #\n## U\n###### six": "<h3>T</h3><h4>U</h4><h5>six</h5>",
    "**b** *i* ***bi*** __b__ _i_ ~~s~~":
        "<p><strong>b</strong> <em>i</em> <strong><em>bi</em></strong> <strong>b</strong> <em>i</em> <del>s</del></p>",
    "**a *b* c** snake_case_name a * b * c": "<p><strong>a <em>b</em> c</strong> snake_case_name a * b * c</p>",
    "**open and *more and `code": "<p>**open and *more and `code</p>",
    "`<i>` ``b`c`` `**x**`": "<p><code>&lt;i&gt;</code> <code>b`c</code> <code>**x**</code></p>",
    "\\*no\\* \\(a_b*c*d\\) $$x*y*z$$": "<p>*no* \\(a_b*c*d\\) $$x*y*z$$</p>",
    "- a\n- b\n  - c\n    1. d\n- e": "<ul><li>a</li><li>b<ul><li>c<ol><li>d</li></ol></li></ul></li><li>e</li></ul>",
    "1. a\n2. b\n\n3. c\n\ntext": "<ol><li>a</li><li>b</li><li>c</li></ol><p>text</p>",
    "3) x\n4) y": '<ol start="3"><li>x</li><li>y</li></ol>',
    "- a\n\n  more": "<ul><li><p>a</p><p>more</p></li></ul>",
    "> q\n> > r\n\ntext": "<blockquote><p>q</p><blockquote><p>r</p></blockquote></blockquote><p>text</p>",
    "---\n* * *": "<hr><hr>",
    "| a | b |\n|---|:-:|\n| 1 | `2` |\n| 3 |\n\nz":
        "<div><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td><code>2</code></td></tr>"
        "<tr><td>3</td><td></td></tr></tbody></table></div><p>z</p>",
    "```py\nx = 1 < 2\n\n# y\n```\nafter": "<pre>py|x = 1 &lt; 2\n\n# y</pre><p>after</p>",
    "text\n~~~\n```\n~~~": "<p>text</p><pre>|```</pre>",
    "```\nopen": "<pre>|open</pre>",
    "1. one\n   ```\n   code\n   ```\n2. two": "<ol><li>one<pre>|code</pre></li><li>two</li></ol>",
    "see https://a.org/x. [t](https://b.org/a_(b)) [**u**](http://c.org)":
        '<p>see <a href="https://a.org/x">https://a.org/x</a>. '
        '<a href="https://b.org/a_(b)">t</a> <a href="http://c.org/"><strong>u</strong></a></p>',
    "[x](javascript:alert(1)) [y](data:text/html,z) [z](/path) ![p](file:///etc/passwd)":
        "<p>[x](javascript:alert(1)) [y](data:text/html,z) [z](/path) ![p](file:///etc/passwd)</p>",
}

# Texts that cost a careless reader quadratic time or deep recursion. All of their letters must still be there.
HOSTILE = {
    "`": "`x `` ``` " * 20_000, "*": "*a " * 50_000, "**": "**a* " * 30_000, "[": "[" * 100_000, "](": "[a](" * 30_000, ">": "> " * 50_000 + "x",
    "list": "".join(" " * i + "- a\n" for i in range(600)), "_": "_a" * 60_000, "url": "http://" * 20_000, "#": "# x" + "#" * 50_000 + " x",
    "blank": "- a\n" + "\n" * 100_000 + "x", "rule": "-" + " -" * 50_000 + "x", "()": "[a](http://x" + "(a)" * 30_000,
    "|": "|x" * 50_000 + "\n" + "|-" * 50_000,
}

NODES = """(text => {
    const root = document.createElement('div');
    markdown(root, text);
    for (const block of root.querySelectorAll('.code')) {
        const pre = document.createElement('pre');
        pre.textContent = block.querySelector('span').textContent + '|' + block.querySelector('code').textContent;
        block.replaceWith(pre);
    }
    for (const node of root.querySelectorAll('*')) for (const { name } of [...node.attributes])
        if (!['href', 'start'].includes(name)) node.removeAttribute(name);
    return root.innerHTML;
})"""


def check_markdown(browser: Browser) -> None:
    for text, expected in CASES.items():
        found = browser.js(f"{NODES}({json.dumps(text)})")
        assert found == expected, f"{text!r}:\n{found}\nexpected:\n{expected}"
    link = browser.js("""(() => { const root = document.createElement('div');
        markdown(root, 'https://a.org');
        return [root.querySelector('a').rel, root.querySelector('a').target]; })()""")
    assert link == ["noopener noreferrer", "_blank"], link
    for name, text in HOSTILE.items():
        whole, letters = browser.js(f"""(text => {{ const d = document.createElement('div'); markdown(d, text);
            const letters = text => text.replace(/[^ax]/g, '').length;
            return [letters(text), letters(d.textContent)]; }})({json.dumps(text)})""")
        assert whole == letters or name == "|", (name, whole, letters)


def check_stream_is_calm(browser: Browser) -> None:
    """While a text grows, the blocks before its last one keep their nodes, so a selection and the focus stay."""
    kept = browser.js("""(() => {
        const root = document.createElement('div'), text = '# A\\n\\none **two**\\n\\n```\\nx\\n```\\n\\nlast par';
        markdown(root, text);
        const before = [...root.children];
        markdown(root, text + 'agraph\\n\\n- item');
        return [before.length, before.filter((node, i) => root.children[i] === node).length, root.children.length]; })()""")
    assert kept == [4, 3, 5], kept


def check_no_markup(browser: Browser) -> None:
    """The browser itself refuses to parse texts as HTML on this page, by its policy."""
    refused = browser.js("""(() => { try { document.createElement('div').innerHTML = '<b>x</b>'; return false; }
        catch (error) { return error instanceof TypeError; } })()""")
    assert refused, "the page may parse HTML"
    browser.quiet("TrustedHTML", "Trusted Type", "trusted-types")
