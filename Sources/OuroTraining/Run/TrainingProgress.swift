/// The progress of a training.
public struct TrainingProgress: Sendable, Equatable {
    /// Index of the current stage, from 0.
    public internal(set) var stage = 0
    /// Steps done in the current stage.
    public internal(set) var stageStep = 0
    /// Steps done in all stages.
    public internal(set) var step = 0
    /// Positions trained in all stages.
    public internal(set) var tokens = 0
}
