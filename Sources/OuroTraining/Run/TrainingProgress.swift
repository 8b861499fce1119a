/// The progress of a training.
public struct TrainingProgress: Sendable, Equatable {
    /// Index of the stage.
    public internal(set) var stage = 0
    /// Steps taken in it.
    public internal(set) var stageStep = 0
    /// Steps taken in all.
    public internal(set) var step = 0
    /// Positions computed in all.
    public internal(set) var tokens = 0
}
