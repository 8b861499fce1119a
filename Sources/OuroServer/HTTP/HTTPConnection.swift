import HTTPTypes
import NIOCore
import NIOHTTP1

/// Answers the requests of all connections.
protocol HTTPService: Sendable {
    /// Answers a request. The task is cancelled when the client has left.
    func serve(_ request: Request, on eventLoop: any EventLoop, writer: any ResponseWriter) async
    /// Makes the response to bytes that are not a request.
    func refusal(_ error: APIError) -> Response
}

/// Speaks HTTP/1 on one connection: one request after the other, each answered in a task of its own.
///
/// The connection reads from its socket only when it needs bytes. A client that sends ahead waits.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase {
        case open
        /// The last response is sent. The connection reads and drops this number of bytes, so that the client sees the
        /// response before the connection is reset.
        case lingering(allowance: Int)
        case closed
    }

    /// The time that a client has to close its side after the last response.
    private static let lingerSeconds: Int64 = 2

    private let service: any HTTPService
    private let limits: ConnectionLimits
    private let tracker: ConnectionTracker
    private var handlerContext: ChannelHandlerContext?
    private var phase = Phase.open
    private var exchange: HTTPExchange?
    /// Parts of requests that the client has sent ahead.
    private var partsAhead: [HTTPServerRequestPart] = []
    /// A fault in the bytes after the current request.
    private var faultAhead: APIError?
    private var inputIsClosed = false
    /// Whether bytes of the next head have arrived.
    private var headHasBegun = false
    private var cancelTimer: () -> Void = {}

    init(service: any HTTPService, limits: ConnectionLimits, tracker: ConnectionTracker) {
        (self.service, self.limits, self.tracker) = (service, limits, tracker)
    }

    func handlerAdded(context: ChannelHandlerContext) { handlerContext = context }

    func handlerRemoved(context: ChannelHandlerContext) { handlerContext = nil }

    func channelActive(context: ChannelHandlerContext) {
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        tracker.add(
            context.channel,
            drain: { eventLoop.execute { connection.value.drain() } })
        startTimer(limits.arrivalSeconds) { $0.arrivalTimeIsOver() }
        readOn()
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .closed
        cancelTimer()
        cancelTimer = {}
        tracker.remove(context.channel)
        partsAhead = []
        exchange?.body.fail(CancellationError())
        exchange?.task?.cancel()
        // The body of the exchange refers to this connection, so neither would be freed.
        exchange = nil
    }

    // MARK: what arrives

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch phase {
        case .open where exchange?.bodyIsWhole == true: partsAhead.append(part)
        case .open: take(part, context)
        case .lingering(let allowance):
            guard case .body(let bytes) = part else { return }
            phase = .lingering(allowance: allowance - bytes.readableBytes)
            if bytes.readableBytes > allowance { context.close(promise: nil) }
        case .closed: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { readOn() }

    /// Called before bytes are decoded.
    func bytesArrive() {
        guard case .open = phase, exchange == nil, !headHasBegun else { return }
        headHasBegun = true
        startTimer(limits.arrivalSeconds) { $0.arrivalTimeIsOver() }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head): begin(head, context)
        case .body(let bytes): exchange?.body.append(bytes)
        case .end:
            exchange?.bodyIsWhole = true
            exchange?.body.end()
            if inputIsClosed { probe(context) }
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        cancelTimer()
        headHasBegun = false
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        let exchange = HTTPExchange(head) { eventLoop.execute { connection.value.wantBody() } }
        self.exchange = exchange
        if let fault = exchange.fault { return refuse(fault) }
        if tracker.isDraining { exchange.keepsAlive = false }
        let bound = NIOLoopBound(exchange, eventLoop: eventLoop)
        let writer = ConnectionWriter(connection: connection, exchange: bound, eventLoop: eventLoop)
        let request = exchange.request
        tracker.exchanges.update { $0 += 1 }
        exchange.task = Task { [service, tracker] in
            await service.serve(request, on: eventLoop, writer: writer)
            eventLoop.execute {
                connection.value.finish(bound.value)
                tracker.exchanges.update { $0 -= 1 }
            }
        }
    }

    /// A handler waits for the body of its request.
    private func wantBody() {
        guard let exchange, let context = handlerContext, !exchange.bodyIsWhole else { return }
        if tracker.isDraining { return exchange.body.fail(APIError.draining) }
        if exchange.expectsContinue, !exchange.hasBegun {
            exchange.expectsContinue = false
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: exchange.version, status: .continue))), promise: nil)
        }
        readOn()
    }

    private func readOn() {
        guard let context = handlerContext, !inputIsClosed else { return }
        switch phase {
        case .open:
            if let exchange, exchange.bodyIsWhole || !exchange.body.wantsMore { return }
            context.read()
        case .lingering: context.read()
        case .closed: break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        inputIsClosed = true
        guard case .open = phase, let exchange else { return context.close(promise: nil) }
        exchange.keepsAlive = exchange.keepsAlive && !partsAhead.isEmpty
        if exchange.bodyIsWhole {
            probe(context)
        } else {
            exchange.body.fail(APIError.badRequest(nil, "the connection ended before the body was complete"))
        }
    }

    /// Sends bytes without a meaning to a client that has closed its side. If it has closed the whole connection, its
    /// system answers with a reset, and `channelInactive` follows. If it only has no more to say, it still gets its answer.
    private func probe(_ context: ChannelHandlerContext) {
        guard let exchange, exchange.isModern else { return }
        if !exchange.hasBegun {
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: exchange.version, status: .continue))), promise: nil)
        } else if let probe = exchange.probe, !exchange.isComplete {
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(probe))), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard case .open = phase, let fault = APIError(decoding: error) else { return context.close(promise: nil) }
        if let exchange {
            if exchange.bodyIsWhole {
                faultAhead = faultAhead ?? fault
            } else {
                exchange.keepsAlive = false
                exchange.body.fail(fault)
            }
        } else {
            refuse(fault)
        }
    }

    private func arrivalTimeIsOver() {
        guard case .open = phase, exchange == nil else { return }
        guard headHasBegun else {
            handlerContext?.close(promise: nil)
            return
        }
        refuse(.tooSlow("the head of the request", seconds: limits.arrivalSeconds))
    }

    // MARK: what is sent

    /// Answers bytes that are not a request, and closes the connection.
    private func refuse(_ error: APIError) {
        guard let context = handlerContext else { return }
        var response = service.refusal(error)
        response.headers[.connection] = "close"
        var bytes = ByteBuffer()
        if case .whole(let body) = response.body { bytes = body }
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: response.status.code))
        head.headers = response.headers.forNIO
        head.headers.replaceOrAdd(name: "content-length", value: "\(bytes.readableBytes)")
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        linger()
    }

    /// Sends the head of a response.
    ///
    /// - Parameter length: the size of the body. Nil if it is not known.
    func begin(_ response: Response, length: Int?, probe: ByteBuffer?, for exchange: HTTPExchange) throws {
        guard let context = handlerContext, exchange === self.exchange, case .open = phase else {
            throw ChannelError.ioOnClosedChannel
        }
        let closes = response.headers[.connection]?.lowercased() == "close"
        if closes || !exchange.bodyIsWhole || tracker.isDraining { exchange.keepsAlive = false }
        // Without chunks, only the end of the connection shows the end of the body.
        if length == nil, !exchange.isModern { exchange.keepsAlive = false }
        (exchange.hasBegun, exchange.probe) = (true, probe)
        context.write(wrapOutboundOut(.head(exchange.head(of: response, length: length))), promise: nil)
    }

    /// Sends a part of the body. The future succeeds when the system has taken the bytes.
    func write(_ part: ByteBuffer, for exchange: HTTPExchange) throws -> EventLoopFuture<Void> {
        let context = try contextForSending(exchange)
        let promise = context.eventLoop.makePromise(of: Void.self)
        if exchange.isHead {
            promise.succeed()
        } else {
            context.write(wrapOutboundOut(.body(.byteBuffer(part))), promise: promise)
        }
        context.flush()
        return closingIfStuck(promise.futureResult, context)
    }

    /// Sends the end of the body.
    func end(_ exchange: HTTPExchange) throws -> EventLoopFuture<Void> {
        let context = try contextForSending(exchange)
        exchange.isComplete = true
        let promise = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
        return closingIfStuck(promise.futureResult, context)
    }

    private func contextForSending(_ exchange: HTTPExchange) throws -> ChannelHandlerContext {
        guard let context = handlerContext, exchange === self.exchange, case .open = phase else {
            throw ChannelError.ioOnClosedChannel
        }
        return context
    }

    /// Closes the connection if the client reads nothing for `arrivalSeconds`.
    private func closingIfStuck(
        _ sent: EventLoopFuture<Void>, _ context: ChannelHandlerContext
    ) -> EventLoopFuture<Void> {
        var isSent = false
        var cancel: () -> Void = {}
        sent.assumeIsolated().whenComplete { _ in
            isSent = true
            cancel()
        }
        if !isSent {
            let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
            cancel = limits.timer(seconds: limits.arrivalSeconds, on: context.eventLoop) {
                connection.value.handlerContext?.close(promise: nil)
            }
        }
        return sent
    }

    // MARK: from one request to the next

    /// The task of a request has ended.
    private func finish(_ exchange: HTTPExchange) {
        guard let context = handlerContext, exchange === self.exchange, case .open = phase else { return }
        // The client sees that the response is cut.
        guard exchange.isComplete else { return context.close(promise: nil) }
        guard exchange.keepsAlive, exchange.bodyIsWhole, !tracker.isDraining else { return linger() }
        self.exchange = nil
        while exchangeIsOver, let part = partsAhead.first {
            partsAhead.removeFirst()
            take(part, context)
        }
        guard self.exchange == nil, case .open = phase else { return readOn() }
        if let faultAhead { return refuse(faultAhead) }
        if inputIsClosed { return context.close(promise: nil) }
        startTimer(headHasBegun ? limits.arrivalSeconds : limits.keepAliveSeconds) { $0.arrivalTimeIsOver() }
        readOn()
    }

    /// Whether the next part belongs to the next request, or to the request that is being read.
    private var exchangeIsOver: Bool { exchange?.bodyIsWhole != true }

    /// Closes the sending side, and waits a moment for the client to close its own.
    private func linger() {
        guard let context = handlerContext else { return }
        if inputIsClosed { return context.close(promise: nil) }
        phase = .lingering(allowance: IncomingBody.allowance)
        partsAhead = []
        context.close(mode: .output, promise: nil)
        cancelTimer()
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        let timer = context.eventLoop.scheduleTask(in: .seconds(Self.lingerSeconds)) {
            connection.value.handlerContext?.close(promise: nil)
        }
        cancelTimer = { timer.cancel() }
        readOn()
    }

    /// The server is about to end: nothing new begins on this connection.
    private func drain() {
        guard let context = handlerContext else { return }
        guard case .open = phase, let exchange else { return context.close(promise: nil) }
        exchange.keepsAlive = false
        if !exchange.bodyIsWhole { exchange.body.fail(APIError.draining) }
    }

    private func startTimer(_ seconds: Int, _ body: @escaping (HTTPConnection) -> Void) {
        cancelTimer()
        guard let eventLoop = handlerContext?.eventLoop else { return }
        let connection = NIOLoopBound(self, eventLoop: eventLoop)
        let action = NIOLoopBound(body, eventLoop: eventLoop)
        cancelTimer = limits.timer(seconds: seconds, on: eventLoop) { action.value(connection.value) }
    }
}
