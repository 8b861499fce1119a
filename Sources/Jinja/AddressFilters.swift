// Filters for HTML and for addresses of the web: `urlize`, `urlencode` and `xmlattr`.

extension Text {
    /// The text with `&`, `<`, `>` and quotes as entities; an error if that is too long.
    static func escaped(_ text: String, _ limits: Limits) throws(TemplateError) -> String {
        var result = LimitedText(limits)
        var start = text.utf8.startIndex
        var index = start
        while index < text.utf8.endIndex {
            let entity: String? =
                switch text.utf8[index] {
                case UInt8(ascii: "&"): "&amp;"
                case UInt8(ascii: "<"): "&lt;"
                case UInt8(ascii: ">"): "&gt;"
                case UInt8(ascii: "'"): "&#39;"
                case UInt8(ascii: "\""): "&#34;"
                default: nil
                }
            let next = text.utf8.index(after: index)
            if let entity {
                try result.append(String(text[start..<index]))
                try result.append(entity)
                start = next
            }
            index = next
        }
        try result.append(String(text[start...]))
        return result.text
    }
}

extension Interpreter {
    /// The filter `urlencode`: a text, or the pairs of a dictionary or sequence as a query.
    func encodeForURL(_ value: Value) throws(TemplateError) -> Value {
        let pairs: [Value]
        switch value {
        case .dict(let members):
            var items: [Value] = []
            for entry in members.entries { items.append(try .makeTuple([entry.key, entry.value])) }
            pairs = items
        case .list, .tuple, .undefined: pairs = try elements(of: value)
        default: return try makeText(percentEncoded(str(value), isQuery: false))
        }
        var result = LimitedText(limits)
        for (index, pair) in pairs.enumerated() {
            let parts = try elements(of: pair)
            guard parts.count == 2 else {
                throw TemplateError("'urlencode' expects pairs of a key and a value, found \(parts.count) values")
            }
            try charge(pair.weight)
            if index > 0 { try result.append("&") }
            try result.append(percentEncoded(str(parts[0]), isQuery: true))
            try result.append("=")
            try result.append(percentEncoded(str(parts[1]), isQuery: true))
        }
        return try makeText(result.text)
    }

    private func percentEncoded(_ text: String, isQuery: Bool) throws(TemplateError) -> String {
        try charge(text.utf8.count / 64)
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            case UInt8(ascii: "/") where !isQuery: bytes.append(byte)
            case UInt8(ascii: " ") where isQuery: bytes.append(UInt8(ascii: "+"))
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The filter `xmlattr`: a dictionary as attributes of a tag.
    func writeAttributes(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let bound = try arguments.bind("autospace", for: "xmlattr")
        if case .undefined(let what) = value { throw TemplateError(what) }
        guard case .dict(let members) = value else {
            throw TemplateError("'xmlattr' needs a dictionary, found a value of type '\(value.typeName)'")
        }
        var result = LimitedText(limits)
        for (key, value) in members.entries {
            if case .none = value { continue }
            if value.isUndefined { continue }
            guard let name = key.text else {
                throw TemplateError("'xmlattr' needs strings as keys, found a value of type '\(key.typeName)'")
            }
            guard !name.unicodeScalars.contains(where: { "/>= \t\n\r\u{b}\u{c}".unicodeScalars.contains($0) }) else {
                throw TemplateError("'xmlattr' found a character in the key '\(name.prefix(80))' that no attribute has")
            }
            if !result.text.isEmpty || bound.flag("autospace", default: true) { try result.append(" ") }
            try result.append(text(of: key, escaping: true))
            try result.append("=\"")
            try charge(value.weight)
            try result.append(text(of: value, escaping: true))
            try result.append("\"")
        }
        return try makeText(result.text, isMarkup: autoescapes)
    }

    // MARK: - Links

    /// The filter `urlize`: addresses of the web and of mail become links.
    func linkAddresses(in value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let bound = try arguments.bind("trim_url_limit", "nofollow", "target", "rel", "extra_schemes", for: "urlize")
        var relations = Set(Text.words(try bound.string("rel") ?? "", limit: .max).map { ExactString($0) })
        if bound.flag("nofollow") { relations.insert("nofollow") }
        relations.insert("noopener")
        let sorted = relations.sorted().map(\.text).joined(separator: " ")
        var attributes = " rel=\"" + (try Text.escaped(sorted, limits)) + "\""
        if let target = try bound.string("target"), !target.isEmpty {
            attributes += " target=\"" + (try Text.escaped(target, limits)) + "\""
        }
        var schemes: [String] = []
        for scheme in try bound.given("extra_schemes").map({ (value) throws(TemplateError) in
            try elements(of: value)
        }) ?? [] {
            guard let text = scheme.text, Address.isScheme(text) else {
                throw TemplateError("'urlize' found a scheme that is none: \(try str(scheme).prefix(80))")
            }
            schemes.append(text)
        }
        let text = try text(of: value, escaping: true)
        try charge(text.utf8.count / 16)
        var result = LimitedText(limits)
        var rest = text.unicodeScalars[...]
        while !rest.isEmpty {
            let gap = rest.prefix(while: Text.isSpace)
            try result.append(String(gap))
            rest = rest[gap.endIndex...]
            let word = rest.prefix { !Text.isSpace($0) }
            rest = rest[word.endIndex...]
            guard !word.isEmpty else { continue }
            try charge(1 + schemes.count)
            let parts = Address.split(String(word))
            try result.append(parts.head)
            try result.append(
                link(parts.middle, attributes: attributes, limit: bound.integer("trim_url_limit"), schemes: schemes))
            try result.append(parts.tail)
        }
        return try makeText(result.text, isMarkup: autoescapes)
    }

    private func link(
        _ text: String, attributes: String, limit: Int?, schemes: [String]
    ) throws(TemplateError) -> String {
        func starts(_ prefix: String) -> Bool { text.utf8.starts(with: prefix.utf8) }
        if Address.isOfWeb(text) {
            var shown = text
            if let limit, text.unicodeScalars.count > limit {
                let kept = limit < 0 ? text.unicodeScalars.dropLast(-limit) : text.unicodeScalars.prefix(limit)
                shown = String(kept) + "..."
            }
            let scheme = starts("https://") || starts("http://") ? "" : "https://"
            return "<a href=\"\(scheme)\(text)\"\(attributes)>\(shown)</a>"
        }
        if starts("mailto:") {
            let address = String(text.unicodeScalars.dropFirst(7))
            if Address.isOfMail(address) { return "<a href=\"\(text)\">\(address)</a>" }
        }
        let scalars = text.unicodeScalars
        if scalars.contains("@"), !starts("www."), !starts("@"), !scalars.contains(":"), Address.isOfMail(text) {
            return "<a href=\"mailto:\(text)\">\(text)</a>"
        }
        var linked = text
        for scheme in schemes where linked != scheme && linked.utf8.starts(with: scheme.utf8) {
            linked = "<a href=\"\(linked)\"\(attributes)>\(linked)</a>"
        }
        return linked
    }
}
