#!/usr/bin/env bash
# Runs the openai package and the lm-evaluation-harness against a server, in a virtual environment of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.build/clients
if [ ! -x "$venv/bin/lm_eval" ]; then
    python3 -m venv "$venv"
    # Where there is no index of packages there are no clients either; everything else is tested without them.
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check "openai>=2" "lm_eval[api]>=0.4.9"; then
        echo "skipped: Python's packages cannot be had"
        exit 0
    fi
fi
exec "$venv/bin/python" Scripts/test_clients.py "$@"
