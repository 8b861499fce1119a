#!/usr/bin/env python3
"""Writes Tests/JinjaTests/Fixtures/jinja_golden.json: the output of Python's Jinja for small templates.

The environment has the settings that Transformers uses for chat templates. Needs jinja2 3.1.6.
"""

import json
import pathlib
import random

import jinja2

from jinja_goldens import language, snippets
from jinja_goldens.combinations import combinations, eager_environment
from jinja_goldens.environment import CONTEXT, UnstableOutput, make_environment, render

# How many of the combined templates the file has. `fuzz_jinja.py` tries all of them.
COMBINATION_COUNT = 900


def main():
    environment = make_environment()
    cases, failing = [], []
    for template in snippets.SNIPPETS + snippets.WHOLE + language.SNIPPETS + language.WHOLE:
        text = render(environment, template)
        if text is None:
            raise SystemExit(f"fails: {template!r}")
        cases.append({"template": template, "text": text})
    for template in snippets.FAILING + language.FAILING:
        text = render(environment, template)
        if text is not None:
            raise SystemExit(f"does not fail: {template!r} -> {text!r}")
        failing.append(template)

    environment = eager_environment()
    templates = sorted(combinations())
    random.Random(1).shuffle(templates)
    chosen = 0
    for template in templates:
        try:
            text = render(environment, template)
        except UnstableOutput:
            continue
        # Two cases of three render, because an error shows less than a text.
        if text is None and len(failing) * 2 > len(cases):
            continue
        if text is None:
            failing.append(template)
        else:
            cases.append({"template": template, "text": text})
        chosen += 1
        if chosen == COMBINATION_COUNT:
            break

    path = pathlib.Path(__file__).parent.parent / "Tests/JinjaTests/Fixtures/jinja_golden.json"
    lines = [f'{{"jinja2": {json.dumps(jinja2.__version__)},', f' "context": {json.dumps(CONTEXT)},', ' "cases": [']
    lines.append(",\n".join("  " + json.dumps(case) for case in cases))
    lines += [" ],", ' "failing": [', ",\n".join("  " + json.dumps(template) for template in failing), " ]", "}"]
    path.write_text("\n".join(lines) + "\n")
    print(len(cases), "cases,", len(failing), "failing")


if __name__ == "__main__":
    main()
