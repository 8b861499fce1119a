import Testing

@testable import Jinja

/// Compares rendered templates with the output of Python's Jinja.
@Suite struct GoldenTests {
    @Test func snippetsMatchJinjaExactly() throws {
        let golden = try Golden.load()
        let variables = try golden.variables
        #expect(golden.cases.count > 84)
        for example in golden.cases {
            do {
                let text = try Template(example.template).render(variables)
                #expect(
                    text.utf8.elementsEqual(example.text.utf8),
                    "\(example.template)\n  got      \(text)\n  expected \(example.text)")
            } catch {
                Issue.record("\(example.template): \(error)")
            }
        }
    }

    @Test func whatFailsInJinjaFailsHere() throws {
        let golden = try Golden.load()
        let variables = try golden.variables
        #expect(golden.failing.count > 84)
        for template in golden.failing {
            do {
                let text = try Template(template).render(variables)
                Issue.record("\(template) gave \(text)")
            } catch {
                #expect(error.line != nil && !error.message.isEmpty, "\(template): \(error)")
            }
        }
    }
}
