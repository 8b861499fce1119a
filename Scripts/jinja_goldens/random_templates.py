"""Random templates: nested statements around random expressions."""

from .combinations import FILTERS, FORMATS, METHODS, OPERATORS, PERCENT, TESTS, TEXTS, VALUES

NAMES = ["n", "x", "word", "names", "messages", "tool", "flag", "empty", "nothing", "missing", "a", "b", "item"]


def expression(source, depth):
    kind = source.randrange(12 if depth > 0 else 3)
    if kind == 0:
        return source.choice(NAMES)
    if kind == 1:
        return source.choice(VALUES)
    if kind == 2:
        return source.choice(TEXTS)

    def inner():
        return expression(source, depth - 1)

    if kind == 3:
        return f"({inner()} | {source.choice(FILTERS)})"
    if kind == 4:
        return f"({inner()} is {source.choice(['', 'not '])}{source.choice(TESTS)})"
    if kind == 5:
        return f"({inner()}).{source.choice(METHODS)}"
    if kind == 6:
        # Powers and products of random numbers can keep Python busy for hours.
        operators = [operator for operator in OPERATORS if operator not in ("*", "**")]
        return f"({inner()} {source.choice(operators)} {inner()})"
    if kind == 7:
        return f"({inner()} if {inner()} else {inner()})"
    if kind == 8:
        return f"[{inner()}, {inner()}]"
    if kind == 9:
        bounds = [source.choice(["", "1", "-1", "2", "-3", "0"]) for _ in range(3)]
        # Jinja evaluates a slice of constants before it runs, by other rules than at run time.
        return f"{source.choice(NAMES)}[{':'.join(bounds)}]"
    if kind == 10:
        return f"({inner()})[{inner()}]"
    return source.choice([
        f"('{source.choice(PERCENT)}' % {inner()})", f"'{source.choice(FORMATS)}'.format({inner()})",
        f"{{'k': {inner()}, 'v': 1}}", f"({inner()}, 2)", f"(not {inner()})", f"(-{inner()})",
        f"{inner()} ~ {inner()}", f"m({inner()}, *[{inner()}], **{{'k': {inner()}}})",
    ])


def statements(source, depth, in_loop):
    return "".join(statement(source, depth, in_loop) for _ in range(source.randrange(1, 4)))


def statement(source, depth, in_loop):
    kind = source.randrange(14 if depth > 0 else 4)
    value = expression(source, 2)
    if kind <= 1:
        return "{{ " + value + " }}"
    if kind == 2:
        return source.choice(["text", " ", "\n", "<b>", "\n  ", "{# note #}", "{{- x -}}"])
    if kind == 3:
        name = source.choice(["a", "b", "item", "a, b", "ns.v", "x"])
        return "{% set " + name + " = " + value + " %}"

    body = statements(source, depth - 1, in_loop)
    if kind == 4:
        other = source.choice(["", "{% else %}" + statements(source, depth - 1, in_loop)])
        return "{% if " + value + " %}" + body + other + "{% endif %}"
    if kind in (5, 6):
        body = statements(source, depth - 1, True)
        inside = source.choice([
            "{{ loop.index }}", "{{ loop.last }}", "{{ loop.length }}", "{{ loop.changed(item) }}", "{{ loop.previtem }}",
            "{{ loop.cycle(1, 2) }}", "{{ loop.nextitem }}", "", ""])
        condition = source.choice(["", "", " if item", " if item is not none"])
        other = source.choice(["", "", "{% else %}none"])
        return "{% for item in " + value + condition + " %}" + inside + body + other + "{% endfor %}"
    if kind == 7:
        return "{% with a = " + value + ", b = a %}" + body + "{% endwith %}"
    if kind == 8:
        return "{% filter " + source.choice(FILTERS) + " %}" + body + "{% endfilter %}"
    if kind == 9:
        return "{% set " + source.choice(["a", "b", "a | upper"]) + " %}" + body + "{% endset %}"
    if kind == 10:
        return "{% call(item) m(" + value + ") %}" + statements(source, depth - 1, False) + "{% endcall %}"
    if kind == 11:
        inner = statements(source, depth - 1, False)
        return "{% macro q(a, b=1) %}" + inner + "{% endmacro %}{{ q(" + value + ") }}"
    if kind == 12:
        return "{% autoescape " + source.choice(["true", "false"]) + " %}" + body + "{% endautoescape %}"
    return "{%- if true -%}" + body + source.choice(["", "{% break %}" if in_loop else ""]) + "{%- endif %}"


def random_template(source):
    start = "{% set ns = namespace(v=0) %}{% macro m(a, b=2) %}{{ a }}{{ varargs }}{{ kwargs }}" \
        "{% if caller %}{{ caller(b) }}{% endif %}{% endmacro %}"
    return start + statements(source, 3, False)
