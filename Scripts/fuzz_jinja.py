#!/usr/bin/env python3
"""Compares this package's Jinja module with Python's Jinja on many templates that are made at random.

Writes the templates with Jinja's output to a file, and runs the golden tests with it. Needs jinja2 3.1.6 and Swift.

    Scripts/fuzz_jinja.py --count 5000 --seed 7
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import tempfile

import jinja2

from jinja_goldens.combinations import combinations, eager_environment
from jinja_goldens.environment import CONTEXT, UnstableOutput, render
from jinja_goldens.random_templates import random_template


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=5000, help="random templates (default: 5000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random templates (default: 0)")
    parser.add_argument("--all-combinations", action="store_true", help="try also all combined templates")
    parser.add_argument("--skip-build", action="store_true", help="use the tests as they were built last")
    options = parser.parse_args()

    environment = eager_environment()
    source = random.Random(options.seed)
    templates = {random_template(source) for _ in range(options.count)}
    if options.all_combinations:
        templates |= combinations()
    golden = {"jinja2": jinja2.__version__, "context": CONTEXT, "cases": [], "failing": []}
    for template in sorted(templates):
        try:
            text = render(environment, template)
        except UnstableOutput:
            continue
        if text is None:
            golden["failing"].append(template)
        else:
            golden["cases"].append({"template": template, "text": text})
    print(len(golden["cases"]), "cases,", len(golden["failing"]), "failing", flush=True)

    root = pathlib.Path(__file__).resolve().parent.parent
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(golden, file)
        file.flush()
        command = ["swift", "test", "--filter", "JinjaTests.GoldenTests"]
        if options.skip_build:
            command.append("--skip-build")
        result = subprocess.run(command, cwd=root, env={**os.environ, "OURO_JINJA_GOLDEN": file.name}, check=False)
    raise SystemExit(result.returncode)


if __name__ == "__main__":
    main()
