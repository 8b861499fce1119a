import Foundation
import Testing

/// Tests the JSON objects and the tables of `ouro bench`.
@Suite struct BenchTests {
    private static let trained = CommandLineTool.fixture("code_lm")
    private static let quick = ["--seconds", "0.02", "--max-tokens", "12", "--threads", "1"]

    private static let scheduleKeys: Set<String> = [
        "name", "simulation", "settled", "shape", "weights", "threads", "schedule", "streams", "tokens", "mean_loops",
        "passes_per_token", "tokens_per_second", "pass_ratio", "speed_ratio",
    ]

    @Test func limitsAreObjectsAndATable() throws {
        let arguments = [
            "bench", "--shape", "2x64x2x128x256", "--weights", "q4", "--only", "pass", "--rows", "1,2",
            "--threads", "1", "--seconds", "0.01",
        ]
        let objects = try CommandLineTool.run(arguments + ["--json"]).json()
        #expect(objects.map { $0["rows"] as? Int } == [1, 2])
        for object in objects {
            #expect(
                Set(object.keys) == [
                    "name", "shape", "weights", "threads", "rows", "chunk", "context", "value", "unit", "limit",
                    "fraction", "times_one_row", "least_times_one_row",
                ])
            #expect(object["weights"] as? String == "q4" && object["unit"] as? String == "ms")
        }
        #expect(objects[0]["times_one_row"] is NSNull && objects[1]["times_one_row"] is Double)
        let table = try CommandLineTool.run(arguments)
        #expect(table.errors == "", "a bar is for a terminal only")
        let lines = table.output.split(separator: "\n")
        #expect(lines.count == 3 && lines[0].hasSuffix("of the limit  x one row (least)"), "\(table.output)")
        #expect(lines[2].hasPrefix("pass, 2 rows ") && lines[2].hasSuffix(")"), "\(table.output)")
    }

    @Test(arguments: [["--only", "decode,pass", "--contexts", "1048576"], ["--only", "pass", "--rows", "2,4096"]])
    func whatDoesNotFitIsRefusedBeforeAnythingIsMeasured(arguments: [String]) throws {
        let result = try CommandLineTool.run(
            ["bench", "--shape", "512x256x4x16x64", "--weights", "bf16"] + arguments + Self.quick.prefix(2))
        #expect(result.status == 1 && result.output == "", "\(result.output)")
        #expect(result.errors.contains("MiB are available") && result.errors.contains(arguments[3].suffix(4)))
    }

    @Test func schedulesAreObjects() throws {
        let result = try CommandLineTool.run(
            ["bench", "--model", Self.trained, "--only", "schedules,concurrency", "--streams", "1,3", "--json"]
                + Self.quick)
        #expect(result.status == 0, "\(result.errors)")
        let objects = try result.json()
        #expect(objects.count == 5 + 4, "\(result.output)")
        for object in objects { #expect(Set(object.keys) == Self.scheduleKeys, "\(object)") }
        #expect(objects.prefix(5).allSatisfy { $0["name"] as? String == "schedules" })
        #expect(objects.dropFirst(5).map { $0["streams"] as? Int } == [1, 3, 1, 3])
        #expect(objects.allSatisfy { $0["simulation"] as? Bool == false })
        #expect(objects.first?["passes_per_token"] as? Double == 4)
    }

    @Test func agreementIsAnObject() throws {
        let text = Data("func f() -> Int { 1 }\n".utf8)
        let result = try CommandLineTool.run(
            ["bench", "--model", Self.trained, "--only", "agreement", "--text", "-", "--json"] + Self.quick,
            input: text)
        #expect(result.status == 0, "\(result.errors)")
        let object = try #require(try result.json().first)
        #expect(
            Set(object.keys) == [
                "name", "shape", "weights", "threads", "text", "positions", "agreement", "settled",
                "mean_settling_loop", "exit_threshold", "exits", "mean_exit_loop",
            ])
        #expect(object["positions"] as? Int == text.count)
        #expect(object["text"] as? String == "given")
        #expect((object["agreement"] as? [Double])?.count == 4)
    }

    @Test func aSimulationSaysThatItIsOne() throws {
        let arguments =
            ["bench", "--only", "simulation", "--shape", "2x64x2x128x256", "--weights", "bf16"] + Self.quick
        let objects = try CommandLineTool.run(arguments + ["--json", "--exits", "2"]).json()
        #expect(objects.count == 4)
        for object in objects {
            #expect(Set(object.keys) == Self.scheduleKeys, "\(object)")
            #expect(object["simulation"] as? Bool == true)
            #expect((object["settled"] as? [Double])?.count == 4, "of the model that comes with the tool")
        }
        let table = try CommandLineTool.run(arguments + ["--agreement", "0.5,0.75,0.875,1"])
        #expect(table.status == 0, "\(table.errors)")
        #expect(table.output.contains("simulation: real passes, predictions settled as 50/75/87.5/100 %"))
        #expect(table.output.contains("exit+wavefront"))
    }

    @Test func aModelLendsItsAgreementToAnotherShape() throws {
        let result = try CommandLineTool.run(
            ["bench", "--only", "simulation", "--shape", "2x64x2x128x256", "--model", Self.trained, "--json"]
                + Self.quick)
        #expect(result.status == 0, "\(result.errors)")
        let objects = try result.json()
        #expect(objects.first?["shape"] as? String == "2x64x2x128x256")
        let settled = try #require(objects.first?["settled"] as? [Double])
        #expect(settled.last == 1 && settled[0] > 0.4, "\(settled)")
    }
}
