import Foundation
import Testing

@testable import Ouro

/// A plan says what a looped model computes; what the engine does not implement is refused by the name of the field.
@Suite struct LoopPlanTests {
    @Test func ourosPlanIsACoreAlone() throws {
        let configuration = try ModelConfiguration(contentsOf: Fixtures.url("ouro-1.4b-config.json"))
        let plan = configuration.plan
        #expect(configuration.family == .ouro)
        #expect(plan == LoopPlan(core: 0..<24, loops: 4))
        #expect(plan.prelude.isEmpty && plan.coda.isEmpty)
        #expect(plan.slotCount == 4)
        #expect(throws: Never.self) { try plan.requireSupported(by: "the CPU device") }
    }

    @Test func thePlanFollowsTheNumberOfLoops() throws {
        var configuration = try ConfigurationSample.parse(["total_ut_steps": "6"])
        #expect(configuration.plan.loops == 6 && configuration.plan.slotCount == 6)
        configuration.loops = 2
        #expect(configuration.plan.loops == 2 && configuration.plan.slotCount == 2)
    }

    @Test func impossibleSizesMakeAPlanWithoutTrapping() {
        for bad in [Int.min, -1, 0, .max] {
            let configuration = ModelConfiguration(
                vocabularySize: bad, hiddenSize: bad, intermediateSize: bad, layerCount: bad, headCount: bad,
                contextLength: bad, loops: bad)
            #expect(configuration.plan.core.count == max(bad, 0))
        }
    }

    @Test func cyclicSlotsAreAsManyAsTheirNumber() {
        var plan = LoopPlan(core: 2..<6, loops: 32)
        plan.cacheSlots = .cyclic(2)
        #expect(plan.slotCount == 2)
        plan.loops = 1
        #expect(plan.slotCount == 1)
    }

    /// One value of each field that Ouro does not have, with what the error must say was found.
    static let unsupported: [(field: String, found: String, change: @Sendable (inout LoopPlan) -> Void)] = [
        (
            "prelude", "0..<2",
            {
                $0.prelude = 0..<2
                $0.core = 2..<6
            }
        ),
        ("core", "1..<4", { $0.core = 1..<4 }),
        ("coda", "3..<5", { $0.coda = 3..<5 }),
        ("injection", "concatenation", { $0.injection = .concatenation }),
        ("start", "noise(deviation: 0.5)", { $0.start = .noise(deviation: 0.5) }),
        ("embeddingScale", "72.5", { $0.embeddingScale = 72.5 }),
        ("loopNorm", "beforeCoda", { $0.loopNorm = .beforeCoda }),
        ("layerNorms", "beforeBranch", { $0.layerNorms = .beforeBranch }),
        ("queryKey", "bias", { $0.queryKey = .bias }),
        ("rotation", "adjacentPairs", { $0.rotation = .adjacentPairs }),
        ("cacheSlots", "cyclic(2)", { $0.cacheSlots = .cyclic(2) }),
        ("reads", "deepestSlot", { $0.reads = .deepestSlot }),
        ("exitSignal", "change", { $0.exitSignal = .change }),
    ]

    @Test(arguments: unsupported.indices)
    func whatTheDeviceLacksIsRefusedByName(index: Int) throws {
        let (field, found, change) = Self.unsupported[index]
        var plan = LoopPlan(core: 0..<3, loops: 4)
        change(&plan)
        let error = #expect(throws: OuroError.self) {
            try plan.requireSupported(by: "the CPU device", file: "a/config.json")
        }
        #expect(error?.code == .unsupported)
        #expect(error?.file == "a/config.json")
        #expect(error?.field == "plan." + field)
        #expect(error?.message.contains("the CPU device") == true)
        #expect(error?.message.contains("found \(found)") == true, "\(error as Any)")
    }

    /// A field that is added to the plan is added to the check.
    @Test func everyFieldIsChecked() {
        let fields = Mirror(reflecting: LoopPlan(core: 0..<3, loops: 4)).children.compactMap(\.label)
        #expect(Set(fields).subtracting(["loops"]) == Set(Self.unsupported.map(\.field)))
    }

    @Test func unknownKindsAreRefusedAndTheKnownOnesListed() {
        let error = ConfigurationSample.error(["model_type": "\"huginn_raven\""])
        #expect(error?.code == .unsupported)
        #expect(error?.field == "model_type")
        #expect(
            error?.message
                == "expected a kind of model that this package knows ('ouro'), found 'huginn_raven'")
    }
}
