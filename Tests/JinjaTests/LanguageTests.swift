import Foundation
import Testing

@testable import Jinja

/// Tests what the golden data does not cover: values from a caller, errors, the clock and the number of steps.
@Suite struct LanguageTests {
    private func error(of source: String, _ context: [String: Value] = [:]) -> TemplateError? {
        do throws(TemplateError) {
            _ = try Template(source).render(context)
            return nil
        } catch {
            return error
        }
    }

    @Test func keysCompareByCodePoints() throws {
        let (composed, decomposed) = ("\u{e9}", "e\u{301}")
        // Swift compares these strings as equal. Python does not.
        #expect(composed == decomposed)
        var members = Mapping()
        try members.set(.int(1), for: .string(composed))
        try members.set(.int(2), for: .string(decomposed))
        try members.set(.int(3), for: .makeTuple([.string(composed)]))
        try members.set(.int(4), for: .makeTuple([.string(decomposed)]))
        #expect(members.entries.count == 4)
        let template = try Template("{{ d | length }} {{ d[composed] }} {{ d[decomposed] }} {{ d[(decomposed,)] }}")
        let text = try template.render([
            "d": .dict(members), "composed": .string(composed), "decomposed": .string(decomposed),
        ])
        #expect(text == "4 1 2 4")
    }

    @Test func aVariableOutsideOfASCIIDoesNotAnswerToAnotherName() throws {
        let kelvin = "\u{212a}"
        #expect(kelvin == "K")
        #expect(try Template("{{ K is defined }}").render([kelvin: .int(1)]) == "False")
        #expect(try Template("{{ K is defined }}").render(["K": .int(1)]) == "True")
    }

    @Test func errorsHaveTheLine() {
        #expect(error(of: "a\n{{ 1 +\n }}")?.description == "line 3: found '}}', expected an expression")
        #expect(error(of: "a\n\n{{ 'x' + 1 }}")?.line == 3)
        #expect(
            error(of: "{% if true %}\n{{ raise_exception('No \u{201c}tool\u{201d} here') }}{% endif %}")
                == TemplateError("No \u{201c}tool\u{201d} here").at(line: 2))
        #expect(
            error(of: "\n{{ x | nothing }}")?.description
                == "line 2: there is no filter 'nothing'")
    }

    @Test func theClockIsReadOnceAndInLocalTime() throws {
        let time = LocalTime(year: 2024, month: 2, day: 9, hour: 0, minute: 5, second: 7, weekday: 5)
        let template = try Template("{{ strftime_now('%d %b %Y|%B %A %a %y %m|%H %I %M %S %p|%F %T|%%') }}")
        let text = try template.render([:], with: Interpreter(limits: Limits(), now: time))
        #expect(text == "09 Feb 2024|February Friday Fri 24 02|00 12 05 07 AM|2024-02-09 00:05:07|%")
        #expect(
            error(of: "{{ strftime_now('%q') }}")?.message == "'%q' in 'strftime_now' is not supported")

        let more = try Template("{{ strftime_now('%-d %-I %e|%j %u %w|%D %R %r|%c|%Z%z%n%-m %-%|%') }}")
        #expect(
            try more.render([:], with: Interpreter(limits: Limits(), now: time))
                == "9 12  9|040 5 5|02/09/24 00:05 12:05:07 AM|Fri Feb  9 00:05:07 2024|\n2 %|%")

        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .current
        for seconds in [0, 951_782_399, 1_700_000_000, 1_711_846_800] {
            let parts = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute, .second, .weekday],
                from: Date(timeIntervalSince1970: Double(seconds)))
            let local = LocalTime(seconds: seconds)
            #expect(local.year == parts.year && local.month == parts.month && local.day == parts.day)
            #expect(local.hour == parts.hour && local.minute == parts.minute && local.second == parts.second)
            #expect(local.weekday + 1 == parts.weekday)
        }
    }

    /// The number of steps grows linearly with the number of messages.
    @Test(arguments: [1, 2, 10, 100])
    func aConversationCostsStepsInProportion(messages count: Int) throws {
        let template = try Template(
            """
            {%- for message in messages -%}
                {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}
            {%- endfor -%}
            {%- if add_generation_prompt -%}
                {{- '<|im_start|>assistant\\n' -}}
                {%- if enable_thinking is defined and enable_thinking -%}
                    {{- '<think>\\n' -}}
                {%- endif -%}
            {%- endif -%}
            """)
        var messages: [Value] = []
        for index in 0..<count {
            var message = Mapping()
            try message.set(.string("user"), for: .string("role"))
            try message.set(.string("message \(index)"), for: .string("content"))
            messages.append(.dict(message))
        }
        let interpreter = Interpreter(limits: Limits())
        _ = try template.render(
            ["messages": .makeList(messages), "add_generation_prompt": .bool(true)], with: interpreter)
        #expect(interpreter.steps == 17 * count + 16)
    }
}
