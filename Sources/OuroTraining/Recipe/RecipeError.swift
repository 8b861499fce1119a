import Ouro

extension OuroError.Code {
    /// A training recipe has an unknown field or an impossible value.
    public static let invalidRecipe = OuroError.Code(rawValue: "invalidRecipe")
}
