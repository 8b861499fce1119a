import Ouro

/// A cell of a table: a text, padded with at least one space.
///
/// - Parameters:
///   - width: the width of the cell in characters. A longer text makes the cell wider.
func column(_ text: String, _ width: Int) -> String { (text + " ").leftAligned(in: width) }
