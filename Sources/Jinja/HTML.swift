// Text in HTML: escapes, entities and tags.

enum HTML {
    /// The text without its tags and comments, with single spaces for whitespace and characters for entities: Python's
    /// `Markup.striptags`.
    static func withoutTags(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var kept: [Unicode.Scalar] = []
        var position = 0
        // A search that fails once fails from every later position too.
        while let start = scalars[position...].firstIndex(of: "<") {
            let end: Int?
            if starts(scalars, "<!--", at: start) {
                end = indices(of: "-->", in: scalars, from: start + 4)
            } else {
                end = scalars[start...].firstIndex(of: ">").map { $0 + 1 }
            }
            guard let end else { break }
            kept += scalars[position..<start]
            position = end
        }
        kept += scalars[position...]
        return unescaped(Text.words(Text.string(of: kept), limit: .max).joined(separator: " "))
    }

    private static func starts(_ scalars: [Unicode.Scalar], _ text: String, at index: Int) -> Bool {
        scalars[index...].starts(with: text.unicodeScalars)
    }

    /// The position after a text's next occurrence.
    private static func indices(of text: String, in scalars: [Unicode.Scalar], from start: Int) -> Int? {
        var index = start
        while index + 3 <= scalars.count {
            if starts(scalars, text, at: index) { return index + 3 }
            index += 1
        }
        return nil
    }

    /// The text with characters for numeric entities and for the names of HTML 4.
    static func unescaped(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        var result = String.UnicodeScalarView()
        var position = 0
        while position < scalars.count {
            if scalars[position] == "&", let (character, end) = entity(in: scalars, at: position + 1) {
                if let character { result.append(character) }
                position = end
            } else {
                result.append(scalars[position])
                position += 1
            }
        }
        return String(result)
    }

    /// The character of an entity and the position after it. The character is nil for a code that stands for nothing.
    private static func entity(in scalars: [Unicode.Scalar], at start: Int) -> (character: Unicode.Scalar?, end: Int)? {
        guard start < scalars.count else { return nil }
        if scalars[start] == "#" { return numericEntity(in: scalars, at: start + 1) }
        let name = scalars[start...].prefix(32).prefix { $0.isASCII && $0.properties.isAlphabetic || "0"..."9" ~= $0 }
        let end = name.endIndex
        if end < scalars.count, scalars[end] == ";", let code = codes[ExactString(Text.string(of: name))] {
            return (Unicode.Scalar(code), end + 1)
        }
        // Old names also count without a semicolon, and with other letters after them.
        for length in stride(from: name.count, to: 1, by: -1) {
            let part = ExactString(Text.string(of: name.prefix(length)))
            if old.contains(part), let code = codes[part] { return (Unicode.Scalar(code), start + length) }
        }
        return nil
    }

    private static func numericEntity(
        in scalars: [Unicode.Scalar], at start: Int
    ) -> (character: Unicode.Scalar?, end: Int)? {
        let isHexadecimal = start < scalars.count && (scalars[start] == "x" || scalars[start] == "X")
        let radix = isHexadecimal ? 16 : 10
        let first = isHexadecimal ? start + 1 : start
        var (value, end): (UInt32, Int) = (0, first)
        while end < scalars.count, scalars[end].isASCII, let digit = Character(scalars[end]).hexDigitValue,
            digit < radix
        {
            value = min(value * UInt32(radix) + UInt32(digit), 0x110000)
            end += 1
        }
        guard end > first else { return nil }
        if end < scalars.count, scalars[end] == ";" { end += 1 }
        if (0x80...0x9f).contains(value) { return (Unicode.Scalar(windows[Int(value) - 0x80]), end) }
        if value == 0 || value > 0x10ffff || (0xd800...0xdfff).contains(value) { return ("\u{fffd}", end) }
        let isControl = value < 0x20 && value != 0x9 && value != 0xa && value != 0xc && value != 0xd
        let isNothing = isControl || value == 0x7f || value == 0xb || (0xfdd0...0xfdef).contains(value)
        return (isNothing || value & 0xfffe == 0xfffe ? nil : Unicode.Scalar(value), end)
    }

