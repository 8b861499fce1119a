#!/usr/bin/env python3
"""Checks the rules that a machine can check, and prints every violation. CONTRIBUTING.md explains them."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What each target may import. A new dependency is a decision: change this table in the same commit.
SYSTEM = {"Foundation", "FoundationNetworking", "FoundationXML", "Synchronization", "Glibc", "Musl", "Darwin", "Dispatch"}
IMPORTS = {
    "Jinja": set(),
    "Ouro": {"Jinja", "OuroKernels"},
    "OuroConstraints": {"Ouro"},
    "OuroPlots": set(),
    "OuroData": {"Ouro"},
    "OuroDefaultModel": {"Ouro"},
    "OuroHub": {"Ouro", "OuroHubC"},
    "OuroQuantisation": {"Ouro", "OuroKernels"},
    "OuroBenchmark": {"Ouro", "OuroKernels"},
    "OuroEvaluation": {"Ouro", "OuroData", "OuroPlots"},
    # A training plan predicts its time from the machine's limits, which the benchmark measures.
    "OuroTraining": {"Ouro", "OuroBenchmark", "OuroData", "OuroKernels", "OuroPlots", "Yams"},
    "OuroServer": {
        "Ouro", "OuroConstraints", "HTTPTypes", "Logging", "NIOCore", "NIOHTTP1", "NIOPosix"},
    "OuroCLI": {
        "Ouro", "OuroBenchmark", "OuroConstraints", "OuroData", "OuroDefaultModel", "OuroEvaluation", "OuroHub",
        "OuroQuantisation", "OuroServer", "OuroTraining", "ArgumentParser", "Logging"},
}

MOST_LINES = 500

# Files of the hot path must not import Foundation. These may, for work outside a pass: loading, threads, libm.
HOT = ["Sources/Ouro/Model", "Sources/Ouro/Cache", "Sources/Ouro/Decoding"]
HOT_WITH_FOUNDATION = {
    "Sources/Ouro/Decoding/ExitPolicy.swift": "exp of the C library",
    "Sources/Ouro/Model/CPU/RotaryEmbedding.swift": "sine and cosine of the C library",
    "Sources/Ouro/Model/CPU/TokenSelection.swift": "exp and log of the C library",
    "Sources/Ouro/Model/CPU/LoadedModel.swift": "folders are URLs",
    "Sources/Ouro/Model/CPU/WorkerPool.swift": "threads and conditions",
}

# Allowed calls that end the process. Each one means a programming error or a lack of memory, never a bad input.
TRAP = re.compile(r"\b(try!|as!|fatalError\(|preconditionFailure\(|precondition\()")
TRAPS = {
    "Sources/Ouro/Chat/ChatTemplate.swift": "the library's own template",
    "Sources/Ouro/Checkpoint/MappedFile.swift": "a range that the caller has checked against the file's size",
    "Sources/Ouro/Model/CPU/CPUMemory.swift": "a number that was freed, or a position that was not reserved",
    "Sources/Ouro/Support/FloatBuffer.swift": "memory ran out after sizes were checked",
    "Sources/OuroBenchmark/ScheduleTrial.swift": "a semaphore that was signalled without a value",
    "Sources/OuroData/Documents/TokenDocument.swift": "two arrays that belong together",
    "Sources/OuroData/Random/IndexPermutation.swift": "an index that the caller has checked",
    "Sources/OuroData/Shards/ShardChecksum.swift": "a size that the format fixes",
    "Sources/OuroData/Shards/TokenDataset.swift": "an index that the caller has checked",
    "Sources/OuroData/Shards/TokenShard.swift": "an index that the caller has checked",
    "Sources/OuroTraining/TrainableModel.swift": "two models that are made together",
}

# Swift's collections take other spellings of the same characters for one string; Python does not. The caller's variables
# are the exception.
INEXACT = re.compile(r"Set<String>|(?<!context: )(?<!_ context: )\[String: ")
EXACT = "Sources/Jinja/"

# One parser and one writer of JSON: Sources/Ouro/Support/JSON.
FOREIGN_JSON = re.compile(r"\b(JSONDecoder|JSONEncoder|JSONSerialization|Decodable|Encodable|Codable)\b")

# Names from files are compared by bytes: ExactDictionary or ExactString, never String as a key. Swift takes strings with
# different bytes for one if they look alike.
EXACT_NAMES = ["Sources/Ouro/Checkpoint", "Sources/Ouro/Tokenizer", "Sources/OuroHub", "Sources/OuroServer"]
STRING_KEYS = re.compile(r"\[String: |\bSet<String>")
STRING_KEYS_ALLOWED = {
    "Sources/Ouro/Checkpoint/CheckpointWriter.swift": "metadata that the caller writes in the code",
    "Sources/Ouro/Checkpoint/SafetensorsWriter.swift": "metadata that the caller writes in the code",
    "Sources/OuroHub/HubSettings.swift": "the environment",
    "Sources/OuroServer/Middleware.swift": "a set of paths that are all ASCII",
    "Sources/OuroServer/ServerMetrics.swift": "counters for names that the server makes",
}

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
IMPORT = re.compile(
    r"^\s*(?:@\w+ |public |package |internal )*import (?:struct |class |func |enum |protocol )?(\w+)", re.MULTILINE)


def code(text):
    """Removes comments and the contents of string literals."""
    text = re.sub(r'"""(?:.|\n)*?"""', '""', text)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    return re.sub(r"//.*", "", text)


# Documents: links lead to files and headings that exist, on the hosting site and in DocC.
ARTICLES = "Sources/Ouro/Ouro.docc"
LANDING = ARTICLES + "/Ouro.md"
LINK = re.compile(r"\]\(([^)\s]+)\)")
WEB = re.compile(r"[a-z][a-z0-9+.-]*:")


def prose(text):
    """Removes code from a document."""
    return re.sub(r"`+[^`\n]*`+", "", re.sub(r"^( *)```.*?^\1```", "", text, flags=re.DOTALL | re.MULTILINE))


def anchors(text):
    """The anchors of a document's headings, as the hosting site makes them."""
    text = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(path, name):
    """Returns the faults of a document's links."""
    faults = []
    text = prose(path.read_text())
    if "<doc:" in text:
        faults.append(f"{name}: a link with doc:, which the hosting site does not know; link to the file")
    for target in LINK.findall(text):
        file, _, anchor = target.partition("#")
        if WEB.match(target):
            if target.startswith("doc:"):
                faults.append(f"{name}: the link {target} is for DocC only; link to the file")
            continue
        found = path.parent / file if file else path
        if not found.exists():
            faults.append(f"{name}: the link {target} leads to no file")
        elif anchor and anchor not in anchors(found.read_text()):
            faults.append(f"{name}: the link {target} leads to no heading")
        elif name.startswith(ARTICLES + "/") and (anchor or found.parent != path.parent):
            # The conversion for DocC knows only the names of articles and pictures beside them.
            faults.append(f"{name}: the link {target} does not work in DocC; link to an article or a picture beside it")
    return faults


