import Testing

@testable import OuroHub

/// Paths of the hub are judged by their bytes. A slash with a combining mark is one character and still a slash.
@Suite struct HubNameTests {
    @Test(arguments: [
        "../\u{301}x", "a/../\u{301}b", "a/..\u{2F}\u{301}b", "/\u{301}x", "..", ".", "", "a//b", "a\\b", "a\u{0}b",
        "a/",
    ])
    func pathsThatLeadOutAreRefused(path: String) { #expect(!HubListing.isSafe(path)) }

    @Test(arguments: ["a", "a/b.json", "e\u{301}/\u{e9}", "..a", "a/..b", "\u{301}a"])
    func plainPathsAreAccepted(path: String) { #expect(HubListing.isSafe(path)) }

    @Test func pathsThatLookAlikeAreTwoFiles() throws {
        let commit = String(repeating: "a", count: 40)
        let names = ["\u{e9}.json", "e\u{301}.json", "\u{e9}.json"].map { "{\"rfilename\":\"\($0)\"}" }
        let text = "{\"sha\":\"\(commit)\",\"siblings\":[\(names.joined(separator: ","))]}"
        let listing = try HubListing(.init(text.utf8), repository: HubRepository("a/b"))
        #expect(listing.files.count == 2 && listing.files.map(\.utf8.count) == [8, 7])
    }
}
