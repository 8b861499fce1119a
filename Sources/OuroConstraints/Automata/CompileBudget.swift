import Ouro

/// What the compilation of one grammar or schema may cost. It is checked while the automata grow, so a small text cannot
/// make a large automaton.
struct CompileBudget {
    /// The steps left. A step is one edge or one state of a set.
    var steps = 3 << 20
    /// The largest number of states of one automaton.
    static let stateLimit = 1 << 15

    /// Takes steps from the budget.
    ///
    /// - Throws: `OuroError` with code `invalidRequest` and the field `place` if they are used up.
    mutating func take(_ count: Int, for place: String) throws(OuroError) {
        steps -= count
        guard steps >= 0 else {
            throw OuroError(
                .invalidRequest, field: place,
                "the schema is too large: its texts need more work to describe than one request may cause")
        }
    }
}
