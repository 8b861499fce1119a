"""Templates about the whole documented language: statements, calls, scopes, loops and globals."""

SNIPPETS = r"""
{% macro m(a, b=2) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1) }} {{ m(1, 2, 3, 4) }} {{ m(1, c=5, b=6) }} {{ m(*[1, 2, 3], **{'z': 1}) }}
{% macro m() %}{{ varargs|join(',') }};{{ kwargs|dictsort }}{% endmacro %}{{ m(1, *[2, 3], x=4, **{'y': 5}) }} {{ m(*'ab') }} {{ m(*missing) }} {{ m(**{}) }}
{% macro m(a, b=a, c=b ~ '!') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c=3) }} {{ m(b=2) }}
{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }} {{ m(1) }} {{ m.name }} {{ m.arguments }} {{ m.catch_kwargs }} {{ m.catch_varargs }} {{ m.caller }} {{ m }}
{% macro m(x) %}{{ kwargs }}{% endmacro %}{{ m(1, x2=2) }} {{ m.catch_kwargs }} {{ dict(**{'a': 1}) }} {{ dict([('k', 1), ['l', 2]], z=3) }} {{ dict({'a': 1}, b=2) }}
{% macro box(t) %}[{{ t }}:{{ caller() }}]{% endmacro %}{% call box('x') %}in {{ n }}{% endcall %} {% call box(t='y') %}{% endcall %}
{% macro each(items) %}{% for i in items %}{{ caller(i, loop.index) }};{% endfor %}{% endmacro %}{% call(item, number=0) each(names) %}{{ number }}={{ item }}{% endcall %}
{% macro m() %}{{ caller(1, 2, k=3) }}{% endmacro %}{% call(a) m() %}{{ a }}{{ varargs }}{{ kwargs }}{% endcall %}
{% macro m() %}{{ caller is defined }}{% if caller %}{{ caller() }}{% endif %}{% endmacro %}{{ m() }} {% call m() %}c{% endcall %}
{% macro outer() %}<{{ caller() }}>{% endmacro %}{% macro inner() %}({{ caller() }}){% endmacro %}{% call outer() %}a{% call inner() %}b{% endcall %}c{% endcall %}
{% macro m(caller=none) %}{{ caller }}{% endmacro %}{{ m() }} {{ m(caller='x') }} {{ m('y') }}
{% macro loud() %}{{ caller()|upper }}{% endmacro %}{% for w in ['a', 'b'] %}{% call loud() %}{{ w }}{{ loop.index }}{% endcall %}{% endfor %}
{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{{ m() }}{% endfor %}
{% set f = 'x' %}{% macro m() %}{% set f = 'y' %}{{ f }}{% endmacro %}{{ m() }}{{ f }}
{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a is defined }} {% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %} {% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with (a, b) = (1, 2) %}{{ a + b }}{% endwith %} {% with x = 3 %}{% set x = x + 1 %}{{ x }}{% endwith %}{{ x }}
{% filter upper %}abc {{ word }}{% endfilter %} {% filter replace('a', 'b')|trim|indent(2, true) %} aa {% endfilter %}| {% set q = 1 %}{% filter trim %}{% set q = 2 %}{{ q }}{% endfilter %}{{ q }}
{% for i in [1, 2, 3] %}{% filter upper %}x{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfilter %}{% endfor %}
{% set a | upper | replace('B', '-') %}abc{% endset %}{{ a }} {% set ns = namespace() %}{% set ns.t %}x{{ n }}{% endset %}{{ ns.t }} {% set ns.a, ns.b = 1, 2 %}{{ ns.a + ns.b }}
{% set (a, b) = [1, 2] %}{{ a }}{{ b }}{% set a, (b, c) = 1, (2, 3) %}{{ a }}{{ b }}{{ c }}{% set d = 1, %}{{ d }}
{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }} {% endfor %}{% for a, b in [(1, 2), (1, 2), (1, 3)] %}{% if loop.changed(a, b) %}{{ b }}{% endif %}{% endfor %}{% for x in [1, true, '1'] %}{{ loop.changed(x) }}{% endfor %}
{% for x in [[1, [2, [3]]], [4]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}.{{ loop.depth }}.{{ loop.depth0 }} {% endif %}{% endfor %}
{% for item in [{'t': 'a', 'c': [{'t': 'b', 'c': []}, {'t': 'c', 'c': [{'t': 'd', 'c': []}]}]}] recursive %}<{{ item.t }}{{ loop.index }}{{ loop.depth }}{{ loop(item.c) }}>{% else %}-{% endfor %}
{% for x in [1, [2], 3, [4, 5]] if x != 3 recursive %}{{ loop(x) if x is iterable else x }}{{ loop.length }}{{ loop.last }};{% endfor %}
{% for x in range(6) if x is odd %}{{ loop.index }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.previtem }}{{ loop.nextitem }} {% else %}none{% endfor %}
{% set ns = namespace(seen=[]) %}{% for x in [1, 2, 1, 3, 2] if x not in ns.seen %}{{ x }}{% set ns.seen = ns.seen + [x] %}{% endfor %}
{% set ns = namespace(seen=[]) %}{% for x in [1, 2, 1, 3, 2] if x not in ns.seen %}{{ loop.index }}:{{ x }} {% set ns.seen = ns.seen + [x] %}{% endfor %}
{% set ns = namespace(seen=[]) %}{% for x in [1, 2, 1, 3, 2] if x not in ns.seen %}{{ loop.last }}:{{ x }} {% set ns.seen = ns.seen + [x] %}{% endfor %}
{% for x in [] if x %}{{ x }}{% else %}empty {{ loop is defined }}{% endfor %}{% for i in range(3) %}{% for j in [] %}{% else %}{{ loop.index }}{% endfor %}{% endfor %}
{% for i in range(3) %}{{ loop.cycle('a', 'b') }}{{ loop.cycle(1, 2, 3) }}{{ loop }} {% endfor %}{% for loop2 in [1] %}{{ loop2 }}{% endfor %}
{% for x in (1, 2) %}{{ x }}{% endfor %}{% for x in 1, 2 %}{{ x }}{% endfor %}{% for a, b in {'x': 1}.items() %}{{ a }}{{ b }}{% endfor %}
{% for i in range(4) %}{% if i is even %}{% continue %}{% endif %}{{ i }}{% else %}no{% endfor %}{% for i in [1] %}{% break %}{% else %}else{% endfor %}
{% if n > 5: %}yes{% endif %}{% for i in [1]: %}{{ i }}{% endfor %}
{% set c = cycler('odd', 'even') %}{{ c.next() }} {{ c.next() }} {{ c.current }} {{ c.next() }}{{ c.reset() }} {{ c.current }}
{% set j = joiner('|') %}{{ j() }}a{{ j() }}b{{ j() }}{% set k = joiner() %}{{ k() }}{{ k() }}{{ k.sep }}{{ k.used }}
{% set ns = namespace(a=1, **{'b': 2}) %}{{ ns.a }}{{ ns.b }}{{ ns['a'] }}{{ ns.c is defined }}{% set other = ns %}{% set other.a = 9 %}{{ ns.a }} {{ namespace([('k', 1)]).k }}
{% block title %}T{{ n }}{% endblock %} {{ self.title() }} {% block outer %}[{% block inner %}i{% endblock inner %}]{% endblock %}{{ self.inner()|upper }}
{% for i in [1, 2] %}{% block b scoped %}{{ i }}{% endblock %}{% endfor %} {% for i in [1] %}{% block c %}{{ i is defined }}{% endblock %}{% endfor %} {% set v = 1 %}{% block d %}{{ v }}{% set v = 2 %}{% endblock %}{{ v }}
{% autoescape true %}{{ '<' }}{{ '<'|safe }}{{ '<'|e }}{{ ['<', 'a'|e]|join('>') }}{{ '<' ~ '>' }}{{ (empty ~ '<')|safe ~ '>' }}{% set x %}<{{ '>' }}{% endset %}{{ x }}{% macro m() %}<{{ '>' }}{% endmacro %}{{ m() }}{% endautoescape %}{{ '<' }}
{% autoescape true %}{{ 'a<'|replace('a', '>') }}{{ 'a<'|replace('a', '>'|safe) }}{{ {'k': '<'}|xmlattr }}{{ '%s'|safe|format('<') }}{% autoescape false %}{{ '<' }}{% endautoescape %}{% filter upper %}<{{ '<' }}{% endfilter %}{% endautoescape %}
{{ '<'|e }} {{ '<'|e|e }} {{ '<'|e|forceescape }} {{ ('<'|e) + '<' }} {{ '<' + ('<'|e) }} {{ '<'|e ~ '<' }} {{ ('<'|e) * 2 }} {{ ('<%s>'|e) % '&' }} {{ ('<'|safe).join(['a', '&']) }} {{ ['<'|e] }} {{ '&<>\'"'|e }}
{{ ('a&b'|e).split(';') }} {{ ('a&b'|e)[1:5] }} {{ ('<'|e) is escaped }} {{ '<' is escaped }} {{ ('x'|e).upper() is escaped }} {{ ('x'|e)|title is escaped }} {{ ('x'|e) == 'x' }} {{ {'x': 1}['x'|e] }} {{ ('a'|e).replace('a', '<') }} {{ ('{}'|e).format('<') }} {{ ('x'|safe)|list }}
{{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ 'nope' is test }} {% if 'nope' is filter %}{{ 1|nope }}{% else %}without{% endif %} {{ 1|nope if false else 2 }}
{{ 1 if true }}|{{ 1 if false }}|{{ (1 if false) is defined }}|{{ 'a' if 0 else 'b' if 1 else 'c' }}|{{ 'a' if true if false }}|{{ [1 if true else 2, 3] }}
{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 0XfF }} {{ 1_0.5_0 }} {{ 1e3 }} {{ 1E-2 }} {{ 0x_ff }} {{ 00 }} {{ 12.5e+2 }}
{{ names[0] }}{{ names[true] }}{{ 'abc'[false] }} {{ {(1, 2): 'p'}[1, 2] }} {{ {1: 'i'}[1.0] }} {{ {none: 'n'}[none] }} {{ [1, 2, 3][-1] }} {{ 'abc'[::2] }} {{ 'abc'[2:0:-1] }} {{ (1, 2, 3)[::-1] }}
{{ messages | groupby('role') | map(attribute='grouper') | list }} {{ messages | groupby('role') | map(attribute='list') | map('length') | list }} {% for role, list in messages|groupby('role') %}{{ role }}{{ list|length }}{% endfor %} {{ (messages|groupby('role'))[0][0] }}
{{ [{'a': 'x'}, {'a': 'X'}, {'b': 1}] | groupby('a', default='?') }} {{ ['b1', 'a2', 'b3'] | groupby(0) }}
{{ range(7) | batch(3) | list }} {{ range(7) | batch(3, '-') | list }} {{ range(7) | slice(3) | list }} {{ range(7) | slice(3, '-') | list }} {{ 'abc' | batch(2) | map('join') | list }} {{ [] | batch(2) | list }}
{{ 'x' | center(5) }}|{{ 'xy' | center(5) }}|{{ 'xyz' | center(2) }}|{{ 'x'.center(4, '-') }}|{{ 'x'.ljust(3) }}|{{ 'x'.rjust(3, '0') }}|{{ '-5'.zfill(4) }}
{{ 'foo bar baz qux' | truncate(9) }}|{{ 'foo bar baz qux' | truncate(9, true) }}|{{ 'foo bar baz qux' | truncate(11) }}|{{ 'foo bar baz qux' | truncate(11, false, '...', 0) }}|{{ 'abcdefghij' | truncate(5, leeway=0, end='') }}
{{ 'The quick brown fox--jumps over hyphen-ated extra-long-words and averyveryverylongword' | wordwrap(12) }}|{{ 'a  b\n\n c   d' | wordwrap(3) }}|{{ 'well-known-thing' | wordwrap(6, wrapstring='/') }}
{{ 'one two, three-four _x 5é' | wordcount }} {{ '' | wordcount }} {{ 0 | filesizeformat }} {{ 1 | filesizeformat }} {{ 999 | filesizeformat }} {{ 1000 | filesizeformat }} {{ 13000000 | filesizeformat }} {{ 1048576 | filesizeformat(true) }} {{ '1e30' | filesizeformat }} {{ 3.7 | filesizeformat }}
{{ '<p>a  <b>b</b>\n&amp; &lt;x&gt; &#65;&#x42; &eacute; &copy &nope; <!-- c > --> d</p> < e' | striptags }} {{ '&#0;&#128;&#xD800;&#11;&hearts;&ampx;&Aacute' | striptags }}
{{ 'a b&c/d?é~_-.' | urlencode }} {{ {'a b': 'c/d', 'x': 1} | urlencode }} {{ [('a', 1), ('b', ' ')] | urlencode }} {{ 42 | urlencode }}
{{ {'class': 'a "b"', 'id': none, 'x': missing, 'n': 1} | xmlattr }}|{{ {'a': '<'} | xmlattr(false) }}|{{ {} | xmlattr }}|{{ {'a': '<'|e} | xmlattr }}
{{ 'see http://a.example/x?y=1&z=2, www.b.org (https://c.com/d_(e)) mailto:x@y.zz me@site.com <http://e.net> ftp://f.com' | urlize }}
{{ 'http://a.example/long/path www.test.com' | urlize(12, true, target='_blank', rel='me') }} {{ 'ftp://x.y tel:1' | urlize(extra_schemes=['ftp://', 'tel:']) }} {{ 'http://127.0.0.1:80/x http://[2001:db8::1] http://x example.com foo.org. a@b' | urlize }}
{{ '%s is %d years and %.1f%%' | format('Bo', 30.9, 2.25) }} {{ '%(a)s-%(b)05.1f' | format(a='x', b=2) }} {{ '%s' % (1,) }} {{ '%s %s' % ('a', [1]) }} {{ '%5s|%-5s|%+d|%x|%o|%e|%g|%r|%c' % ('a', 'b', 3, 255, 8, 12345.678, 0.0001, 'q', 65) }} {{ '%*d|%-*s|' % (4, 7, 3, 'x') }} {{ '%(n)s' % {'n': 1} }} {{ 'abc' % {} }}
{{ '{} {}'.format(1, 'a') }} {{ '{1}{0}'.format('a', 'b') }} {{ '{x:>5}|{y!r}'.format(x=1, y='q') }} {{ '{:{}}|'.format('a', 4) }} {{ '{0.role}:{0[content]}'.format(messages[0]) }} {{ '{:,.2f} {:+d} {:#x} {:08.3f} {:%}'.format(12345.678, 5, 255, 3.14159, 0.5) }} {{ '{{}}'.format() }} {{ '{a}'.format_map({'a': 2}) }} {{ '{:^9}|{:*<4}'.format('mid', 'l') }}
{{ ['a'] | random }} {{ [] | random }}| {{ 'x' | attr('upper') is callable }} {{ tool | attr('name') is defined }} {{ {'a': 1} | attr('items') is callable }}
{{ 1234.5 | round(-2) }} {{ 1250 | round(-2) }} {{ 1350 | round(-2) }} {{ 15.5 | round(-1) }} {{ 5.0 | round(-1) }} {{ 2.5 | round(0, 'floor') }} {{ '0x1f' | int(0, 16) }} {{ 'z' | int(0, 36) }} {{ '0b11' | int(base=0) }} {{ '٣' | int }} {{ '1_0.5' | float }} {{ 'inf' | float }} {{ '.5' | float }} {{ '5.' | float }} {{ '1.e2' | float }}
{{ x is sameas x }} {{ names is sameas names }} {{ names is sameas [1] }} {{ 1 is sameas 1 }} {{ 1 is sameas 1.0 }} {{ true is sameas 1 }} {{ missing is sameas missing }} {{ none is sameas none }} {{ 'a' is sameas 'b' }}
{{ 'abc'.isalpha() }} {{ 'a1'.isalnum() }} {{ 'Ab'.swapcase() }} {{ 'ß'.casefold() }} {{ 'a,b'.partition(',') }} {{ 'a.b.c'.rpartition('.') }} {{ 'abcabc'.index('c', 3) }} {{ 'a\tb'.expandtabs(4) }} {{ 'x'.isidentifier() }} {{ 'Ab Cd'.istitle() }} {{ 'a\nb'.splitlines(true) }} {{ 'aXb'.endswith('X', 0, 2) }}
{{ {'a': 1}.copy() }} {{ [1].copy() }} {{ names.index('Alpha', 1) }} {{ tool.get('a', 'z') }} {{ {'get': 5}.get is callable }}{{ {'get': 5}['get'] }} {{ tool.items is defined }} {{ {'items': 1}.items is callable }}
{{ names.append is defined }}|{{ names.append }}|{{ tool.update is defined }}|{{ ''.__class__ }}|{{ ''.__class__ is defined }}
{{ '\u00e9'.replace('e', 'x') }} {{ 'e\u0301'.replace('e', 'x') }} {{ 'caf\u00e9' | replace('e\u0301', 'X') }} {{ 'e' in 'e\u0301' }} {{ '\u00e9' in 'e\u0301' }} {{ 'e\u0301x'.split('\u0301') }} {{ '\u00e9' < 'e\u0301' }} {{ ['\u00e9', 'e\u0301', 'f'] | max }} {{ ['\u00e9', 'z'] | min }}
{{ [{'k': '\u00e9'}, {'k': 'e\u0301'}, {'k': '\u00e9'}] | groupby('k') | length }} {{ ['\u212a', 'K', 'k'] | unique(true) | list | length }} {{ ['\u212a', 'K', 'k'] | unique | list | length }} {{ '\u212a' is eq 'K' }} {{ 'K' is in ['\u212a'] }} {{ 'a\u0301b'.find('b') }} {{ 'a\r\nb' | length }} {{ '\r\n'.split('\n') }} {{ '\u00e9'.startswith('e') }} {{ 'e\u0301'.endswith('\u0301') }} {{ 'a\u0301'.strip('a') | length }} {{ {'\u212a': 1} == {'K': 1} }} {{ ('\u00e9',) == ('e\u0301',) }} {{ ['\u00e9'].index('\u00e9') }}
{% macro m(K) %}{{ K }}{{ kwargs | length }}{% endmacro %}{{ m(**{'\u212a': 1}) }}|{{ m(**{'K': 2}) }} {{ '%(\u00e9)s' % {'\u00e9': 1} }} {{ '{\u00e9}'.format(**{'\u00e9': 2}) }} {% set é = 3 %}{{ é }} {% set d = {'ñ': 4} %}{{ d.ñ }} {{ 'x' | replace('x', '\u0301') | length }}
{% for c in 'e\u0301\r\n' %}[{{ c | tojson }}]{% endfor %} {{ 'e\u0301\u00e9' | reverse | length }} {{ 'e\u0301'[0] }} {{ 'e\u0301' | list | length }} {{ 'e\u0301' | center(4) | length }} {{ 'e\u0301x' | truncate(2, true, '', 0) | length }} {{ ('e\u0301' * 3) | wordwrap(2) | length }} {{ 'e\u0301e\u0301' | batch(1) | list | length }}
{% generation %}{% set a = 1 %}{% for i in [1, 2] %}{{ i }}{% endfor %}{% endgeneration %}{{ a is defined }} {% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ loop.index }}{% endgeneration %}{% endif %}{% endfor %}
{{ lipsum is defined }} {{ cycler is defined }} {{ joiner is callable }} {{ dict is callable }} {{ strftime_now is defined or true }} {{ self is defined }} {{ caller is defined }} {{ loop is defined }} {{ varargs is defined }}
{{ 'ΑΣ' | lower }} {{ 'ΣΑΣ Σ'.lower() }} {{ 'ΟΔΥΣΣΕΥΣ' | capitalize }} {{ 'ǆ'.title() }} {{ 'ŉ' | upper }} {{ 'İ' | lower | length }} {{ 'straße' | upper }} {{ "they're bill's" | title }} {{ 'a-b (c) [d]' | title }}
{{ [1, 2] | map('string') | map('length') | sum }} {{ [[1, 2], [3]] | sum(start=[]) }} {{ [{'a': {'b': 3}}] | sum('a.b') }} {{ [{'n': 'b'}, {'n': 'A'}] | sort(attribute='n') | map(attribute='n') | join }} {{ [('a', 2), ('b', 1)] | sort(attribute='1') | first }} {{ [none, none] | sort }} {{ [[2, 'b'], [2, 'a']] | max }}
""".strip("\n").split("\n")

