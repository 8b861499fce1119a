import Ouro

/// The tokens of a vocabulary as a trie over their bytes. If the grammar forbids a byte, all tokens below that node are
/// excluded at once.
///
/// It does not contain special tokens. The nodes are in preorder: a node comes before its children, and `end` is the
/// node after its last descendant. The root has no node.
final class TokenTrie: Sendable {
    struct Node: Sendable {
        let byte: UInt8
        /// The number of bytes before this one.
        let depth: Int32
        fileprivate(set) var end: Int32
        /// The ids of the tokens that end here: a range of `tokens`.
        fileprivate(set) var tokens: Range<Int32>
    }

    let nodes: [Node]
    let tokens: [Int32]
    /// The bytes of every token; empty for special tokens and unused ids.
    private let bytes: [[UInt8]]
    let size: Int
    /// The length of the longest token.
    let longest: Int

    /// Makes the trie of a tokenizer.
    ///
    /// - Parameters:
    ///   - tokenizer: the tokenizer.
    ///   - size: the number of token ids to include, from 0.
    init(_ tokenizer: Tokenizer, size: Int) {
        var bytes = [[UInt8]](repeating: [], count: size)
        for id in 0..<size where !tokenizer.isSpecial(id) { bytes[id] = tokenizer.bytes(of: id) ?? [] }
        let order = bytes.indices.filter { !bytes[$0].isEmpty }
            .sorted { (a: Int, b: Int) in bytes[a].lexicographicallyPrecedes(bytes[b]) }
        var nodes: [Node] = []
        var tokens: [Int32] = []
        // The nodes on the way to the last token.
        var open: [Int] = []
        var last: [UInt8] = []
        for id in order {
            let text = bytes[id]
            var common = 0
            while common < min(text.count, last.count), text[common] == last[common] { common += 1 }
            for node in open[common...] { nodes[node].end = Int32(nodes.count) }
            open.removeSubrange(common...)
            for place in common..<text.count {
                open.append(nodes.count)
                let start = Int32(tokens.count)
                nodes.append(Node(byte: text[place], depth: Int32(place), end: 0, tokens: start..<start))
            }
            tokens.append(Int32(id))
            let node = open[open.count - 1]
            nodes[node].tokens = nodes[node].tokens.lowerBound..<Int32(tokens.count)
            last = text
        }
        for node in open { nodes[node].end = Int32(nodes.count) }
        self.size = size
        self.nodes = nodes
        self.tokens = tokens
        self.bytes = bytes
        longest = bytes.map(\.count).max() ?? 0
    }

    func bytes(of id: Int) -> [UInt8] { bytes.indices.contains(id) ? bytes[id] : [] }
}
