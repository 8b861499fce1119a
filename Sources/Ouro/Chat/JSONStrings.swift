extension JSONValue {
    /// The value with every string changed.
    ///
    /// - Parameters:
    ///   - keys: whether the names of members change too.
    ///   - change: makes the new string.
    func mapStrings(keys: Bool, _ change: (String) -> String) -> JSONValue {
        switch self {
        case .string(let text): .string(change(text))
        case .array(let elements): .array(elements.map { $0.mapStrings(keys: keys, change) })
        case .object(let members):
            .object(
                members.reduce(into: JSONObject()) {
                    $0[keys ? change($1.key) : $1.key] = $1.value.mapStrings(keys: keys, change)
                })
        case .null, .bool, .int, .bigInteger, .double: self
        }
    }
}
