import Foundation
import Testing

@testable import Ouro
@testable import OuroTraining

@Suite struct StepReportTests {
    private static func report(stage: String, objective: Objective, norm: Double) -> StepReport {
        var metrics = StepMetrics(loops: 2)
        metrics.count = 4
        metrics.objectiveSum = 6
        metrics.crossEntropySums = [8, 4]
        metrics.exitSums = [1, 3]
        return StepReport(
            progress: TrainingProgress(stage: 0, stageStep: 2, step: 12, tokens: 640), totalSteps: 20, stage: stage,
            objective: objective, metrics: metrics, learningRate: 0.001, gradientNorm: norm, tokensPerSecond: 10,
            secondsLeft: nil)
    }

    @Test func aLineOfTheLogIsOneObject() {
        let report = Self.report(stage: "one", objective: .expectedLoss(beta: 0.1), norm: .infinity)
        #expect(
            report.json
                == #"{"step":12,"stage":"one","stage_step":2,"tokens":640,"loss":1.5,"loss_per_loop":[2.0,1.0],"#
                + #""exit_distribution":[0.25,0.75],"entropy":0.0,"mean_exit_loop":1.75,"beta":0.1,"#
                + #""learning_rate":0.001,"gradient_norm":null,"tokens_per_second":10.0}"#)
    }

    @Test func namesOfStagesStayWhatTheyAre() throws {
        let name = "a \"quoted\" name with \\ and\ttab"
        let json = Self.report(stage: name, objective: .lastLoop, norm: 1).json
        let value = try JSONValue(parsing: json)
        #expect(value["stage"] == .string(name) && value["beta"] == .null)
    }
}
