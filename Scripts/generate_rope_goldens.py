"""Writes Tests/OuroTests/Fixtures/rope_golden.json: the inverse frequencies that Transformers computes.

Every case is a set of `config.json` fields, which the test reads like a file. Needs torch and transformers 4.57.6.
"""

import json
import pathlib

import transformers
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

assert transformers.__version__ == "4.57.6", transformers.__version__

LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}

# Name, head_dim, rope_theta, rope_scaling.
CASES = [
    ("published", 128, 1e6, None),
    ("stage 1 base", 128, 10_000.0, None),
    ("stage 2 base", 64, 40_000.0, None),
    ("smallest head", 2, 10_000.0, None),
    ("head of 10", 10, 1e6, None),
    ("head of 24, odd base", 24, 12_345.6789, None),
    ("named default", 16, 1e6, {"rope_type": "default"}),
    ("linear", 64, 10_000.0, {"rope_type": "linear", "factor": 2.5}),
    ("linear, factor 1, legacy spelling", 24, 1e6, {"type": "linear", "factor": 1.0}),
    ("yarn", 128, 1e6, YARN),
    ("yarn, original length from the context", 64, 1e6, {"rope_type": "yarn", "factor": 2.0}),
    ("yarn, attention factor", 64, 10_000.0, YARN | {"attention_factor": 0.75}),
    ("yarn, mscale", 64, 10_000.0, YARN | {"factor": 40.0, "mscale": 1.0, "mscale_all_dim": 0.707}),
    ("yarn, mscale alone", 64, 10_000.0, YARN | {"mscale": 0.5}),
    ("yarn, mscale of zero", 64, 10_000.0, YARN | {"mscale": 0.0, "mscale_all_dim": 1.0}),
    ("yarn, not truncated", 128, 150_000.0, YARN | {"factor": 32.0, "truncate": False}),
    ("yarn, betas", 24, 500_000.0, YARN | {"beta_fast": 16.0, "beta_slow": 2.0}),
    ("yarn, ramp of one point", 16, 1e6, {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4}),
    ("yarn, factor 1", 16, 1e6, YARN | {"factor": 1.0}),
    ("llama3", 128, 500_000.0, LLAMA3),
    ("llama3, short original", 64, 10_000.0, LLAMA3 | {
        "factor": 32.0, "low_freq_factor": 1.5, "high_freq_factor": 3.25, "original_max_position_embeddings": 256}),
    ("llama3, head of 10", 10, 1e6, LLAMA3),
]


class Configuration:
    """The configuration that the reference's functions read."""

    hidden_size = 64
    num_attention_heads = 4
    max_position_embeddings = 65_536


results = []
for name, head_dim, theta, scaling in CASES:
    configuration = Configuration()
    configuration.head_dim = head_dim
    configuration.rope_theta = theta
    configuration.rope_scaling = scaling
    kind = (scaling or {}).get("rope_type") or (scaling or {}).get("type") or "default"
    frequencies, attention_scaling = ROPE_INIT_FUNCTIONS[kind](configuration, device="cpu")
    results.append({
        "name": name,
        "config": {
            "head_dim": head_dim, "max_position_embeddings": Configuration.max_position_embeddings,
            "rope_theta": theta, "rope_scaling": scaling},
        "attention_scaling": attention_scaling,
        # Nine digits reproduce every f32 exactly.
        "frequencies": [float(f"{value:.9g}") for value in frequencies.tolist()],
    })

path = pathlib.Path(__file__).parent.parent / "Tests/OuroTests/Fixtures/rope_golden.json"
path.write_text("[\n" + ",\n".join(json.dumps(result) for result in results) + "\n]\n")
print(f"{len(results)} cases, {path.stat().st_size} bytes")
