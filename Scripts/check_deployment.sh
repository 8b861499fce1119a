#!/usr/bin/env bash
# Lints what is needed to run the server: the container's recipe, the systemd unit, the Kubernetes manifest.
#
# Without network. Each check is skipped where its tool is missing: hadolint, systemd-analyze, and from PyPI
# kubernetes-validate and yamllint, found on PATH or in the folder that OURO_LINTERS names (a venv's bin).
# Given the program, also tries whether it takes the arguments that the files pass to it.
#
#     Scripts/check_deployment.sh [.build/release/ouro]
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="${OURO_LINTERS:+$OURO_LINTERS:}$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

has() {
    command -v "$1" >/dev/null && return
    echo "skipped: $1 is not installed"
    return 1
}

if has hadolint; then
    hadolint Containerfile
    echo "ok: Containerfile"
fi

if has systemd-analyze; then
    # The program need not be installed here.
    sed 's|/usr/local/bin/ouro|/bin/true|' Deployment/ouro.service >"$work/ouro.service"
    complaints=$(systemd-analyze verify "$work/ouro.service" 2>&1 | grep ouro.service || true)
    if [ -n "$complaints" ]; then
        echo "$complaints"
        exit 1
    fi
    # Exposure from 0 to 10, here in tenths.
    systemd-analyze security --offline=true --threshold=20 --no-pager "$work/ouro.service" | tail -n 1
    echo "ok: Deployment/ouro.service"
fi

if has yamllint; then
    yamllint --strict -c Deployment/yamllint.yaml Deployment/kubernetes.yaml
    echo "ok: Deployment/kubernetes.yaml is YAML as it should be"
fi
if has kubernetes-validate; then
    kubernetes-validate --strict Deployment/kubernetes.yaml
    echo "ok: Deployment/kubernetes.yaml has the fields that Kubernetes knows"
fi

# What must agree between files, checked everywhere.
seconds() { grep -o -- "$2[= ][0-9]*" "$1" | grep -o '[0-9]*$' | head -n 1; }
grace() { grep -o "$2[:=] *[0-9]*" "$1" | grep -o '[0-9]*$'; }
agree() {
    if ! [ "$2" "$3" "$4" ]; then
        echo "$1: found $2 and $4"
        exit 1
    fi
    echo "ok: $1"
}
agree "systemd waits longer than the server drains" \
    "$(grace Deployment/ouro.service TimeoutStopSec)" -gt "$(seconds Deployment/ouro.service --drain-seconds)"
agree "Kubernetes waits longer than the pause and the draining" \
    "$(grace Deployment/kubernetes.yaml terminationGracePeriodSeconds)" -gt \
    "$(($(seconds Deployment/kubernetes.yaml --drain-seconds) + $(grace Deployment/kubernetes.yaml 'sleep: {seconds')))"
agree "the container exposes the port that the manifest serves" \
    "$(grep -o 'EXPOSE [0-9]*' Containerfile)" = "EXPOSE $(seconds Deployment/kubernetes.yaml --port)"
agree "the container's user is the manifest's" \
    "$(grep -o 'USER [0-9]*' Containerfile)" = "USER $(grep -o 'runAsUser: [0-9]*' Deployment/kubernetes.yaml | grep -o '[0-9]*' | head -n 1)"

program=${1:-}
if [ -z "$program" ] || ! "$program" serve --help 2>/dev/null | grep -q 'ouro serve'; then
    echo "skipped: no program with the verb serve was given"
    exit 0
fi
# With a model that is not there it ends with 1; with arguments that it does not know, with 64.
takes() {
    local name=$1 status=0
    shift
    OURO_API_KEY=key "$program" "$@" --model "$work/none" >"$work/output" 2>&1 || status=$?
    if [ "$status" != 1 ]; then
        echo "$name: the program does not take $* (exit code $status)"
        cat "$work/output"
        exit 1
    fi
    echo "ok: the program takes the arguments of $name"
}
mapfile -t unit < <(grep '^ExecStart=' Deployment/ouro.service | tr ' ' '\n' | tail -n +2)
takes Deployment/ouro.service "${unit[@]}"
mapfile -t pod < <(sed -n '/- serve$/,/env:/s/^ *- \([^ ]*\)$/\1/p' Deployment/kubernetes.yaml)
takes Deployment/kubernetes.yaml "${pod[@]}"
