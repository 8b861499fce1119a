/// The progress of a training.
public struct TrainingProgress: Sendable, Equatable {
    /// Index of the current stage, from 0.
    public var stage = 0
    /// Steps done in the current stage.
    public var stageStep = 0
    /// Steps done in all stages.
    public var step = 0
    /// Positions trained in all stages.
    public var tokens = 0
}
