#!/usr/bin/env bash
# Tests the server's page in a headless Chromium: Scripts/test_playground.sh [ouro [options of the .py]]
set -euo pipefail
cd "$(dirname "$0")/.."
ouro=${1:-.build/release/ouro}
[ $# -eq 0 ] || shift

find_browser() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "$name"; then return; fi
    done
    return 1
}
if ! find_browser >/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    { timeout 60 apt-get update && timeout 300 apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; } \
        >/dev/null 2>&1 || true
fi
if ! browser=$(find_browser); then
    echo "skipped: there is no Chromium"
    exit 0
fi

venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check websocket-client==1.9.2 numpy==2.4.6; }; then
    echo "skipped: the Python packages cannot be installed"
    exit 0
fi
"$venv/bin/python" Scripts/test_playground.py --ouro "$ouro" --browser "$browser" "$@"
