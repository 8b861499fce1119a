/// The formats of strings, as regular expressions for whole strings.
enum StringFormats {
    /// The expression of a format; nil for a format that is not known. Such a format is an annotation.
    static subscript(name: String) -> String? { expressions[name] }

    /// Formats that JSON Schema defines, but that cannot be expressed here.
    static let unsupported: Set<String> = [
        "idn-email", "idn-hostname", "iri", "iri-reference", "uri-template", "regex",
    ]

    static var names: [String] { expressions.keys.sorted() }

    private static let year = #"(\d{3}[1-9]|\d\d[1-9]0|\d[1-9]00|[1-9]000)"#
    private static let leapYear = #"(\d\d(0[48]|[2468][048]|[13579][26])|([02468][48]|[2468]0|[13579][26])00)"#
    private static let date =
        "(\(year)-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))"
        + "|\(leapYear)-02-29)"
    private static let clock = #"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"#
    private static let offset = #"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"#
    private static let byte = #"(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])"#
    private static let ipv4 = "(\(byte)\\.){3}\(byte)"
    private static let group = "[0-9A-Fa-f]{1,4}"
    private static let ipv6: String = {
        // The number of groups before `::`; together with those after it there are at most seven.
        var forms = ["(\(group):){7}\(group)", "(\(group):){6}\(ipv4)"]
        for before in 0...7 {
            let head = before == 0 ? "" : "(\(group):){\(before - 1)}\(group)"
            let most = 7 - before
            forms.append(head + "::" + (most == 0 ? "" : "((\(group):){0,\(most - 1)}\(group))?"))
            if most >= 2 { forms.append(head + "::(\(group):){0,\(most - 2)}\(ipv4)") }
        }
        return "(" + forms.joined(separator: "|") + ")"
    }()
    /// A label has at most 61 characters, and no two hyphens in a row. A name has at most four labels.
    private static let label = "[A-Za-z0-9](-?[A-Za-z0-9]){0,30}"
    private static let hostname = "\(label)(\\.\(label)){0,3}"
    private static let atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
    private static let email = "\(atom){1,32}(\\.\(atom){1,30})?@\(label)(\\.\(label)){0,2}\\.[A-Za-z]{2,24}"
    private static let escaped = "%[0-9A-Fa-f]{2}"
    private static let character = "([A-Za-z0-9._~!$&'()*+,;=:@-]|\(escaped))"
    private static let user = "([A-Za-z0-9._~!$&'()*+,;=:-]|\(escaped))*@"
    private static let authority = "//(\(user))?([A-Za-z0-9._~-]+|\\[\(ipv6)\\])(:\\d{1,5})?"
    private static let rest = "(\\?(\(character)|[/?])*)?(#(\(character)|[/?])*)?"
    private static let scheme = "[A-Za-z][A-Za-z0-9+.-]*:"
    private static let uri =
        "\(scheme)(\(authority)(/\(character)*)*|/(\(character)+(/\(character)*)*)?|\(character)+(/\(character)*)*)\(rest)"
    private static let segment = "([A-Za-z0-9._~!$&'()*+,;=@-]|\(escaped))"
    private static let reference =
        "(\(uri)|(\(authority)(/\(character)*)*|/(\(character)+(/\(character)*)*)?|\(segment)+(/\(character)*)*)?\(rest))"
    private static let duration =
        #"P(\d{1,6}W|(\d{1,6}Y(\d{1,6}M)?(\d{1,6}D)?|\d{1,6}M(\d{1,6}D)?|\d{1,6}D)(T(\d{1,6}H(\d{1,6}M)?(\d{1,6}S)?|"#
        + #"\d{1,6}M(\d{1,6}S)?|\d{1,6}S))?|T(\d{1,6}H(\d{1,6}M)?(\d{1,6}S)?|\d{1,6}M(\d{1,6}S)?|\d{1,6}S))"#

    private static let expressions: [String: String] = [
        "date": date, "time": clock + offset, "date-time": date + "T" + clock + offset, "duration": duration,
        "uuid": "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", "email": email, "hostname": hostname,
        "ipv4": ipv4, "ipv6": ipv6, "uri": uri, "uri-reference": reference,
        "json-pointer": "(/([^~/]|~[01])*)*", "relative-json-pointer": #"(0|[1-9]\d*)(#|(/([^~/]|~[01])*)*)"#,
    ]
}
