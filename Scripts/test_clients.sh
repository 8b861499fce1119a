#!/usr/bin/env bash
# Runs public clients against a server, in a new virtual environment: the openai and anthropic packages, LangChain,
# instructor and the lm-evaluation-harness.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.build/clients
if [ ! -e "$venv/complete" ]; then
    python3 -m venv "$venv"
    # Without a package index the clients cannot be installed, so the test is skipped.
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check \
        "openai>=2" "anthropic>=0.60" langchain-openai instructor "lm_eval[api]>=0.4.9"; then
        echo "skipped: the Python packages cannot be installed"
        exit 0
    fi
    touch "$venv/complete"
fi
"$venv/bin/python" Scripts/test_agents.py "$@"
exec "$venv/bin/python" Scripts/test_clients.py "$@"
