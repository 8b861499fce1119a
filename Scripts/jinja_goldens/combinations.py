"""Templates made by combining values with filters, tests, methods, operators and formats."""

import itertools

from .environment import make_environment

# Filters and functions that are lazy in Python. The package makes lists, so the oracle does as well.
LAZY = ["map", "select", "reject", "selectattr", "rejectattr", "unique", "batch", "slice", "items", "reverse"]


def eager_environment():
    environment = make_environment()

    def eager(function):
        def call(*arguments, **named):
            result = function(*arguments, **named)
            return result if isinstance(result, str) else list(result)

        for mark in ("jinja_pass_arg", "jinja_async_variant"):
            if hasattr(function, mark):
                setattr(call, mark, getattr(function, mark))
        return call

    for name in LAZY:
        environment.filters[name] = eager(environment.filters[name])
    limited = environment.globals["range"]
    environment.globals["range"] = lambda *arguments: list(limited(*arguments))
    return environment


VALUES = [
    "'hello world'", "\"it's <b> & 'q'\"", "''", "'a-b c_d  e'", "'42'", "'\u00e9e\u0301\u212aK'", "'l\\nm\\r\\n\\nn\\tz'",
    "'\u0391\u03a3 \u00df\u01c6\u0130'", "42", "-7", "0", "2.5", "-0.0", "1e20", "12345.678", "true", "none", "missing",
    "[3, 1, 2]", "['b', 'A', 'c', 'a']", "(1, 'x')", "{'b': 1, 'A': 2}", "messages", "('<i>'|e)", "[]", "{}",
    "[{'k': 'x', 'v': 2}, {'k': 'X', 'v': 1}, {'v': 3}]", "[[1, 2], [0, 5]]", "[none, none]",
]

TEXTS = [
    "'hello world'", "''", "'a,b,,c'", "'  pad\\t'", "'Hello-World foo'", "'\u00e9e\u0301\u0301x'", "'12'", "'\u00b2\u0663'", "'-42'",
    "'l\\nm\\r\\n\\nn'", "'aXbXc'", "('<i>x'|e)", "'\u03a3\u0391\u03a3 \u03a3'", "'a\\tbc\\td'", "'\u01c5'", "'{}|{0}'",
]

FILTERS = """
abs
attr('upper')
attr('role')
batch(2)
batch(2, 'fill')
batch(0)
capitalize
center
center(9)
center(10)
default('d')
default('d', true)
dictsort
dictsort(true)
dictsort(by='value')
dictsort(reverse=true)
escape
e
filesizeformat
filesizeformat(true)
first
float
float(1.5)
forceescape
format
format(1)
format('x', 2)
format(name='z')
groupby('k')
groupby('k', default='d')
groupby('k', case_sensitive=true)
groupby('role')
groupby(0)
indent
indent(2, true)
indent('>', blank=true)
int
int(-1)
int(base=16)
int(0, 0)
items
join
join(', ')
join(attribute='k')
join('<', 'role')
last
length
count
list
lower
map('upper')
map(attribute='k')
map(attribute='k', default='none')
map('default', 'q')
map('nothing')
max
min
max(attribute='v')
min(case_sensitive=true)
reject('odd')
reject
rejectattr('k')
replace('l', 'L')
replace('l', '<', 1)
replace('', '.')
reverse
round
round(1)
round(-1)
round(2, 'floor')
round(1, 'ceil')
round(1, 'other')
safe
select('string')
select('in', ['b', 1])
selectattr('k', 'eq', 'x')
selectattr('v', '>', 1)
slice(2)
slice(3, 'f')
slice(0)
sort
sort(true)
sort(case_sensitive=true)
sort(attribute='v')
sort(attribute='v,k')
string
striptags
sum
sum(start=10)
sum(attribute='v')
title
tojson
tojson(indent=1)
trim
trim('hld')
truncate(8)
truncate(8, true)
truncate(6, false, '!', 0)
truncate(2)
unique
unique(true)
unique(attribute='k')
upper
urlencode
urlize
wordcount
wordwrap(5)
wordwrap(4, false)
wordwrap(3, true, '|')
wordwrap(5, break_on_hyphens=false)
xmlattr
xmlattr(false)
""".split("\n")[1:-1]

TESTS = """
boolean
callable
defined
divisibleby 2
divisibleby(0)
eq 42
escaped
even
false
filter
float
ge 2
gt 'a'
in [3, 'b', 42]
in 'hello world!'
integer
iterable
le 2.5
lower
lt 10
mapping
ne none
none
number
odd
sameas none
sameas true
sequence
string
test
true
undefined
upper
nothing
""".split("\n")[1:-1]