WHOLE = [

    "{% macro m() %}\n  <{{ caller() }}>\n{% endmacro %}\n{% call m() %}\n x\n{% endcall %}\nend",
    "{% filter indent(2) %}\na\nb\n{% endfilter %}\nc",
    "{% with a = 1 %}\n  {{ a }}\n  {% endwith %}\nb",
    "{%- block x -%}\n  y\n{%- endblock -%}\n z",
    "{% set t %}\n  a\n  {% if true %}\n  b\n  {% endif %}\n{% endset %}\n{{ t | tojson }}",
    "{% for i in [1, 2]\n   if i > 1 -%}\n  {{ i }}\n{%- endfor +%}\n!",
]

# Templates that must fail in Python and in this package.
FAILING = r"""
{% macro m(a) %}{% endmacro %}{{ m(*[1, 2]) }}
{% macro m(a) %}{% endmacro %}{{ m(**{'b': 1}) }}
{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}
{% macro m(a) %}{% endmacro %}{{ m(a=1, **{'a': 2}) }}
{% macro m(a) %}{{ kwargs }}{% endmacro %}{{ m(**{1: 2}) }}
{% macro m(a, a) %}{% endmacro %}
{% macro m() %}{% endmacro %}{{ m(*5) }}
{% macro m() %}{% endmacro %}{{ m(**5) }}
{% macro m() %}{% endmacro %}{{ m(**missing) }}
{% macro m() %}{% endmacro %}{{ m(**[1]) }}
{% macro m() %}{% endmacro %}{% call m() %}{% endcall %}
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
{% macro m() %}{{ caller(1) }}{% endmacro %}{% call m() %}{% endcall %}
{% macro m(caller) %}{{ caller() }}{% endmacro %}
{% macro m() %}{{ varargs }}{% endmacro %}{{ m(x=1) }}
{% call 5 %}{% endcall %}
{% call missing() %}{% endcall %}
{% call m %}{% endcall %}
{% call m() %}
{% call dict() %}{% endcall %}
{% macro m() %}{{ caller() }}{% endmacro %}{% call m(caller=1) %}{% endcall %}
{{ f(**a, **b) }}
{{ f(*a, *b) }}
{{ f(**a, 1) }}
{{ f(*a, 1) }}
{{ f(**a, b=1) }}
{% filter %}x{% endfilter %}
{% filter nope %}x{% endfilter %}
{% filter length %}x{% endfilter %}
{% filter upper %}
{% with a %}{% endwith %}
{% with a = 1 b = 2 %}{% endwith %}
{% with 1 = 1 %}{% endwith %}
{% with a = 1 %}
{% autoescape %}{% endautoescape %}
{% autoescape true %}
{% block a %}{% endblock %}{% block a %}{% endblock %}
{% block %}{% endblock %}
{% block a-b %}{% endblock %}
{% block a required %}{% endblock %}
{% block a required %}x{% endblock %}
{% block a %}{% endblock b %}
{{ self.nope() }}
{% block a %}{{ super() }}{% endblock %}
{% for x in [1] %}{{ loop(x) }}{% endfor %}
{% for x in [1] recursive %}{{ loop(x) }}{% endfor %}
{% for x in [1] recursive %}{{ loop() }}{% endfor %}
{% for x in [1] %}{{ loop.cycle() }}{% endfor %}
{% for x in [1] %}{{ loop.nope.x }}{% endfor %}
{% for x in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{% for x in [1] %}{% else %}{% break %}{% endfor %}
{% for x.y in [1] %}{% endfor %}
{{ cycler() }}
{{ joiner(1, 2) }}
{{ namespace(1) }}
{{ dict(1) }}
{{ dict([1]) }}
{{ dict({}, {}) }}
{% include 'x' %}
{% import 'x' as y %}
{% from 'x' import y %}
{% extends 'x' %}
{% do x %}
{% trans %}x{% endtrans %}
{% debug %}
{% if true %}{{ 1|nope }}{% endif %}
{{ 1|nope if true else 2 }}
{{ 1 if false else 1|nope }}
{{ [1]|map('nope')|list }}
{{ [1]|map|list }}
{{ [1]|map(attribte='x')|list }}
{{ [1]|select('nope')|list }}
{{ [1]|selectattr|list }}
{{ 5|batch(2)|list }}
{{ [1]|batch|list }}
{{ [1]|slice(0)|list }}
{{ [{}, {'a': 1}]|groupby('a') }}
{{ [1]|groupby }}
{{ 'abc'|truncate(2) }}
{{ 'abcdefghijkl'|truncate(5, leeway=-1) }}
{{ 'abc'|wordwrap(0) }}
{{ 5|wordwrap }}
{{ 5|indent }}
{{ missing|abs }}
{{ [1]|xmlattr }}
{{ {'a b': 1}|xmlattr }}
{{ 'x'|filesizeformat }}
{{ none|filesizeformat }}
{{ '%d'|format('x') }}
{{ '%s %s'|format('x') }}
{{ '%s'|format('x', 'y') }}
{{ '%s'|format(1, a=2) }}
{{ '%(a)s'|format(b=1) }}
{{ '%(a)s' % 1 }}
{{ '%z' % 1 }}
{{ '%' % 1 }}
{{ '%c' % 'ab' }}
{{ '{'.format() }}
{{ '}'.format() }}
{{ '{}'.format() }}
{{ '{a}'.format() }}
{{ '{0}{}'.format(1) }}
{{ '{:d}'.format('x') }}
{{ '{:s}'.format(1) }}
{{ '{!x}'.format(1) }}
{{ '{:10}'.format([1]) }}
{{ 5|urlize(extra_schemes=['x']) }}
{{ ['a']|sum(start='') }}
{{ 5|random }}
{{ 'x' is nope }}
{{ 'x' is divisibleby }}
{{ 'x' is odd }}
{{ [] is filter }}
{{ 'x'|attr }}
{{ missing|attr('x') }}
{{ names.pop() }}
{{ names.sort() }}
{{ tool.pop('name') }}
{{ tool.setdefault('x', 1) }}
{{ tool.get([]) }}
{{ 'x'.center() }}
{{ 'x'.center(5, 'ab') }}
{{ 'x'.partition('') }}
{{ 'x'.index('y') }}
{{ names.index('y') }}
{{ names.index('beta', 1) }}
{{ 'x'.join(5) }}
{{ 'x'.replace(1, 2) }}
{{ 'x'.split(1) }}
{{ 'x'.startswith(1) }}
{{ 0x }}
{{ 0b2 }}
{{ 0x1g }}
{% set e, = [4] %}
{% for x, in [[1]] %}{% endfor %}
{% with a = 2: %}{% endwith %}
{{ a.b.1c }}
{{ 1 is }}
{{ x is not }}
{{ (1, 2 }}
{{ {1} }}
{{ {1: } }}
{{ x[1:2:3:4] }}
{{ x.[1] }}
{{ 1 ** }}
{{ 'a' 'b' 1 }}
{{ 1 if }}
{{ if 1 }}
{% set x %}
{% set x | nope %}{% endset %}
{% set ns = namespace() %}{% set ns.a.b = 1 %}
{% set names.a = 1 %}
{% set a, b = 1 %}
{% set a, b = [1, 2, 3] %}
{% raise %}
{% endblock %}
{% endcall %}
{% if true %}{% endfor %}
{{ 10 ** 400.0 }}
{{ 'e' % missing %}
""".strip("\n").split("\n")
