#!/usr/bin/env python3
"""Checks Deployment/inference-pool.yaml: the kinds that kubernetes-validate does not know, and the names that must agree.

    Scripts/check_inference_pool.py KNOWN.yaml

The fields are those of inference.networking.k8s.io/v1 and gateway.networking.k8s.io/v1. The documents of kinds that
Kubernetes itself has are written to KNOWN.yaml, for kubernetes-validate. Needs PyYAML, which yamllint brings along.
"""
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
PORT = range(1, 65536)
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
DURATION = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}")

# A dict lists the members of an object; a name that ends with "!" is required. A list has one element, the schema of its
# elements. A pattern, a range or a set says which values are allowed.
REFERENCE = {"group": NAME, "kind!": LABEL, "name!": NAME}
METADATA = {"name!": NAME, "namespace": NAME, "labels": dict}
SCHEMAS = {
    ("inference.networking.k8s.io/v1", "InferencePool"): {
        "selector!": {"matchLabels!": dict},
        "targetPorts!": [{"number!": PORT}],
        "appProtocol": {"http", "kubernetes.io/h2c"},
        "endpointPickerRef!": {
            "group": NAME, "kind": LABEL, "name!": NAME, "port": {"number!": PORT},
            "failureMode": {"FailOpen", "FailClose"},
        },
    },
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): {
        "parentRefs!": [REFERENCE | {"namespace": NAME, "sectionName": NAME, "port": PORT}],
        "hostnames": [NAME],
        "rules!": [{
            "name": NAME,
            "matches": [{"path": {"type!": {"Exact", "PathPrefix", "RegularExpression"}, "value!": re.compile("/.*")}}],
            "backendRefs!": [REFERENCE | {"namespace": NAME, "port": PORT, "weight": range(0, 1_000_001)}],
            "timeouts": {"request": DURATION, "backendRequest": DURATION},
        }],
    },
}

faults = []


def check(value, schema, place):
    if schema is dict:
        fits = isinstance(value, dict) and all(LABEL.fullmatch(str(text)) for text in value.values())
    elif isinstance(schema, dict):
        fits = isinstance(value, dict)
        if fits:
            known = {name.rstrip("!"): (name.endswith("!"), inner) for name, inner in schema.items()}
            faults.extend(f"{place}.{name}: the kind has no such field" for name in value if name not in known)
            for name, (is_required, inner) in known.items():
                if name in value:
                    check(value[name], inner, f"{place}.{name}")
                elif is_required:
                    faults.append(f"{place}.{name}: the field is missing")
    elif isinstance(schema, list):
        fits = isinstance(value, list) and bool(value)
        for index, element in enumerate(value if fits else []):
            check(element, schema[0], f"{place}[{index}]")
    elif isinstance(schema, re.Pattern):
        fits = isinstance(value, str) and bool(schema.fullmatch(value))
    else:
        fits = value in schema and not isinstance(value, bool)
    if not fits:
        faults.append(f"{place}: found {value!r}")


def agree(what, left, right):
    if left != right:
        faults.append(f"{what}: found {left!r} and {right!r}")


def load(name):
    return list(yaml.safe_load_all((ROOT / "Deployment" / name).read_text()))


def main():
    documents, replicas = load("inference-pool.yaml"), load("kubernetes.yaml")
    known = []
    for document in documents:
        schema = SCHEMAS.get((document["apiVersion"], document["kind"]))
        if schema:
            place = f"{document['kind']} {document['metadata'].get('name')}"
            check(document, {"apiVersion!": {document["apiVersion"]}, "kind!": {document["kind"]},
                             "metadata!": METADATA, "spec!": schema}, place)
        else:
            known.append(document)
    pathlib.Path(sys.argv[1]).write_text(yaml.safe_dump_all(known))

    def find(kind, name, group=documents):
        return next(d for d in group if d["kind"] == kind and d["metadata"]["name"] == name)

    if not faults:
        pool = find("InferencePool", "ouro")["spec"]
        route = find("HTTPRoute", "ouro")["spec"]
        server = find("Deployment", "ouro", replicas)["spec"]["template"]
        container = server["spec"]["containers"][0]
        picker = find("Service", pool["endpointPickerRef"]["name"])["spec"]
        program = find("Deployment", "ouro-picker")["spec"]["template"]
        agree("the pool selects the replicas", pool["selector"]["matchLabels"], server["metadata"]["labels"])
        agree("the pool's ports are the replicas'", [p["number"] for p in pool["targetPorts"]],
              [p["containerPort"] for p in container["ports"]])
        agree("the pool asks the picker's port", pool["endpointPickerRef"]["port"]["number"], picker["ports"][0]["port"])
        agree("the picker's service selects the picker", picker["selector"], program["metadata"]["labels"])
        agree("the route leads to the pool", route["rules"][0]["backendRefs"][0]["name"], "ouro")
        agree("the replicas let the picker read their metrics", "--open-metrics" in container["args"], True)
        names = re.findall(r"-metric=ouro_(\w+)", " ".join(program["spec"]["containers"][0]["args"]))
        source = (ROOT / "Sources/OuroServer/ServerMetrics.swift").read_text()
        agree("the metrics that the picker reads are gauges of the server",
              [name for name in names if f'page.gauge("{name}"' in source.replace("(\n            ", "(")], names)
        agree("the picker reads two metrics", len(names), 2)
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


main()