METHODS = """
capitalize()
casefold()
center(11)
center(10, '*')
count('l')
count('')
count('l', 3)
endswith('d')
endswith(('x', 'c'))
endswith('o', 0, 5)
expandtabs()
expandtabs(3)
find('o')
find('o', 5)
find('', 3)
find('X', -2)
format(1, 'b')
format(x=1)
index('o')
index('zz')
isalnum()
isalpha()
isascii()
isdecimal()
isdigit()
isidentifier()
islower()
isnumeric()
isprintable()
isspace()
istitle()
isupper()
join(['a', '<'])
join('ab')
join([1])
ljust(12)
ljust(12, '.')
lower()
lstrip()
lstrip('ha')
partition(',')
partition(' ')
partition('')
removeprefix('he')
removesuffix('c')
replace('l', 'LL')
replace('X', '<', 1)
replace('', '-')
rfind('o')
rfind('l', 0, 3)
rindex('l')
rjust(12)
rjust(12, '\u00e9')
rpartition(',')
rsplit()
rsplit(',', 1)
rsplit('X')
rstrip()
split()
split(',')
split(none, 1)
split(' ', maxsplit=1)
split('')
splitlines()
splitlines(true)
startswith('h')
startswith('l', 2)
strip()
strip('hd')
swapcase()
title()
upper()
zfill(6)
nothing()
""".split("\n")[1:-1]

OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "~", "and", "or"]

OPERANDS = [
    "0", "1", "-3", "2.5", "-0.5", "true", "'ab'", "''", "'%s!'", "'\u00e9'", "'e\u0301'", "none", "missing", "[1, 2]",
    "(1,)", "{'ab': 1}", "('<'|e)", "10000000000", "9007199254740993", "9007199254740992.0",
]

PERCENT = """
%s
%5s|
%-5s|
%.2s
%r
%a
%c
%d
%05d
%+d
% d
%5.3d
%x
%#x
%#X
%o
%i
%e
%.2e
%E
%f
%.1f
%08.2f
%-8.1f|
%+.0f
%#.0f
%g
%.3g
%#g
%G
%%
%z
%
%(a)s
%*d
abc
%s %s
""".split("\n")[1:-1]

FORMATS = """
{}
{:}
{:s}
{:5}|
{:<6}|
{:>6}
{:^7}|
{:*^7}
{:=+6}
{:+}
{: }
{:06}
{:d}
{:05d}
{:,}
{:_}
{:010,}
{:x}
{:#x}
{:#b}
{:o}
{:_x}
{:X}
{:c}
{:n}
{:e}
{:.2e}
{:f}
{:.2f}
{:08.3f}
{:+.1f}
{:,.2f}
{:g}
{:.3g}
{:.3}
{:.1}
{:.6}
{:#g}
{:%}
{:.1%}
{:>+8.1f}
{!r}
{!s:>5}
{!a}
{0}{0}
{0!r:^9}
{1}
{a}
{
}
{{}}
{:{}}
{:q}
{0.upper}
{0[0]}
{0[k]}
{0.role}
""".split("\n")[1:-1]

FORMATTED = [
    "42", "-7", "0", "1234567", "2.5", "-0.0", "1e20", "12345.678", "0.00001234", "100.0", "1234.5", "true", "none", "missing",
    "'text'", "'\u00e9<'", "''", "[1, 'x']", "{'k': 1}", "('<'|e)", "messages[0]",
]


def combinations():
    """All templates, without order."""
    pairs = itertools.product
    templates = {f"{{{{ {value}|{call} }}}}" for value, call in pairs(VALUES, FILTERS)}
    templates |= {f"{{{{ {value} is {test} }}}}" for value, test in pairs(VALUES, TESTS)}
    templates |= {f"{{{{ {text}.{method} }}}}" for text, method in pairs(TEXTS, METHODS)}
    # Python would work for hours on a huge power, and take all memory for a huge text.
    templates |= {
        f"{{{{ {left} {operator} {right} }}}}" for left, operator, right in pairs(OPERANDS, OPERATORS, OPERANDS)
        if not (operator in ("*", "**") and any(len(operand) > 9 and operand.isdigit() for operand in (left, right)))}
    templates |= {f"{{{{ '{text}' % {value} }}}}" for text, value in pairs(PERCENT, FORMATTED)}
    templates |= {f"{{{{ '{text}' | format({value}) }}}}" for text, value in pairs(PERCENT, FORMATTED)}
    templates |= {f"{{{{ '{text}'.format({value}) }}}}" for text, value in pairs(FORMATS, FORMATTED)}
    return templates
