#!/usr/bin/env bash
# Checks that an app that depends on this package by URL works in a debug build.
#
# SwiftPM drops unsafe flags in dependencies, so the kernels of such an app are compiled without optimisation. No other
# check builds them that way. A release build needs no check: its kernels have the same flags in both cases.
#
# The script makes a package that depends on a copy of the working tree by a file:// URL. It runs the README's first
# example in it, and compares the text with the output of `ouro` (default: .build/release/ouro). The app gets small
# stacks, like threads on Apple's systems, because an app may load a model on any thread.
set -euo pipefail
cd "$(dirname "$0")/.."
ouro=${1:-.build/release/ouro}
model=$PWD/Tests/OuroTests/Fixtures/code_lm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

package=$folder/swift-ouro
mkdir "$package"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar -c --null -T - | tar -x -C "$package"
git -C "$package" init --quiet --initial-branch=under-test
git -C "$package" add --all
git -C "$package" -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false commit --quiet -m "under test"

app=$folder/app
mkdir -p "$app/Sources/app"
cat >"$app/Package.swift" <<EOF
// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "app", platforms: [.macOS(.v15)],
    dependencies: [.package(url: "file://$package", branch: "under-test")],
    targets: [.executableTarget(name: "app", dependencies: [.product(name: "Ouro", package: "swift-ouro")])]
)
EOF
# The first example is a complete program. The fixture replaces its model folder.
awk '/^```swift$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' README.md \
    | sed "s|\"Ouro-1.4B\"|\"$model\"|" >"$app/Sources/app/main.swift"
grep -q "$model" "$app/Sources/app/main.swift" || { echo "the README's first example does not load Ouro-1.4B"; exit 1; }

swift build --package-path "$app" --product app
prompt=$(sed -n 's/.*\.init("\([^"]*\)".*/\1/p' "$app/Sources/app/main.swift")
tokens=$(sed -n 's/.*maxTokens: \([0-9]*\).*/\1/p' "$app/Sources/app/main.swift")
expected=$("$ouro" generate --model "$model" --max-tokens "$tokens" "$prompt" 2>/dev/null)
found=$(ulimit -s 512 && "$app/.build/debug/app")
[ "$found" = "$expected" ] || { printf 'expected:\n%s\nfound:\n%s\n' "$expected" "$found"; exit 1; }
