import Testing

@testable import Ouro
@testable import OuroConstraints

/// Regular expressions and other grammars that users write.
@Suite struct RegexTests {
    @Test(arguments: [
        (#"abc"#, ["abc"], ["ab", "abcd", ""]), (#"a|bc|"#, ["a", "bc", ""], ["b", "abc"]),
        (#"a*b+c?"#, ["b", "aabbc"], ["a", "bcc"]), (#"a{2}b{1,2}c{2,}"#, ["aabcc", "aabbcccc"], ["abcc", "aabc"]),
        (#"a+?b*?c??"#, ["a", "aabbc"], ["b"]), (#"(ab)+"#, ["ab", "abab"], ["aba"]),
        (#"(?:a|b)(?<n>c)(?P<m>d)"#, ["acd", "bcd"], ["cd"]), (#"\d\D\w\W\s\S"#, ["1a_- x"], ["aaaaaa"]),
        (#"[a-c\d_-]+"#, ["a1_-"], ["d"]), (#"[^a-c]"#, ["d", "é", "😀", "\n"], ["a", ""]), (#"[]"#, [], ["a"]),
        (#"[^]"#, ["a", "\n"], ["", "ab"]), (#".."#, ["aé", "😀a"], ["a", "a\n"]), (#"^a$"#, ["a"], ["ba", "ab"]),
        (#"\x41\u00e9\u{1F600}\ud83d\ude00\cJ\n\t\."#, ["Aé😀😀\n\n\t."], ["A"]), (#"a{,"#, ["a{,"], ["a"]),
        (#"[.*+?{}()|^$\/\-\]]+"#, [".*+?{}()|^$/-]"], ["a"]), (#"^(?=.*\d)(?!.*x)[a-z0-9]{3,}$"#, ["a1b", "123"], ["abc", "a1x"]),
        (#"(a|b)*abb"#, ["abb", "babaabb"], ["ab", "abba"]), (#"é+"#, ["é", "éé"], ["e\u{301}", "e"]),
        (#"a$|^b"#, ["a", "b"], ["ab"]), (#"()a()"#, ["a"], [""]),
    ]) func wholeTextsMatch(pattern: String, good: [String], bad: [String]) throws {
        guard !good.isEmpty else {
            let error = #expect(throws: OuroError.self) { try Grammar(regex: pattern) }
            #expect(error?.message == "no text matches it")
            return
        }
        let grammar = try Grammar(regex: pattern)
        for text in good { #expect(grammar.accepts(text), "\(text) against \(pattern)") }
        for text in bad { #expect(!grammar.accepts(text), "\(text) against \(pattern)") }
    }

    @Test(arguments: [
        (#"(?<=a)b"#, "a lookbehind '(?<='"), (#"(?<!a)b"#, "a lookbehind '(?<!'"), (#"a(?=b)"#, "a lookahead '(?='"),
        (#"(a)\1"#, #"a backreference '\1'"#), (#"\k<a>"#, #"a backreference '\k'"#), (#"\bx"#, #"a word boundary '\b'"#),
        (#"\p{L}"#, #"a Unicode property '\p'"#), (#"(?i)a"#, "the group '(?'"), (#"\Aa"#, #"'\A'; write ^ or $"#),
        (#"a{,3}"#, "a quantifier without a lower number"), (#"a++"#, "a possessive quantifier"), (#"\y"#, #"the escape '\y'"#),
    ]) func whatIsNotSupportedIsNamed(pattern: String, name: String) throws {
        let error = try #require(throws: OuroError.self) { try Grammar(regex: pattern) }
        #expect(error.code == .unsupported && error.message.contains(name), "\(error)")
    }

    @Test(arguments: ["(", ")", "a)", "[a", "a**b(", "*", "a{2,1}", "[b-a]", "\\", "\\x4", "\\ud800", "[\\d-z]", "^*"])
    func malformedPatternsAreRefused(pattern: String) throws {
        let error = try #require(throws: OuroError.self) { try Grammar(regex: pattern) }
        #expect(error.code == .invalidRequest && error.field == "regex", "\(error)")
    }

    @Test func deepPatternsEndWithAnError() {
        let pattern = String(repeating: "(", count: 100_000) + String(repeating: ")", count: 100_000)
        #expect(throws: OuroError.self) { try Grammar(regex: pattern) }
    }

    @Test(arguments: [
        (#"root ::= "a" | "b" c"# + "\nc ::= [0-9]+ # digits\n", ["a", "b12"], ["b", "ab"]),
        ("# text\n\nroot  ::=\n  item (\",\" ws item)*\nitem ::= [a-z]{1,3} |\n  \"\\\"\" [^\"\\n]* \"\\\"\"\nws ::= [ \\t]*",
            ["a,bc", "\"é 😀\", x"], ["", "abcd", "a,"]),
        (#"root ::= ("x" | . "z"){2}"#, ["xx", "xéz", "azbz"], ["x", "xxx"]),
        (#"root ::= "\x41\u00e9\U0001F600\\" [\]\-^a]{2,}"#, ["Aé😀\\]-^"], ["Aé😀\\a"]),
        (#"root ::= "a"{0} "b"{2,3} ("c" "d")? "e"{1,}"#, ["bbe", "bbbcdee"], ["abbe", "be"]),
        ("root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= \"(\" expr \")\" | [0-9]", ["1+(2+3)"], ["1+", "(1"]),
        ("root ::= (\n \"a\" |\n \"b\"\n)\r\n", ["a", "b"], ["c"]), ("root ::= \"\" | root-2\nroot-2 ::= \"x\"", ["", "x"], ["xx"]),
    ]) func grammarsInLlamaNotation(text: String, good: [String], bad: [String]) throws {
        let grammar = try Grammar(gbnf: text)
        for text in good { #expect(grammar.accepts(text), "\(text)") }
        for text in bad { #expect(!grammar.accepts(text), "\(text)") }
    }

    @Test(arguments: [
        ("a ::= \"x\"", "expected a rule 'root'"), ("root ::= b", "the rule 'b' is called but not defined"),
        ("root ::= \"a\nb", "line 2: the end of a literal is missing"), ("root ::= (\"a\"", "line 1: a '(' has no ')'"),
        ("root ::= \"a\"\nroot ::= \"b\"", "line 2: the rule 'root' is defined twice"), ("root = \"a\"", "line 1: expected '::='"),
        ("root ::= * \"a\"", "line 1: there is nothing before '*'"), ("root ::= root \"a\" | \"b\"", "a rule calls itself before"),
        ("root ::= root", "no text matches it"), ("root ::= [a", "line 1: the end of a class is missing"),
        ("root ::= \"\\q\"", "line 1: '\\q' is no escape"), ("root ::= \"a\"{2,1}", "line 1: expected numbers of repetitions"),
        ("root ::= \"a\" )", "line 1: expected the end of the line, found ')'"), ("", "expected a rule 'root'"),
        ("root ::= <think>", "tokens in a grammar"),
    ]) func faultsOfGrammarsAreNamed(text: String, message: String) throws {
        let error = try #require(throws: OuroError.self) { try Grammar(gbnf: text) }
        #expect(error.field == "grammar" && error.message.hasPrefix(message), "\(error)")
    }

    @Test func choicesAreTexts() throws {
        let grammar = try Grammar(choices: ["yes", "no", "né"])
        #expect(grammar.accepts("yes") && grammar.accepts("né") && !grammar.accepts("ne\u{301}") && !grammar.accepts("\"no\""))
        let error = #expect(throws: OuroError.self) { try Grammar(choices: []) }
        #expect(error?.field == "choices")
        let long = [String(repeating: "a", count: 5 << 20)]
        #expect(throws: OuroError.self) { try Grammar(choices: long) }
    }
}
