/// What a handler gets beside its request.
struct ConnectionContext: Sendable {
    let connection: Connection
    /// The decoded segments of the path that `/**` stands for.
    var rest: [String] = []
}
