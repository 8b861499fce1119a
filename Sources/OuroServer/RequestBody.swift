import Foundation

extension GenerationService {
    /// Reads a request's body, within `arrivalSeconds`.
    func body(of request: Request, from connection: Connection) async throws -> RequestFields {
        let tooSlow = APIError.tooSlow("the body", seconds: options.arrivalSeconds)
        let data = try await connection.limiting(seconds: options.arrivalSeconds, tooSlow) { [options] in
            try await Data(request.body.collect(upTo: options.maxBodyBytes).readableBytesView)
        }
        return try RequestFields(parsing: data)
    }
}
