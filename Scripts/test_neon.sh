#!/usr/bin/env bash
# Cross-compiles the kernels and their C tests for aarch64. An emulator runs them, once for each kind of processor: with
# and without the instructions that the variants need. `native` runs the same tests on this machine.
#
# Needs clang and, on Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static. Without them, it is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

sources=(Sources/OuroKernels/*.c Tests/KernelsC/*.c)
flags=(-std=c11 -O2 -Wall -Wextra -Werror -I Sources/OuroKernels/include)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

if ! command -v clang >/dev/null; then
    echo "skipped: clang is not installed"
    exit 0
fi
if [ "${1:-}" = native ]; then
    clang "${flags[@]}" "${sources[@]}" -lm -o "$build/kernel_tests"
    "$build/kernel_tests"
    exit
fi

for tool in aarch64-linux-gnu-gcc qemu-aarch64-static; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed"
        exit 0
    fi
done
root=/usr/aarch64-linux-gnu
if [ ! -e "$root/include/stdio.h" ]; then
    echo "skipped: the C library's headers for aarch64 are not installed"
    exit 0
fi

objects=()
for source in "${sources[@]}"; do
    object="$build/$(basename "$source").o"
    clang --target=aarch64-unknown-linux-gnu -isystem "$root/include" "${flags[@]}" -c "$source" -o "$object"
    objects+=("$object")
done
aarch64-linux-gnu-gcc "${objects[@]}" -lm -o "$build/kernel_tests"
# A processor, and the variants that must be chosen for it.
qemu-aarch64-static -L "$root" -cpu max "$build/kernel_tests" i8mm neon portable
qemu-aarch64-static -L "$root" -cpu neoverse-n1 "$build/kernel_tests" neon portable
qemu-aarch64-static -L "$root" -cpu cortex-a72 "$build/kernel_tests" portable
