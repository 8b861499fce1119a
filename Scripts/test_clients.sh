#!/usr/bin/env bash
# Runs the openai package and the lm-evaluation-harness against a server, in a virtual environment of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.build/clients
if [ ! -x "$venv/bin/lm_eval" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "openai>=2" "lm_eval[api]>=0.4.9"
fi
exec "$venv/bin/python" Scripts/test_clients.py "$@"
