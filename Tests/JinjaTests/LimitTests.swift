import Foundation
import Testing

@testable import Jinja

/// Tests that a template that exceeds a limit gives an error that names the limit.
@Suite struct LimitTests {
    private func failure(_ source: String, _ limits: Limits = Limits()) -> String? {
        do throws(TemplateError) {
            _ = try Template(source).render([:], limits: limits)
            return nil
        } catch {
            return error.message
        }
    }

    @Test func stepsAreCountedExactly() throws {
        let source = "{% for i in range(50) %}{{ [i, 'x'] | join }}{% endfor %}"
        let interpreter = Interpreter(limits: Limits())
        _ = try Template(source).render([:], with: interpreter)
        #expect(interpreter.steps > 50)
        #expect(failure(source, Limits(steps: interpreter.steps)) == nil)
        let fewer = interpreter.steps - 1
        #expect(failure(source, Limits(steps: fewer)) == "the template takes more than \(fewer) steps")
    }

    @Test func aTemplateThatWouldRunForHoursStops() {
        let loops = String(repeating: "{% for i in range(100000) %}", count: 4)
        let ends = String(repeating: "{% endfor %}", count: 4)
        #expect(failure(loops + ends) == "the template takes more than 1000000 steps")
    }

    /// Each template makes a text of n bytes in a different way.
    @Test(arguments: [
        "{{ 'x' * n }}", "{% for i in range(n) %}x{% endfor %}", "{{ (['x'] * n) | join }}",
        "{{ 'x' ~ 'x' * (n - 1) }}",
        "{{ 'x' + 'x' * (n - 1) }}", "{{ 'a' | replace('a', 'x' * n) }}", "{{ 'x' | indent(n - 1, true) }}",
        "{{ ('x' * (n - 2)) | tojson }}", "{{ ['x' * (n - 4)] }}", "{% set t %}{{ 'x' * n }}{% endset %}{{ t }}",
        "{% macro m() %}{{ 'x' * n }}{% endmacro %}{{ m() }}", "{{ 'x' | center(n) }}", "{{ 'x'.ljust(n) }}",
        "{{ 'x'.rjust(n, '*') }}", "{{ '7'.zfill(n) }}", "{{ '\\t'.expandtabs(n) }}", "{{ '%*d' % (n, 7) }}",
        "{{ '%-*s' % (n, 'x') }}", "{{ '%.*d' % (n, 7) }}", "{{ '{:{}}'.format('x', n) }}",
        "{{ '{:>{}}'.format(7, n) }}",
        "{{ '{:0{}}'.format(7, n) }}", "{{ '{:^{}}'.format('x', n) }}", "{{ ('x' * (n - 4) ~ '<') | e }}",
        "{{ 'x y' | wordwrap(1, wrapstring='-' * (n - 2)) }}", "{{ [0] | batch(n, 'x') | first | join }}",
        "{{ [] | slice(n, 'x') | map('first') | join }}", "{{ 'xy'.replace('x', '-' * (n - 1)) }}",
        "{% filter center(n) %}x{% endfilter %}",
        "{% macro m() %}{{ caller() }}{% endmacro %}"
            + "{% call m() %}{{ 'x' * n }}{% endcall %}", "{% for x in [0] recursive %}{{ 'x' * n }}{% endfor %}",
        "{{ ('x' * (n - 3) ~ '<') | urlencode }}", "{{ 'x' * (n - 3) ~ '...' | truncate(n, true) }}",
        "{% block b %}{{ 'x' * n }}{% endblock %}", "{{ 'x'.join(['', 'y' * (n - 1)]) }}",
        "{{ {'x': 'y' * (n - 5)} | xmlattr }}", "{{ '{0}{0}'.format('x' * (n // 2)) ~ 'x' * (n % 2) }}",
        "{{ '%s%s' | format('x' * (n - 1), 'x') }}", "{{ 'x' * (n - 1) ~ 'x' | striptags }}",
    ])
    func textsAreBounded(template: String) throws {
        func failure(_ count: Int) -> TemplateError? {
            do throws(TemplateError) {
                let text = try Template(template).render(["n": .int(count)], limits: Limits(textBytes: 40))
                #expect(text.utf8.count == count)
                return nil
            } catch {
                return error
            }
        }
        #expect(failure(40) == nil)
        #expect(failure(41)?.message == "a text is longer than 40 bytes")
    }

