#!/usr/bin/env python3
"""Runs the same work in this engine and in PyTorch, in turn, and prints the ratio.

    python3 Benchmarks/compare_transformers.py --model DIR [--ouro .build/release/ouro] [--rounds 3]
    python3 Benchmarks/make_random_checkpoint.py /tmp/ouro-1.4b && \\
        python3 Benchmarks/compare_transformers.py --model /tmp/ouro-1.4b

Work: the prompt of --chunk tokens through all loops, then --tokens tokens one by one with a cache. If DIR holds the
published modelling code (`modeling_ouro.py`, with `auto_map` in its config.json) and transformers is installed, that code
runs; otherwise the same arithmetic written in plain PyTorch below. The table says which. Needs torch.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F


class PlainOuro:
    """The published architecture in plain PyTorch: eager attention, a cache for every loop and layer."""

    def __init__(self, folder: str, dtype: torch.dtype):
        from safetensors.torch import load_file

        with open(os.path.join(folder, "config.json")) as file:
            self.config = json.load(file)
        tensors = {}
        for name in sorted(os.listdir(folder)):
            if name.endswith(".safetensors"):
                tensors.update(load_file(os.path.join(folder, name)))
        self.weights = {name: tensor.to(dtype) for name, tensor in tensors.items()}
        self.depth = self.config.get("head_dim") or self.config["hidden_size"] // self.config["num_attention_heads"]
        exponents = torch.arange(0, self.depth, 2, dtype=torch.float32) / self.depth
        self.frequencies = 1.0 / self.config["rope_theta"] ** exponents
        self.cache: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.length = 0

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.config["rms_norm_eps"])
        return wide.to(x.dtype) * self.weights[name]

    def rotate(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        half = self.depth // 2
        turned = torch.cat((-x[..., half:], x[..., :half]), dim=-1)
        return x * cosine + turned * sine

    def attention(self, x: torch.Tensor, layer: str, slot: int, cosine, sine) -> torch.Tensor:
        count = x.shape[0]

        def heads(name: str, number: int) -> torch.Tensor:
            return F.linear(x, self.weights[f"{layer}self_attn.{name}.weight"]).view(count, number, -1).transpose(0, 1)

        query_heads, key_heads = self.config["num_attention_heads"], self.config["num_key_value_heads"]
        q = self.rotate(heads("q_proj", query_heads), cosine, sine)
        k = self.rotate(heads("k_proj", key_heads), cosine, sine)
        v = heads("v_proj", key_heads)
        if slot in self.cache:
            k = torch.cat((self.cache[slot][0], k), dim=1)
            v = torch.cat((self.cache[slot][1], v), dim=1)
        self.cache[slot] = (k, v)
        y = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=count > 1, enable_gqa=True)[0]
        return F.linear(y.transpose(0, 1).reshape(count, -1), self.weights[f"{layer}self_attn.o_proj.weight"])

    @torch.inference_mode()
    def forward(self, tokens: list[int]) -> torch.Tensor:
        """Logits after the last loop, of the last token."""
        return self.head(self.loops(tokens)[-1][-1:])

    def head(self, states: torch.Tensor) -> torch.Tensor:
        tied = self.config.get("tie_word_embeddings")
        return F.linear(states, self.weights["model.embed_tokens.weight" if tied else "lm_head.weight"])

    def loops(self, tokens: list[int]) -> list[torch.Tensor]:
        """Hidden states of some further tokens after every loop."""
        positions = torch.arange(self.length, self.length + len(tokens), dtype=torch.float32)
        angles = torch.outer(positions, self.frequencies)
        angles = torch.cat((angles, angles), dim=-1)
        x = self.weights["model.embed_tokens.weight"][torch.tensor(tokens)]
        cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        layers = self.config["num_hidden_layers"]
        states = []
        for loop in range(self.config["total_ut_steps"]):
            for index in range(layers):
                layer = f"model.layers.{index}."
                y = self.attention(self.norm(x, layer + "input_layernorm.weight"), layer, loop * layers + index, cosine, sine)
                x = x + self.norm(y, layer + "input_layernorm_2.weight")
                y = self.norm(x, layer + "post_attention_layernorm.weight")
                gate = F.silu(F.linear(y, self.weights[layer + "mlp.gate_proj.weight"]))
                y = gate * F.linear(y, self.weights[layer + "mlp.up_proj.weight"])
                y = F.linear(y, self.weights[layer + "mlp.down_proj.weight"])
                x = x + self.norm(y, layer + "post_attention_layernorm_2.weight")
            x = self.norm(x, "model.norm.weight")
            states.append(x)
        self.length += len(tokens)
        return states

    def time(self, chunk: int, tokens: int) -> tuple[float, float]:
        self.cache, self.length = {}, 0
        start = time.perf_counter()
        self.forward(list(range(1, chunk + 1)))
        prefill = chunk / (time.perf_counter() - start)
        start = time.perf_counter()
        for _ in range(tokens):
            self.forward([1])
        return prefill, tokens / (time.perf_counter() - start)


class ReferenceOuro:
    """The published modelling code, through transformers."""

    def __init__(self, folder: str, dtype: torch.dtype):
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, torch_dtype=dtype)

    @torch.inference_mode()
    def time(self, chunk: int, tokens: int) -> tuple[float, float]:
        start = time.perf_counter()
        output = self.model(torch.arange(1, chunk + 1)[None], use_cache=True)
        prefill = chunk / (time.perf_counter() - start)
        start = time.perf_counter()
        for _ in range(tokens):
            output = self.model(torch.tensor([[1]]), past_key_values=output.past_key_values, use_cache=True)
        return prefill, tokens / (time.perf_counter() - start)


def bench(ouro: str, folder: str, chunk: int, threads: int) -> tuple[float, float]:
    lines = subprocess.run(
        [ouro, "bench", "--model", folder, "--only", "prefill,decode", "--chunks", str(chunk), "--contexts", str(chunk),
         "--seconds", "0.1", "--threads", str(threads), "--json"], check=True, capture_output=True, text=True).stdout
    found = [json.loads(line) for line in lines.splitlines()]
    prefill = next(f["value"] for f in found if f["name"] == "prefill" and f["chunk"] == chunk)
    decode = next(f["value"] for f in found if f["name"] == "decode" and f["context"] == chunk)
    return prefill, decode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--ouro", default=".build/release/ouro")
    parser.add_argument("--chunk", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dtype = getattr(torch, args.dtype)
    if os.path.exists(os.path.join(args.model, "modeling_ouro.py")):
        peer, name = ReferenceOuro(args.model, dtype), "published code"
    else:
        peer, name = PlainOuro(args.model, dtype), "plain PyTorch"
    peer.time(8, 1)
    ours, theirs = [], []
    for number in range(args.rounds):
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
        ours.append(bench(args.ouro, args.model, args.chunk, args.threads))
        theirs.append(peer.time(args.chunk, args.tokens))
    print(f"{'':24}{'ouro':>10}{name + ' ' + args.dtype:>28}{'ratio':>8}")
    for index, what in enumerate([f"prefill {args.chunk}, tokens/s", f"decode at {args.chunk}, tokens/s"]):
        a = statistics.median(pair[index] for pair in ours)
        b = statistics.median(pair[index] for pair in theirs)
        print(f"{what:24}{a:10.2f}{b:28.2f}{statistics.median(x[index] / y[index] for x, y in zip(ours, theirs)):8.2f}")


if __name__ == "__main__":
    main()
