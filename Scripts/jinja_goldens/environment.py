"""The environment in which Transformers renders chat templates, and the variables of the golden templates."""

import copy
import json
import re

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """Accepts `{% generation %}` pairs, like Transformers' extension."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_call"), [], [], body).set_lineno(line)

    def _call(self, caller):
        return caller()


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def make_environment():
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    return environment


# Keys are sorted, because the package sorts the keys of JSON objects.
CONTEXT = {
    "empty": "",
    "flag": True,
    "messages": [
        {"content": "You are Ouro.", "role": "system"},
        {"content": "  Hi there\n", "role": "user"},
        {"content": "Hello!", "role": "assistant"},
    ],
    "n": 7,
    "names": ["beta", "Alpha", "gamma", "alpha"],
    "nothing": None,
    "tool": {
        "name": "search",
        "parameters": {"properties": {"limit": {"type": "integer"}, "query": {"type": "string"}}},
    },
    "word": "h\u00e9llo w\u00f6rld \U0001f680",
    "x": 2.5,
}


class UnstableOutput(Exception):
    """The output depends on Python itself, so it is no measure."""


# What Python prints for iterators and for objects without a text of their own.
UNSTABLE = (
    "<generator", "<map", "<filter", " object at 0x", " at 0x", "dict_items(", "dict_keys(", "dict_values(",
    "<list_reverseiterator", "<dict_reverse", "<reversed", "range(", "<built-in", "<bound method", "<class",
    "<Namespace", "j)", "<Undefined", "<TemplateReference", "<function", "<tuple_", "<str_")


# The package's integers have 64 bits.
LONG_INTEGER = re.compile(r"(?<![\d.])(?:\d{20,}|9[3-9]\d{17})(?![\d.])")


def render(environment, template):
    """The output; None if the template fails.

    Raises UnstableOutput for a template whose output depends on Python itself.
    """
    try:
        text = environment.from_string(template).render(**copy.deepcopy(CONTEXT))
        text.encode()
    except RecursionError:
        raise UnstableOutput(template) from None
    except UnicodeEncodeError:
        raise UnstableOutput(template) from None
    except Exception:  # Whatever goes wrong in Python counts as a failure.
        return None
    if any(mark in text for mark in UNSTABLE) or LONG_INTEGER.search(text):
        raise UnstableOutput(template)
    return text
