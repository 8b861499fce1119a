"""Templates about the parts of the language that most chat templates use."""

SNIPPETS = r"""
plain text
{{ 1 }} {{ 1.0 }} {{ 1e16 }} {{ 123456789012345.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ 1.5e300 }} {{ 2.5e-7 }} {{ 1_000 }}
{{ true }} {{ False }} {{ none }} {{ None }} {{ [1, 'a', none, true, 1.5] }} {{ (1,) }} {{ () }} {{ {} }} {{ {'a': [1]} }}
{{ 'a\nb\t\\ \x41 \u00e9 \q \101' }}|{{ "it's" }}|{{ ["it's", 'say "x"', 'a\nb', '\x00', 'é', '\u200b'] }}
{{ 'abc' 'def' }}
{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}
{{ 2 + 3 * 4 }} {{ (2 + 3) * 4 }} {{ -2 ** 2 }} {{ 10 - 3 - 2 }} {{ 2 ** 3 ** 2 }} {{ +3 }} {{ - - 3 }}
{{ 1 ~ 2 ~ 'x' ~ none ~ undefined_name ~ [1] }} {{ (1 + 1) ~ 1 }}
{{ 'a' + 'b' }} {{ 'ab' * 3 }} {{ 2 * 'x' }} {{ [1] + [2] }} {{ [0] * 3 }} {{ (1,) + (2,) }} {{ 'x' * -1 }}|
{{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 'a' != 'b' }} {{ 2 >= 2 }} {{ 3 <= 2 }}
{{ 1 in [1, 2] }} {{ 3 not in [1, 2] }} {{ 'ell' in 'hello' }} {{ '' in 'x' }} {{ 'name' in tool }} {{ 'x' in missing }} {{ not 'z' in 'abc' }}
{{ true and 'x' }} {{ '' or 'y' }} {{ 0 or none or 5 }} {{ 1 and 0 and 2 }} {{ not true }} {{ not not 3 }}
{{ 'yes' if flag else 'no' }} {{ 'yes' if nothing }}|{{ 'a' if false else 'b' if false else 'c' }} {{ 1 if true else 2 + 3 }}
{{ missing }}|{{ missing is defined }}|{{ missing == other }}|{{ messages[0].missing is defined }}|{{ messages[9] is defined }}|{{ messages['x'] is defined }}
{{ messages[0].role }} {{ messages[-1]['role'] }} {{ messages.0.role }} {{ tool.parameters.properties.limit.type }}
{{ names[1:] }} {{ names[:-1] }} {{ names[::-1] }} {{ names[1:3] }} {{ names[::2] }} {{ names[3:1:-1] }} {{ names[10:] }} {{ 'hello'[1:3] }} {{ 'hello'[::-1] }} {{ word[1] }} {{ (1,2,3)[1:] }}
{{ word | length }} {{ word | upper }} {{ word | capitalize }} {{ word | title }} {{ word.title() }} {{ "it's o'neil" | title }} {{ "it's o'neil".title() }} {{ word[-1:] }}
{{ '  a b  ' | trim }}|{{ '  x '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xxaxx'.lstrip('x') }}|{{ 'xxaxx'.rstrip('x') }}|{{ '--a--' | trim('-') }}
{{ 'a,b,,c'.split(',') }} {{ ' a  b c '.split() }} {{ 'a b c'.split(' ', 1) }} {{ 'a b c'.split(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ 'abc'.split('x') }} {{ 'a</think>b'.split('</think>')[-1] }} {{ ''.split() }} {{ ''.split(',') }}
{{ 'hello'.startswith('he') }} {{ 'hello'.endswith(('x', 'lo')) }} {{ 'hello'.find('l') }} {{ 'hello'.find('z') }} {{ 'hello'.rfind('l') }} {{ 'héllo'.find('l') }} {{ 'hello'.count('l') }} {{ 'hello'.replace('l', 'L', 1) }} {{ 'ab'.replace('', '-') }} {{ 'abc'.replace('', '-', 2) }}
{{ 'HeLLo wORLD'.capitalize() }} {{ 'ABC'.lower() }} {{ 'abc'.upper() }} {{ ', '.join(['a', 'b']) }} {{ '12'.isdigit() }} {{ 'a\nb\r\nc\n'.splitlines() }} {{ 'abcd'.removeprefix('ab') }} {{ 'abcd'.removesuffix('cd') }}
{{ 'aaaa' | replace('a', 'b', 2) }} {{ 123 | replace('2', 'x') }} {{ 'abc' | replace('z', 'y') }}
{{ names | join(', ') }} {{ [1, 2] | join }} {{ messages | join('|', attribute='role') }} {{ 'abc' | join('-') }} {{ missing | join }}|
{{ names | first }} {{ names | last }} {{ [] | first }}| {{ 'abc' | first }} {{ tool | first }}
{{ names | sort }} {{ names | sort(reverse=true) }} {{ names | sort(case_sensitive=true) }} {{ [3, 1, 2.5, true] | sort }} {{ messages | sort(attribute='role') | map(attribute='role') | list }}
{{ names | unique | list }} {{ [1, 1.0, true, 2] | unique | list }} {{ names | reverse | list }} {{ 'abc' | reverse }} {{ [3, 1, 2] | min }} {{ [3, 1, 2] | max }} {{ [1, 2, 3] | sum }}
{{ names | map('upper') | list }} {{ messages | map(attribute='role') | join(',') }} {{ [1, none] | map('default', 5, true) | list }} {{ messages | map(attribute='zzz', default='?') | list }} {{ ['a-b'] | map('replace', '-', '+') | first }}
{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', 'in', ['user', 'system']) | map(attribute='content') | first }} {{ messages | selectattr('role') | list | length }} {{ messages | selectattr('role', '==', 'user') | map(attribute='role') | list }}
{{ [0, 1, 2, ''] | select | list }} {{ [1, 2, 3] | select('odd') | list }} {{ [1, 2, 3] | reject('odd') | list }} {{ [1, 2, 3] | select('>', 1) | list }} {{ [1, 2, 6] | select('divisibleby', 2) | list }}
{{ tool | tojson }} {{ [1, 1.5, none, true, 'é"\\\n\u2028<'] | tojson }} {{ [] | tojson }} {{ {} | tojson }} {{ (1, 2) | tojson }} {{ {1: 2, none: 3} | tojson }}
{{ tool | tojson(indent=2) }}
{{ [[], {}, [1, {'a': 1}]] | tojson(indent=1) }} {{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} {{ {'b': 1} | tojson(separators=(',', ':')) }} {{ 'é🚀' | tojson(ensure_ascii=true) }} {{ [1] | tojson(indent='\t') }}
{{ missing | default('d') }} {{ '' | default('d') }}| {{ '' | default('d', true) }} {{ none | d('x') }} {{ none | default('x', boolean=true) }} {{ missing | default }}|
{{ '42' | int }} {{ '4.9' | int }} {{ 'x' | int }} {{ 'x' | int(-1) }} {{ 3.9 | int }} {{ -3.9 | int }} {{ true | int }} {{ ' 7 ' | int }} {{ '1_0' | int }} {{ '2.5' | float }} {{ 3 | float }} {{ 'x' | float }} {{ 'x' | float(1.5) }} {{ none | int }}
{{ 3 | string + '!' }} {{ [1, 'a'] | string }} {{ none | string }} {{ 'abc' | list }} {{ tool | list }} {{ tool | items | list | length }} {{ 'x' | safe }}
{{ -5 | abs }} {{ (-5) | abs }} {{ -1.5 | abs }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.567 | round(2) }} {{ 2.567 | round(1, 'floor') }} {{ 2.1 | round(0, 'ceil') }} {{ 42 | round }} {{ 2.5 | round | int }} {{ 2.675 | round(2) }}
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(2, blank=true) }}|{{ 'a\nb' | indent('> ') }}|{{ 'a\n' | indent(2) }}|
{% for k, v in tool.items() %}{{ k }}={{ v }};{% endfor %}
{% for k, v in {'b': 1, 'A': 2, 'c': 0} | dictsort %}{{ k }}{{ v }} {% endfor %}{{ {'b': 1, 'A': 2} | dictsort(true) }} {{ {'b': 1, 'A': 2} | dictsort(by='value', reverse=true) }}
{{ tool.keys() | list }} {{ {'a': 1}.values() | list }} {{ tool.get('name') }} {{ tool.get('zz') }} {{ tool.get('zz', 5) }} {{ {'items': 3}['items'] }} {{ {'a': 1, 'a': 2} }}
{{ 1 is number }} {{ true is number }} {{ true is integer }} {{ 1 is integer }} {{ 1.0 is float }} {{ 'a' is string }} {{ tool is mapping }} {{ names is sequence }} {{ 'a' is sequence }} {{ tool is iterable }} {{ 1 is iterable }} {{ missing is sequence }} {{ missing is iterable }} {{ none is none }}
{{ true is true }} {{ 1 is true }} {{ false is false }} {{ flag is boolean }} {{ 3 is odd }} {{ 3 is even }} {{ 6 is divisibleby 3 }} {{ 6 is divisibleby(4) }} {{ 1 is eq 1 }} {{ 1 is not none }} {{ 2 is in [1, 2] }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 'a' is equalto 'a' }} {{ none is sameas none }} {{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'a1' is not upper }}
{{ 'x' if missing is defined and missing else 'y' }} {{ not missing is defined }} {{ missing is undefined and flag is true }}
{% for m in messages %}{{ loop.index }}/{{ loop.length }}{{ loop.first }}{{ loop.last }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }} {% endfor %}
{% for m in messages %}{{ loop.previtem.role if not loop.first }}>{{ loop.nextitem.role if loop.nextitem is defined }};{% endfor %}
{% for m in messages if m.role != 'system' %}{{ loop.index }}{{ m.role }}{% else %}none{% endfor %}{% for m in [] %}x{% else %}empty{% endfor %}
{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in range(3) %}{% for j in range(i) %}{{ i }}{{ j }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}
{% for a, (b, c) in [[1, [2, 3]], [4, (5, 6)]] %}{{ a }}{{ b }}{{ c }} {% endfor %}{% for c in 'héy' %}{{ c }}.{% endfor %}{% for k in tool %}{{ k }} {% endfor %}
{{ range(5) | list }} {{ range(2, 5) | list }} {{ range(5, 0, -2) | list }} {{ range(0) | list }} {{ range(3)[1] }}
{% set a = 1 %}{% set b, c = 2, 3 %}{% set t = 1, 2 %}{{ a }}{{ b }}{{ c }}{{ t }}{% for i in [1] %}{% set a = 9 %}{{ a }}{% endfor %}{{ a }}{% if true %}{% set a = 5 %}{% endif %}{{ a }}
{% set ns = namespace(found=false, n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% if i == 2 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.n }} {{ ns.found }} {{ ns.missing is defined }}
{% set block %}  hello {{ n }}  {% endset %}[{{ block }}]{% set up | upper | trim %} abc {% endset %}[{{ up }}]{% for i in [1] %}{% set q %}{{ i }}{% endset %}{{ q }}{% endfor %}{{ q is defined }}
{% macro greet(name, mark='!') %}Hi {{ name }}{{ mark }}{% endmacro %}{{ greet('a') }} {{ greet('b', mark='?') }} {{ greet(name='c') }} {{ greet() }} {{ greet('x') | upper }}
{% macro fact(n) %}{% if n <= 1 %}1{% else %}{{ n }}*{{ fact(n - 1) }}{% endif %}{% endmacro %}{{ fact(5) }}{% macro outer() %}{{ later }}{% endmacro %}{% set later = 'L' %}{{ outer() }}
{% if n > 5 %}big{% elif n > 3 %}mid{% else %}small{% endif %}{% if not messages %}no{% else %}yes{% endif %}
{% generation %}kept {{ n }}{% endgeneration %}!
a {#- comment -#} b {# x #} c
{% raw %}{{ not }} {% evaluated %}{% endraw %}|{%- raw -%}  x  {%- endraw -%}  |
{{ {'a': {'b': {}}} }}{{ {'a': 1}['a'] }}{{ [[1, 2], [3]][0][1] }}
{{ {'a': 1} == {'a': 1.0} }} {{ [1] == (1,) }} {{ 'é' == 'é' }} {{ none == false }} {{ [none] == [none] }} {{ {1: 'x'}[true] }}
{{ loop is defined }} {{ namespace is defined }} {{ raise_exception is defined }} {{ zzz is defined }} {{ range is callable }}
{{ dict(a=1, b='x') }} {{ (1, 2) | length }} {{ tool | length }} {{ missing | length }} {{ missing | upper }}|{{ missing | trim }}|{{ missing | list }}
{% for i in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %} {% for x in missing %}x{% else %}nothing{% endfor %}
{% set messages = messages[1:] %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}bad{% endif %}{{ message['content'] | trim }}{% endfor %}
{% for i in range(2) %}{% set outer = loop %}{% for j in range(2) %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
{{ 'abc'[5:] }}|{{ 'abc'[5] is defined }}|{{ 'abc'[-1] }}|{{ 'abc'[-9:2] }}|{{ [1, 2, 3][-2:] }}|{{ 'a' in ['a', 1] }}|{{ 9 / 4 | int }}
{{ word | tojson }} {{ 'ß' | upper }} {{ 'ǆ' | capitalize }} {{ 'ﬁx'.title() }} {{ 'ÀÉ' | lower }}
{{ names.index('gamma') }} {{ names.count('beta') }} {{ 1.0 | string }} {{ 100000000000000000000.0 }} {{ 1e22 | tojson }} {{ -0.0 }} {{ 1 - 1.0 }} {{ 0.1 + 0.2 }} {{ 1 / 3 }}
{% set d = {'\u00e9': 1, 'e\u0301': 2} %}{{ d | length }} {{ d['\u00e9'] }} {{ d['e\u0301'] }} {{ d.get('e\u0301') }} {{ 'e\u0301' in {'\u00e9': 1} }} {{ d }} {{ d | tojson }} {{ d == {'e\u0301': 1, '\u00e9': 2} }}
{% set ns = namespace({'\u00e9': 1, 'e\u0301': 2}) %}{{ ns['\u00e9'] }} {{ ns['e\u0301'] }} {% set ns.K = 3 %}{{ ns['\u212a'] is defined }} {{ ns.K }}
{{ '\u00e9' == 'e\u0301' }} {{ '\u212a' == 'K' }} {{ ['\u00e9', 'e\u0301', '\u00e9'] | unique | list | length }} {{ ['\u00e9'].count('e\u0301') }} {{ 'e\u0301' | length }} {{ 'caf\u00e9'.find('e\u0301') }} {{ ['f', '\u00e9', 'e\u0301'] | sort }} {{ 'e\u0301'.startswith('e') }} {{ {('\u00e9',): 1}[('e\u0301',)] is defined }}
{{ [{'a': {'\u0301b': 5}}] | map(attribute='a.\u0301b') | first }} {{ [{'a': 1, '\u0301b': 2}, {'a': 1, '\u0301b': 1}] | sort(attribute='a,\u0301b') | map(attribute='\u0301b') | list }} {{ 'a.\u0301b'.split('.') | length }} {{ 'x,\u0301y' | replace(',', ';') | length }}
""".strip("\n").split("\n")