    @Test func hugeNumbersDoNotMakeHugeTexts() {
        for source in ["{{ 'x' * 9223372036854775807 }}", "{{ 'xyz' * 6148914691236517206 }}", "{{ 'x' * 20000000 }}"] {
            #expect(failure(source) == "a text is longer than 16777216 bytes")
        }
        // Each level would be indented by 16 MB more than the one around it.
        let nested = String(repeating: "[", count: 30) + String(repeating: "]", count: 30)
        #expect(
            failure("{{ \(nested) | tojson(indent='x' * 160 * 100000) }}") == "a text is longer than 16777216 bytes")
        #expect(failure("{{ [0] * 9223372036854775807 }}") == "a value has more than 1000000 elements")
        #expect(failure("{{ range(100001) }}") == "'range' has more than 100000 elements")
        #expect(failure("{{ 'a' | indent(257) }}") == "an indentation is wider than 256")
        let huge = "9223372036854775807"
        for source in [
            "{{ 'x' | center(\(huge)) }}", "{{ 'x'.zfill(\(huge)) }}", "{{ '\\t'.expandtabs(\(huge)) }}",
            "{{ '%\(huge)d' % 1 }}", "{{ '%.\(huge)d' % 1 }}", "{{ '{:\(huge)}'.format(1) }}",
            "{{ '{:0\(huge),}'.format(1) }}", "{{ '%*d' % (-\(huge) - 1, 7) }}",
        ] { #expect(failure(source) == "a text is longer than 16777216 bytes", "\(source)") }
        #expect(failure("{{ '%.1001f' % 1.5 }}") == "a number has more than 1000 decimal places")
        #expect(failure("{{ '{:.\(huge)e}'.format(1.5) }}") == "a number has more than 1000 decimal places")
        #expect(failure("{{ [0] | batch(\(huge), 1) }}") == "a value has more than 1000000 elements")
        #expect(failure("{{ [0] | slice(\(huge)) }}") == "the template takes more than 1000000 steps")
    }

    @Test func nestingIsBounded() {
        func nested(_ opening: String, _ inner: String, _ closing: String, _ count: Int) -> String {
            String(repeating: opening, count: count) + inner + String(repeating: closing, count: count)
        }
        #expect(failure("{{ " + nested("[", "", "]", 31) + " }}") == nil)
        #expect(failure("{{ " + nested("(", "1", ")", 65) + " }}") == "expressions nest deeper than 64 levels")
        #expect(failure("{{ " + nested("-", "1", "", 65) + " }}") == "expressions nest deeper than 64 levels")
        #expect(failure(nested("{% if true %}", "x", "{% endif %}", 31)) == nil)
        #expect(failure(nested("{% if true %}", "x", "{% endif %}", 32)) == "blocks nest deeper than 32 levels")
        let recursion = "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}"
        #expect(failure(recursion) == "blocks and macro calls nest deeper than 160 levels")
        let deep = "{% set ns = namespace(x=[]) %}{% for i in range(64) %}{% set ns.x = [ns.x] %}{% endfor %}"
        #expect(failure(deep) == "values nest deeper than 64 levels")
    }

    /// What a run keeps until its end costs more steps than other values.
    @Test(arguments: ["namespace()", "cycler(1)", "joiner()"])
    func whatIsKeptCostsSteps(value: String) throws {
        let interpreter = Interpreter(limits: Limits())
        _ = try Template("{% for i in range(100) %}{% set x = \(value) %}{% endfor %}").render([:], with: interpreter)
        #expect(interpreter.steps > 100 * Limits.keptSteps)
    }

