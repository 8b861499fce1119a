#!/usr/bin/env bash
# Runs the openai package and the lm-evaluation-harness against a server, in a new virtual environment.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.build/clients
if [ ! -x "$venv/bin/lm_eval" ]; then
    python3 -m venv "$venv"
    # Without a package index the clients cannot be installed, so the test is skipped.
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check "openai>=2" "lm_eval[api]>=0.4.9"; then
        echo "skipped: the Python packages cannot be installed"
        exit 0
    fi
fi
exec "$venv/bin/python" Scripts/test_clients.py "$@"