    /// What browsers take the codes from 0x80 to 0x9f for: the characters of Windows-1252.
    private static let windows: [UInt32] = [
        0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d,
        0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a,
        0x153, 0x9d, 0x17e, 0x178,
    ]

    /// The names of the characters from 0xa0 to 0xff.
    private static let latin = """
        nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute
        micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring
        AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml
        times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil
        egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash
        ugrave uacute ucirc uuml yacute thorn yuml
        """

    /// Other names, each with its code.
    private static let others = """
        quot 22 amp 26 lt 3c gt 3e OElig 152 oelig 153 Scaron 160 scaron 161 Yuml 178 fnof 192 circ 2c6 tilde 2dc
        Alpha 391 Beta 392 Gamma 393 Delta 394 Epsilon 395 Zeta 396 Eta 397 Theta 398 Iota 399 Kappa 39a Lambda 39b
        Mu 39c Nu 39d Xi 39e Omicron 39f Pi 3a0 Rho 3a1 Sigma 3a3 Tau 3a4 Upsilon 3a5 Phi 3a6 Chi 3a7 Psi 3a8 Omega
        3a9 alpha 3b1 beta 3b2 gamma 3b3 delta 3b4 epsilon 3b5 zeta 3b6 eta 3b7 theta 3b8 iota 3b9 kappa 3ba lambda
        3bb mu 3bc nu 3bd xi 3be omicron 3bf pi 3c0 rho 3c1 sigmaf 3c2 sigma 3c3 tau 3c4 upsilon 3c5 phi 3c6 chi 3c7
        psi 3c8 omega 3c9 thetasym 3d1 upsih 3d2 piv 3d6 ensp 2002 emsp 2003 thinsp 2009 zwnj 200c zwj 200d lrm 200e
        rlm 200f ndash 2013 mdash 2014 lsquo 2018 rsquo 2019 sbquo 201a ldquo 201c rdquo 201d bdquo 201e dagger 2020
        Dagger 2021 bull 2022 hellip 2026 permil 2030 prime 2032 Prime 2033 lsaquo 2039 rsaquo 203a oline 203e frasl
        2044 euro 20ac image 2111 weierp 2118 real 211c trade 2122 alefsym 2135 larr 2190 uarr 2191 rarr 2192 darr
        2193 harr 2194 crarr 21b5 lArr 21d0 uArr 21d1 rArr 21d2 dArr 21d3 hArr 21d4 forall 2200 part 2202 exist 2203
        empty 2205 nabla 2207 isin 2208 notin 2209 ni 220b prod 220f sum 2211 minus 2212 lowast 2217 radic 221a prop
        221d infin 221e ang 2220 and 2227 or 2228 cap 2229 cup 222a int 222b there4 2234 sim 223c cong 2245 asymp
        2248 ne 2260 equiv 2261 le 2264 ge 2265 sub 2282 sup 2283 nsub 2284 sube 2286 supe 2287 oplus 2295 otimes
        2297 perp 22a5 sdot 22c5 lceil 2308 rceil 2309 lfloor 230a rfloor 230b lang 2329 rang 232a loz 25ca spades
        2660 clubs 2663 hearts 2665 diams 2666
        """

    private static let codes: [ExactString: UInt32] = {
        var codes: [ExactString: UInt32] = [
            "AMP": 0x26, "LT": 0x3c, "GT": 0x3e, "QUOT": 0x22, "COPY": 0xa9, "REG": 0xae, "apos": 0x27,
        ]
        for (index, name) in latin.split(whereSeparator: \.isWhitespace).enumerated() {
            codes[ExactString(String(name))] = 0xa0 + UInt32(index)
        }
        let words = others.split(whereSeparator: \.isWhitespace)
        for index in stride(from: 0, to: words.count - 1, by: 2) {
            codes[ExactString(String(words[index]))] = UInt32(words[index + 1], radix: 16)
        }
        return codes
    }()

    private static let old: Set<ExactString> = Set(
        latin.split(whereSeparator: \.isWhitespace).map { ExactString(String($0)) }
            + ["amp", "lt", "gt", "quot", "AMP", "LT", "GT", "QUOT", "COPY", "REG"])
}
