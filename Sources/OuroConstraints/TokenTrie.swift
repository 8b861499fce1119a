import Ouro

/// The tokens of a vocabulary as a trie over their bytes. If the grammar forbids a byte, all tokens below that node are
/// excluded at once.
///
/// It does not contain special tokens.
final class TokenTrie: Sendable {
    struct Node: Sendable {
        var children: [(byte: UInt8, node: Int32)] = []
        /// The ids of the tokens that end at this node.
        var tokens: [Int32] = []
    }

    /// The nodes. The first one is the root.
    let nodes: [Node]
    /// The bytes of every token; empty for special tokens and unused ids.
    private let bytes: [[UInt8]]

    /// Makes the trie of a tokenizer.
    ///
    /// - Parameters:
    ///   - tokenizer: the tokenizer.
    ///   - size: the number of token ids to include, from 0.
    init(_ tokenizer: Tokenizer, size: Int) {
        var nodes = [Node()]
        var all = [[UInt8]](repeating: [], count: size)
        for id in 0..<size where !tokenizer.isSpecial(id) {
            guard let bytes = tokenizer.bytes(of: id), !bytes.isEmpty else { continue }
            all[id] = bytes
            var place = 0
            for byte in bytes {
                if let child = nodes[place].children.first(where: { $0.byte == byte }) {
                    place = Int(child.node)
                } else {
                    nodes[place].children.append((byte, Int32(nodes.count)))
                    place = nodes.count
                    nodes.append(Node())
                }
            }
            nodes[place].tokens.append(Int32(id))
        }
        self.nodes = nodes
        bytes = all
    }

    func bytes(of id: Int) -> [UInt8] { bytes.indices.contains(id) ? bytes[id] : [] }
}