# Templates with several lines.
WHOLE = [
    "  {% if true %}\n  x\n  {% endif %}\n  y\n",
    "a\n  {%- if true %}\n\n  b\n  {%- endif +%}\nc\n",
    "a\n  {%+ if true %}  x{% endif %}\n z\n\n",
    "<div>  {% if true %}x{% endif %}  </div>\n   {{ n }}\n  {{- n -}}\n\n  end",
    "{% for m in messages %}\n    {{ m.role }}\n    {# note #}\n{% endfor %}\ndone",
    "a\r\nb\rc\n{% if true %}\r\nx\r\n{% endif %}",
    "  {# c #}\n  {% set x = 1 %}  \n {{ x }}\n  {% raw %}\n {{ y }}\n  {% endraw %}\n z",
    "{{ 'multi\nline' }}\n{% set d = {\n 'a': 1,\n 'b': [1,\n 2,],\n} %}\n{{ d }}",
    "\n\n{% if true -%}\n\n  x\n\n{%- endif %}\n\n",
    "{%- for i in [1,2] -%}\n  {{- i }}\n{%- endfor -%}\n",
    " {%- if true %} a {%- endif %} \t {#- b #} c",
    "x{% if true %}\n\n y{% endif %}\n{# a #}\n{# b #} {% if true %}z{% endif %}",
]

