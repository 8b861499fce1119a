#!/usr/bin/env python3
"""Writes a model folder of Ouro's true shape with random weights, for measurements that need no trained model.

    python3 Benchmarks/make_random_checkpoint.py OUT [--layers 24] [--hidden 2048] [--heads 16] [--mlp 5632]
                                                     [--vocabulary 49152] [--loops 4] [--seed 0]

Weights are bfloat16 and scaled by 1/sqrt(inputs), so activations stay in range at any depth. Needs numpy.
"""

import argparse
import json
import os
import struct

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    for name, default in [("layers", 24), ("hidden", 2048), ("heads", 16), ("mlp", 5632), ("vocabulary", 49152),
                          ("loops", 4), ("seed", 0)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()

    hidden, mlp = args.hidden, args.mlp
    shapes: dict[str, list[int]] = {"lm_head.weight": [args.vocabulary, hidden],
                                    "model.early_exit_gate.bias": [1],
                                    "model.early_exit_gate.weight": [1, hidden],
                                    "model.embed_tokens.weight": [args.vocabulary, hidden]}
    for index in range(args.layers):
        layer = f"model.layers.{index}."
        for name in ["input_layernorm", "input_layernorm_2", "post_attention_layernorm", "post_attention_layernorm_2"]:
            shapes[layer + name + ".weight"] = [hidden]
        for name in ["q", "k", "v", "o"]:
            shapes[layer + f"self_attn.{name}_proj.weight"] = [hidden, hidden]
        shapes[layer + "mlp.gate_proj.weight"] = [mlp, hidden]
        shapes[layer + "mlp.up_proj.weight"] = [mlp, hidden]
        shapes[layer + "mlp.down_proj.weight"] = [hidden, mlp]
    shapes["model.norm.weight"] = [hidden]

    os.makedirs(args.out, exist_ok=True)
    config = {"architectures": ["OuroForCausalLM"], "model_type": "ouro", "hidden_act": "silu", "hidden_size": hidden,
              "intermediate_size": mlp, "num_hidden_layers": args.layers, "num_attention_heads": args.heads,
              "num_key_value_heads": args.heads, "head_dim": hidden // args.heads, "vocab_size": args.vocabulary,
              "max_position_embeddings": 65536, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "rope_scaling": None,
              "sliding_window": None, "use_sliding_window": False, "max_window_layers": args.layers,
              "tie_word_embeddings": False, "total_ut_steps": args.loops, "early_exit_threshold": 1.0,
              "torch_dtype": "bfloat16", "bos_token_id": 0, "eos_token_id": 0}
    with open(os.path.join(args.out, "config.json"), "w") as file:
        json.dump(config, file, indent=2)

    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = np.random.default_rng(args.seed)
    # One block of random numbers, used again with another offset for every tensor: quick, and no two tensors are equal.
    block = random.standard_normal(1 << 24, dtype=np.float32)
    with open(os.path.join(args.out, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for index, (name, shape) in enumerate(shapes.items()):
            count = int(np.prod(shape))
            if len(shape) == 1:
                values = np.ones(count, np.float32)
            else:
                values = np.resize(np.roll(block, index * 7919), count) * np.float32(shape[-1] ** -0.5)
            (values.view(np.uint32) >> 16).astype(np.uint16).tofile(file)
    print(f"{args.out}: {offset / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
