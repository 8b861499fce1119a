#!/usr/bin/env bash
# Lints the files that run the server: the Containerfile, the systemd unit and the Kubernetes manifests.
#
# It needs no network. The tools are hadolint, systemd-analyze, kubernetes-validate and yamllint. A check is skipped if
# its tool is missing.
# The tools are searched on PATH and in the folder OURO_LINTERS (the bin folder of a virtual environment).
# With the program as argument, it also checks that the program accepts the arguments in the files.
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
    # The unit may name a program that is not installed on this machine.
    sed 's|/usr/local/bin/ouro|/bin/true|' Deployment/ouro.service >"$work/ouro.service"
    complaints=$(systemd-analyze verify "$work/ouro.service" 2>&1 | grep ouro.service || true)
    if [ -n "$complaints" ]; then
        echo "$complaints"
        exit 1
    fi
    # The exposure goes from 0 to 10. This number is in tenths.
    systemd-analyze security --offline=true --threshold=20 --no-pager "$work/ouro.service" | tail -n 1
    echo "ok: Deployment/ouro.service"
fi

if has yamllint; then
    yamllint --strict -c Deployment/yamllint.yaml Deployment/kubernetes.yaml Deployment/inference-pool.yaml
    echo "ok: the manifests are YAML as it should be"
fi
if has kubernetes-validate; then
    kubernetes-validate --strict Deployment/kubernetes.yaml
    echo "ok: Deployment/kubernetes.yaml has the fields that Kubernetes knows"
fi
python=$(command -v python3)
if "$python" -c 'import yaml' 2>/dev/null; then
    "$python" Scripts/check_inference_pool.py "$work/known.yaml"
    echo "ok: Deployment/inference-pool.yaml has the fields and names that its kinds need"
    if has kubernetes-validate; then
        kubernetes-validate --strict "$work/known.yaml"
        echo "ok: the picker has the fields that Kubernetes knows"
    fi
else
    echo "skipped: Python has no yaml"
fi

# Values that must agree between the files. This check needs no tool.
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
# The model does not exist, so the program ends with 1. With unknown arguments it would end with 64.
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