# Templates that must fail in Python and in this package.
FAILING = r"""
{{ missing.attribute }}
{{ missing['item'] }}
{{ missing + 1 }}
{{ missing < 1 }}
{{ missing() }}
{{ 1 + 'a' }}
{{ 'a' + 1 }}
{{ 'a' < 1 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ none + 1 }}
{{ none | length }}
{{ 1 in 'abc' }}
{{ 1 in 5 }}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for a, b in [[1]] %}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{% set x.y = 1 %}
{{ raise_exception('stop') }}
{{ missing | tojson }}
{{ namespace | tojson }}
{{ names.append(1) }}
{{ tool.update({}) }}
{{ 'a'.nothing() }}
{{ 'abc'.split('') }}
{{ range(1000000) | list }}
{{ range(1, 2, 0) }}
{{ ['a', 1] | sort }}
{{ 5 | join }}
{{ {[]: 1} }}
{{ names['a':] }}
{{ names[::0] }}
{{ ''.join([1]) }}
{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{% endmacro %}{{ m(b=2) }}
{{ 'x' | upper(1) }}
{{ 'x' | nothing }}
{{ 1 is nothing }}
{% nothing %}
{% if true %}
{% for x in [] %}
{{ 1
{% if true
{# comment
{{ 'abc }}
{{ ( }}
{{ ) }}
{{ [1 }}
{{ [1) }}
{{ 1 + }}
{{ }}
{% endif %}
{% else %}
{% if %}{% endif %}
{% set = 1 %}
{% set 1 = 1 %}
{% set true = 1 %}
{{ a b }}
{{ a.1.b c }}
{{ 01 }}
{{ '\x4' }}
{{ f(a=1, 2) }}
{{ f(a=1, a=2) }}
{{ 'a' 1 }}
{{ a[] }}
{{ ; }}
{{ $ }}
{% break %}
{% for x in [1] %}{% endif %}
{% macro %}{% endmacro %}
{% macro m(a=1, b) %}{% endmacro %}
{% raw %} x
{{ 'x' is defined is defined }}
{{ x is }}
{{ x | }}
{{ x. }}
{{ not }}
{{ 2 ** 'a' }}
{{ 'abc' | round }}
{{ none | abs }}
{{ (1).x.y }}
{{ messages[7].role }}
{{ ''['a'].b }}
""".strip("\n").split("\n")
