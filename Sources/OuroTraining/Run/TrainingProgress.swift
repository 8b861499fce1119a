/// How far a training has come.
public struct TrainingProgress: Sendable, Equatable {
    /// Index of the stage.
    public var stage = 0
    /// Steps taken in it.
    public var stageStep = 0
    /// Steps taken in all.
    public var step = 0
    /// Positions computed in all.
    public var tokens = 0
}
