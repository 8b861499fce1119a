import Testing

@testable import Ouro
@testable import OuroConstraints

/// Grammars that are put together by hand.
@Suite struct GrammarBuilderTests {
    @Test func rulesCallThemselves() throws {
        var builder = GrammarBuilder()
        let list = builder.declareRule()
        builder.define(list) { builder in
            builder.literal("(")
            builder.anyNumber { $0.choice([{ $0.call(list) }, { $0.byte(of: "ab".utf8) }]) }
            builder.literal(")")
            builder.optional { $0.literal("!") }
        }
        let grammar = try builder.finish(list)
        for text in ["()", "(ab)", "((a)!b())!"] { #expect(grammar.accepts(text), "\(text)") }
        for text in ["", "(", "(c)", "())", "()!!"] { #expect(!grammar.accepts(text), "\(text)") }
    }

    @Test func choicesMayBeEmptyOrReadNothing() throws {
        var builder = GrammarBuilder()
        let rule = builder.declareRule()
        builder.define(rule) { builder in
            builder.choice([])
            builder.literal("")
            builder.anyNumber { $0.optional { $0.literal("x") } }
        }
        let grammar = try builder.finish(rule)
        #expect(grammar.accepts("") && grammar.accepts("xxx") && !grammar.accepts("y"))
    }

    @Test func mistakesAreErrors() {
        func message(_ build: (inout GrammarBuilder, GrammarBuilder.Rule) -> Void) -> String? {
            var builder = GrammarBuilder()
            let rule = builder.declareRule()
            build(&builder, rule)
            do throws(OuroError) {
                _ = try builder.finish(rule)
                return nil
            } catch {
                return error.message
            }
        }
        #expect(message { $0.define($1) { $0.literal("a") } } == nil)
        #expect(message { _, _ in } == "a rule is called but not defined")
        #expect(
            message { builder, rule in
                builder.define(rule) { _ in }
                builder.define(rule) { _ in }
            } == "a rule is defined twice")
        #expect(
            message { builder, rule in
                let inner = builder.declareRule()
                builder.define(rule) { $0.define(inner) { $0.literal("a") } }
            } == "a rule is defined inside another one")
        #expect(
            message { builder, rule in
                var other = GrammarBuilder()
                let foreign = (0..<9).map { _ in other.declareRule() }[8]
                builder.define(rule) { $0.call(foreign) }
            } == "a rule belongs to another builder")
        #expect(
            message { builder, rule in
                builder.define(rule) { builder in for _ in 0..<GrammarBuilder.limit { builder.literal("a") } }
            } == "it has more than 262144 instructions, or more than 4194304 literal bytes")
        #expect(
            message { $0.define($1) { $0.literal(String(repeating: "a", count: GrammarBuilder.poolLimit + 1)) } }
                == "it has more than 262144 instructions, or more than 4194304 literal bytes")
        #expect(message { builder, rule in builder.define(rule) { $0.call(rule) } } == "no text matches it")
        #expect(
            message { builder, rule in
                builder.define(rule) { builder in
                    builder.choice([{ $0.literal("a") }, { $0.call(rule); $0.literal("b") }])
                }
            } == "a rule calls itself before it reads a byte")
        #expect(message { $0.define($1) { $0.repeated(2, 1) { $0.literal("a") } } } == "a number of repetitions is out of range")
    }

    @Test func repetitionsAreCounted() throws {
        var builder = GrammarBuilder()
        let rule = builder.declareRule()
        builder.define(rule) { builder in
            builder.repeated(2, 3) { $0.literal("ab") }
            builder.repeated(0, nil) { $0.literal("c") }
            builder.repeated(1, nil) { builder in builder.repeated(0, 2) { $0.literal("d") } }
        }
        let grammar = try builder.finish(rule)
        for text in ["abab", "ababab", "ababccc", "ababcddddd"] { #expect(grammar.accepts(text), "\(text)") }
        for text in ["ab", "abababab", "ababdc"] { #expect(!grammar.accepts(text), "\(text)") }
    }

    /// The stack of a rule that ends with itself does not grow.
    @Test func rulesThatEndWithThemselvesReadLongTexts() throws {
        let grammar = try Grammar(gbnf: "root ::= [a-z] root | \"\"")
        #expect(grammar.accepts(String(repeating: "a", count: 10_000)))
    }
}