def check_documents():
    """Returns the faults of all documents."""
    faults = []
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("[A-Z]*/**/*.md")]):
        name = str(path.relative_to(ROOT))
        if "/Fixtures/" not in name:
            faults += check_links(path, name)
    listed = LINK.findall((ROOT / LANDING).read_text())
    for path in sorted((ROOT / ARTICLES).glob("*.md")):
        if path.name not in listed and path != ROOT / LANDING:
            faults.append(f"{LANDING}: {path.name} is not listed under Topics")
    return faults + check_recipe_reference()


def check_recipe_reference():
    """Returns a fault for each recipe field that the reference does not describe."""
    reference = (ROOT / ARTICLES / "Recipes.md").read_text()
    fields = set()
    for path in ROOT.glob("Sources/OuroTraining/Recipe/*.swift"):
        for names in re.findall(r"allow\(only: \[(.*?)\]\)", path.read_text(), re.DOTALL):
            fields.update(re.findall(r'"(\w+)"', names))
    faults = [f"{ARTICLES}/Recipes.md: the field `{field}` has no row in a table"
              for field in sorted(fields) if f"| `{field}` |" not in reference]
    return faults if fields else ["Scripts/check_house.py finds no fields of recipes"]


def main():
    faults = check_documents()
    for path in sorted(ROOT.glob("Sources/**/*")):
        if path.suffix not in {".swift", ".c", ".h", ".inc"}:
            continue
        name, text = str(path.relative_to(ROOT)), path.read_text()
        count = text.count("\n")
        if count > MOST_LINES:
            faults.append(f"{name}: {count} lines; cut it into files of one idea, {MOST_LINES} lines at most")
        if UNFINISHED.search(text):
            faults.append(f"{name}: a mark of unfinished work; finish it or open an issue")
        if path.suffix != ".swift":
            continue
        if name.startswith(EXACT) and INEXACT.search(code(text)):
            faults.append(f"{name}: a collection finds strings in Swift's way; use ExactString")
        target = path.relative_to(ROOT / "Sources").parts[0]
        imports = set(IMPORT.findall(text))
        for module in sorted(imports - SYSTEM - IMPORTS.get(target, set())):
            faults.append(f"{name}: {target} may not import {module}; its list is in Scripts/check_house.py")
        if any(name.startswith(folder + "/") for folder in HOT) and "Foundation" in imports \
                and name not in HOT_WITH_FOUNDATION:
            faults.append(f"{name}: a file on the hot path imports Foundation")
        for word in sorted(set(FOREIGN_JSON.findall(code(text)))):
            faults.append(f"{name}: {word}; use JSONValue, Fields and JSONOutput")
        if any(name.startswith(folder + "/") for folder in EXACT_NAMES) and STRING_KEYS.search(code(text)) \
                and name not in STRING_KEYS_ALLOWED:
            faults.append(f"{name}: String as a key; use ExactDictionary or ExactString, or list the file with a reason")
        for trap in sorted(set(TRAP.findall(code(text)))):
            if name not in TRAPS:
                faults.append(f"{name}: {trap.rstrip('(')} ends the process; throw an OuroError, or list the file with a reason")
    for path in sorted(ROOT.glob("Sources/*")):
        if any(path.glob("**/*.swift")) and path.name not in IMPORTS:
            faults.append(f"Sources/{path.name}: a target without a list of imports in Scripts/check_house.py")
    for name in [*HOT_WITH_FOUNDATION, *TRAPS, *STRING_KEYS_ALLOWED]:
        if not (ROOT / name).exists():
            faults.append(f"Scripts/check_house.py lists {name}, which does not exist")
    for fault in faults:
        print(fault)
    if faults:
        sys.exit(1)


main()
