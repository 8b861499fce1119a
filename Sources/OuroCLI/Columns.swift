import Ouro

/// A cell of a table: a text with spaces after it, one at least.
///
/// - Parameters:
///   - width: characters of the cell, unless the text needs more.
func column(_ text: String, _ width: Int) -> String { (text + " ").leftAligned(in: width) }
