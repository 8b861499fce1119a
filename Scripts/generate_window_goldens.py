"""Writes Tests/OuroTests/Fixtures/configuration_golden.json: logits for configurations that no published file has.

This file implements the reference model in float64, from its definition. First it must reproduce fixture a's golden
logits, which come from the published code. Then it runs with sliding windows, scaled RoPE and a tied head. RoPE's
frequencies and the window's mask come from Transformers. Needs numpy, safetensors, torch and transformers 4.57.6.
"""

import json
import pathlib
import types

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import Qwen2Config
from transformers.masking_utils import sliding_window_causal_mask_function
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

FIXTURES = pathlib.Path(__file__).parent.parent / "Tests/OuroTests/Fixtures"
FOLDER = FIXTURES / "a_base_mha_fp32_seed1"
WEIGHTS = {name: value.astype(np.float64) for name, value in load_file(FOLDER / "model.safetensors").items()}
CONFIG = json.loads((FOLDER / "config.json").read_text())


def rms_norm(x, name, epsilon):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * WEIGHTS[name + ".weight"]


def linear(x, name):
    return x @ WEIGHTS[name + ".weight"].T


def silu(x):
    return x / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def windows(config):
    """The window of every layer, computed by Qwen2's configuration class. Ouro's configuration has the same fields."""
    fields = {key: value for key, value in config.items() if key not in ("model_type", "auto_map", "architectures")}
    parsed = Qwen2Config(**json.loads(json.dumps(fields)))
    return [parsed.sliding_window if kind == "sliding_attention" else None for kind in parsed.layer_types]


def rotary(config, count):
    scaling = config.get("rope_scaling")
    kind = scaling["rope_type"] if scaling else "default"
    frequencies, factor = ROPE_INIT_FUNCTIONS[kind](types.SimpleNamespace(**config), device="cpu")
    angles = np.arange(count, dtype=np.float64)[:, None] * frequencies.double().numpy()[None, :]
    angles = np.concatenate([angles, angles], -1)
    return np.cos(angles) * factor, np.sin(angles) * factor


def rotate(x, cosine, sine):
    half = x.shape[-1] // 2
    return x * cosine + np.concatenate([-x[..., half:], x[..., :half]], -1) * sine


def attention(x, prefix, config, window, cosine, sine):
    count, heads, depth = len(x), config["num_attention_heads"], config["head_dim"]
    groups = heads // config["num_key_value_heads"]

    def split(name):
        return linear(x, prefix + name).reshape(count, -1, depth).transpose(1, 0, 2)

    queries = rotate(split("q_proj"), cosine, sine)
    keys = np.repeat(rotate(split("k_proj"), cosine, sine), groups, 0)
    values = np.repeat(split("v_proj"), groups, 0)
    mask = sliding_window_causal_mask_function(window or count)
    positions = torch.arange(count)
    seen = mask(None, None, positions[:, None], positions[None, :]).numpy()
    scores = np.where(seen, queries @ keys.transpose(0, 2, 1) * depth ** -0.5, -np.inf)
    return linear((softmax(scores) @ values).transpose(1, 0, 2).reshape(count, heads * depth), prefix + "o_proj")


def logits(config, tokens):
    """Returns the logits of the last loop, `[positions][vocabulary]`."""
    epsilon = config["rms_norm_eps"]
    cosine, sine = rotary(config, len(tokens))
    x = WEIGHTS["model.embed_tokens.weight"][tokens]
    for _ in range(config["total_ut_steps"]):
        for layer, window in enumerate(windows(config)):
            p = f"model.layers.{layer}."
            attended = attention(
                rms_norm(x, p + "input_layernorm", epsilon), p + "self_attn.", config, window, cosine, sine)
            x = x + rms_norm(attended, p + "input_layernorm_2", epsilon)
            y = rms_norm(x, p + "post_attention_layernorm", epsilon)
            y = linear(silu(linear(y, p + "mlp.gate_proj")) * linear(y, p + "mlp.up_proj"), p + "mlp.down_proj")
            x = x + rms_norm(y, p + "post_attention_layernorm_2", epsilon)
        x = rms_norm(x, "model.norm", epsilon)
    return linear(x, "model.embed_tokens" if config["tie_word_embeddings"] else "lm_head")


golden = load_file(FOLDER / "golden.safetensors")
published = golden["logits_step"].reshape(CONFIG["total_ut_steps"], -1, CONFIG["vocab_size"])[-1]
difference = np.abs(logits(CONFIG, golden["input_ids"].reshape(-1)) - published).max()
assert difference < 1e-4, difference
print(f"largest difference from the published code's logits: {difference:.2g}")

# Name, fields of config.json that differ from fixture a's (null removes a field).
CASES = [
    ("window of 5 in layer 1, by layer types", {
        "use_sliding_window": True, "sliding_window": 5, "layer_types": ["full_attention", "sliding_attention"]}),
    ("window of 5 in layer 1, by its number", {
        "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1, "layer_types": None}),
    ("window of 1 everywhere", {
        "use_sliding_window": True, "sliding_window": 1, "max_window_layers": 0, "layer_types": None}),
    ("window of 20 everywhere", {
        "use_sliding_window": True, "sliding_window": 20, "max_window_layers": 0, "layer_types": None}),
    ("yarn", {"rope_theta": 10_000.0, "rope_scaling": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}}),
    ("llama3", {"rope_theta": 10_000.0, "rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64}}),
    ("linear", {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
    ("tied embeddings", {"tie_word_embeddings": True}),
]

tokens = np.random.default_rng(7).integers(0, CONFIG["vocab_size"], 24).tolist()
plain = logits(CONFIG, tokens)[-3:]
cases = []
for name, changes in CASES:
    config = {key: value for key, value in (CONFIG | changes).items() if value is not None}
    last = logits(config, tokens)[-3:]
    effect = np.abs(last - plain).max()
    assert effect > 0.01, f"{name}: a test could not tell it from no change ({effect})"
    cases.append({"name": name, "config": changes, "logits": [[float(f"{v:.6g}") for v in row] for row in last]})

path = FIXTURES / "configuration_golden.json"
path.write_text(json.dumps({"fixture": FOLDER.name, "tokens": tokens, "cases": cases}, separators=(",", ":")) + "\n")
print(f"{len(cases)} cases, {path.stat().st_size} bytes")