    /// Work that is linear in the source must stay so for long sources.
    @Test func longListsOfNamesTakeLinearTime() {
        let names = (0..<20_000).map { "a\($0)" }
        let parameters = names.joined(separator: ",")
        let arguments = names.map { $0 + "=1" }.joined(separator: ",")
        #expect(failure("{% macro m(\(parameters)) %}{% endmacro %}{{ m(\(arguments)) }}") == nil)
        #expect(failure("{% macro m(\(parameters),a7) %}{% endmacro %}") == "the macro 'm' has two parameters 'a7'")
    }

    @Test func longSourcesAreRefused() {
        let longest = String(repeating: "x", count: Limits.sourceBytes)
        #expect(failure(longest) == nil)
        #expect(failure(longest + "x") == "the template is longer than 1048576 bytes")
    }

    /// The nesting limits bound the stack. 256 KB are enough with optimisation, and 2 MB without.
    @Test func theDeepestTemplatesFitASmallStack() {
        #if DEBUG
            let stackSize = 2 << 20
        #else
            let stackSize = 256 << 10
        #endif
        let brackets = String(repeating: "[", count: 30) + "m(n + 1)" + String(repeating: "]", count: 30)
        let value = "{% set ns = namespace(x=[]) %}{% for i in range(63) %}{% set ns.x = [ns.x] %}{% endfor %}"
        let recursive =
            "{% for x in [[[[[[1]]]]]] recursive %}{% call m() %}{% filter upper %}{{ loop(x) if x is iterable }}"
            + "{% endfilter %}{% endcall %}{% endfor %}"
        let blocks =
            "{% macro m() %}{% call m() %}{% with a = 1 %}{% filter upper %}{{ caller() if n }}{% endfilter %}"
            + "{% endwith %}{% endcall %}{% endmacro %}{{ m() }}"
        let sources = [
            "{% macro m() %}{{ caller() }}{% endmacro %}" + recursive, blocks,
            "{% macro m() %}{{ '{0}'.format(m()) }}{% endmacro %}{{ m() }}",
            "{% block b %}{{ self.b() }}{% endblock %}",
            "{% macro m(n) %}{{ \(brackets) }}{% endmacro %}{{ m(0) }}",
            "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(0) }}",
            "{% macro m(n) %}{% if true %}{% for i in [1] %}{{ [n] | map('string') | map('upper') | list ~ m(n) }}"
                + "{% endfor %}{% endif %}{% endmacro %}{{ m(0) }}",
            value + "{{ ns.x }}{{ ns.x | tojson(indent=1) }}{{ ns.x == ns.x }}{{ ns.x < ns.x }}",
            "{{ " + String(repeating: "[", count: 63) + "1" + String(repeating: "]", count: 63) + " }}",
        ]
        let outcomes = Outcomes()
        let thread = Thread {
            for source in sources {
                do throws(TemplateError) {
                    outcomes.append(try Template(source).render([:]).isEmpty ? "nothing" : "text")
                } catch {
                    outcomes.append(error.message)
                }
            }
            outcomes.done.signal()
        }
        thread.stackSize = stackSize
        thread.start()
        outcomes.done.wait()
        let tooDeep = "blocks and macro calls nest deeper than 160 levels"
        let tooDeepExpression = "expressions nest deeper than 64 levels"
        #expect(
            outcomes.texts == [
                "nothing", tooDeep, tooDeep, tooDeep, tooDeep, tooDeep, tooDeep, "text", tooDeepExpression,
            ])
    }

    private final class Outcomes: @unchecked Sendable {
        private(set) var texts: [String] = []
        let done = DispatchSemaphore(value: 0)
        /// Only the thread appends. The test reads after `done`.
        func append(_ text: String) { texts.append(text) }
    }
}
