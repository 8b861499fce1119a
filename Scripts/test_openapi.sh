#!/usr/bin/env bash
# Sends generated requests to every operation that /openapi.json describes. Schemathesis compares the answers with the
# description, in a virtual environment of its own.
#
# usage: Scripts/test_openapi.sh [OURO]
set -euo pipefail
cd "$(dirname "$0")/.."
ouro=${1:-.build/release/ouro}
venv=.build/schemathesis
if [ ! -e "$venv/complete" ]; then
    python3 -m venv "$venv"
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==4.32.5"; then
        echo "skipped: the Python packages cannot be installed"
        exit 0
    fi
    touch "$venv/complete"
fi
log=$(mktemp)
"$ouro" serve --port 0 >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT
for _ in $(seq 100); do
    address=$(grep -o 'http://127\.0\.0\.1:[0-9]*' "$log" | head -n 1 || true)
    [ -n "$address" ] && break
    sleep 0.1
done
[ -n "$address" ] || { cat "$log"; exit 1; }
"$venv/bin/schemathesis" run "$address/openapi.json" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method \
    --phases coverage,fuzzing --max-examples 15 --generation-deterministic --workers 1
