#!/usr/bin/env python3
"""Compares the public API of the library products with the lists in API/, and builds the documentation.

Reads the modules of the last debug build, so run `swift build` or `swift test` first.

  Scripts/check_api.py            fails if a list differs, a declaration has no comment, or DocC warns
  Scripts/check_api.py --update   writes the lists
"""
import argparse
import difflib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build" / "debug"
PRODUCTS = [
    "Ouro", "OuroConstraints", "OuroData", "OuroDefaultModel", "OuroEvaluation", "OuroHub", "OuroQuantisation",
    "OuroServer", "OuroTraining",
]
# These declarations need no comment: they come from a protocol or the compiler.
IMPLIED = re.compile(r"\.(hash\(into:\)|hashValue|==\(_:_:\)|!=\(_:_:\)|encode\(to:\)|init\(from:\)|"
                     r"makeAsyncIterator\(\)|Element|AsyncIterator)$")


def symbol_graph(module, folder):
    """Returns the public symbols of a module, from the compiler."""
    maps = [f"-fmodule-map-file={path}" for path in sorted(BUILD.glob("*.build/module.modulemap"))]
    target = json.loads(subprocess.check_output(["swift", "-print-target-info"]))["target"]["unversionedTriple"]
    command = ["swift", "symbolgraph-extract", "-module-name", module, "-I", str(BUILD / "Modules"), "-target", target,
               "-minimum-access-level", "public", "-skip-synthesized-members", "-output-dir", str(folder)]
    for option in maps:
        command += ["-Xcc", option]
    for path in ROOT.glob(".build/checkouts/*/Sources/*/include"):
        command += ["-Xcc", f"-I{path}"]
    subprocess.run(command, check=True)
    return json.loads((folder / f"{module}.symbols.json").read_text())["symbols"]


def declaration(symbol):
    return re.sub(r"\s+", " ", "".join(part["spelling"] for part in symbol["declarationFragments"]))


def documentation(folder, graphs):
    """Builds the articles together with the symbols. File links become `doc:` links."""
    catalogue = folder / "Ouro.docc"
    shutil.copytree(ROOT / "Sources/Ouro/Ouro.docc", catalogue)
    for article in catalogue.glob("*.md"):
        article.write_text(re.sub(r"\]\((\w+)\.md\)", r"](doc:\1)", article.read_text()))
    result = subprocess.run(
        ["docc", "convert", str(catalogue), "--additional-symbol-graph-dir", str(graphs), "--output-dir",
         str(folder / "archive"), "--fallback-display-name", "Ouro", "--fallback-bundle-identifier", "ouro",
         "--warnings-as-errors"], capture_output=True, text=True)
    return [] if result.returncode == 0 else (result.stdout + result.stderr).splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the lists instead of comparing them")
    update = parser.parse_args().update
    faults = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for module in PRODUCTS:
            graphs = folder / module
            graphs.mkdir()
            symbols = symbol_graph(module, graphs)
            lines = sorted(f"{'.'.join(s['pathComponents'])}: {declaration(s)}" for s in symbols)
            path = ROOT / "API" / f"{module}.txt"
            if update:
                path.parent.mkdir(exist_ok=True)
                path.write_text("\n".join(lines) + "\n")
            else:
                known = path.read_text().splitlines() if path.exists() else []
                faults += list(difflib.unified_diff(known, lines, f"API/{module}.txt", "this tree", lineterm="", n=0))
            for symbol in symbols:
                title = ".".join(symbol["pathComponents"])
                if "docComment" not in symbol and not IMPLIED.search("." + title):
                    faults.append(f"{module}: {title}: no comment")
        faults += documentation(folder, folder / "Ouro")
    for fault in faults:
        print(fault)
    if faults:
        sys.exit("the public API differs from the lists in API/, or is not documented; "
                 "`Scripts/check_api.py --update` writes the lists")


main()
