#!/bin/sh
# Compiles the Jinja module so that each comparison of two strings in Swift's way is an error.
#
# Swift's `==` and `<` also equal other spellings of the same characters. Python compares code points, and so must templates.
set -e
cd "$(dirname "$0")/.."
swiftc -typecheck -swift-version 6 -package-name swift-ouro -module-name Jinja -D CHECK_STRINGS Sources/Jinja/*.swift
