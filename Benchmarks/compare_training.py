#!/usr/bin/env python3
"""Compares a training step of `ouro` with torch.compile on the same model, batch and machine, run in turn.

    python3 Benchmarks/compare_training.py [--rounds 3] [--threads N]

Needs torch. The model: hidden 256, 4 heads, 4 layers x 4 loops, MLP 704, vocabulary 512; 16 sequences of 256; the
stage-I objective; f32; AdamW. Each round measures one after the other; the ratio of a round is what counts, because
machines are shared and their pace changes from minute to minute.
"""
import argparse
import json
import statistics
import subprocess
import time

import torch
import torch.nn.functional as F

HIDDEN, HEADS, LAYERS, LOOPS, MLP, VOCABULARY, LENGTH, BATCH = 256, 4, 4, 4, 704, 512, 256, 16


class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


def linear(inputs, outputs):
    return torch.nn.Linear(inputs, outputs, bias=False)


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norms = torch.nn.ModuleList([Norm() for _ in range(4)])
        self.qkv, self.o = linear(HIDDEN, 3 * HIDDEN), linear(HIDDEN, HIDDEN)
        self.gate_up, self.down = linear(HIDDEN, 2 * MLP), linear(MLP, HIDDEN)

    def forward(self, x, cosine, sine):
        b, s, _ = x.shape
        q, k, v = self.qkv(self.norms[0](x)).view(b, s, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        def turn(t):
            a, c = t.chunk(2, -1)
            return t * cosine + torch.cat((-c, a), -1) * sine
        y = F.scaled_dot_product_attention(turn(q), turn(k), v, is_causal=True)
        x = x + self.norms[1](self.o(y.transpose(1, 2).reshape(b, s, HIDDEN)))
        gate, up = self.gate_up(self.norms[2](x)).chunk(2, -1)
        return x + self.norms[3](self.down(F.silu(gate) * up))


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, HIDDEN)
        self.layers = torch.nn.ModuleList([Layer() for _ in range(LAYERS)])
        self.norm, self.head = Norm(), linear(HIDDEN, VOCABULARY)
        self.gate = torch.nn.Linear(HIDDEN, 1)
        d = HIDDEN // HEADS
        angles = torch.outer(torch.arange(LENGTH), 1e4 ** (-torch.arange(0, d, 2) / d)).repeat(1, 2)
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())

    def forward(self, tokens, targets, beta=0.1):
        x, losses, logs, survival = self.embedding(tokens), [], [], 0.0
        for loop in range(LOOPS):
            for layer in self.layers:
                x = layer(x, self.cosine, self.sine)
            x = self.norm(x)
            losses.append(F.cross_entropy(self.head(x).flatten(0, 1), targets.flatten(), reduction="none"))
            gate = self.gate(x).flatten()
            logs.append(survival + F.logsigmoid(gate) if loop < LOOPS - 1 else survival)
            survival = survival + F.logsigmoid(-gate)
        logs = torch.stack(logs)
        p = logs.exp()
        return (p * (torch.stack(losses) + beta * logs)).sum(0).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ouro", default=".build/release/ouro")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    run = model if arguments.eager else torch.compile(model)
    tokens = torch.randint(VOCABULARY, (BATCH, LENGTH + 1))

    def step():
        optimizer.zero_grad(set_to_none=True)
        run(tokens[:, :-1], tokens[:, 1:]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    step()
    step()
    ratios = []
    for _ in range(arguments.rounds):
        times = []
        for _ in range(arguments.steps):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        torch_speed = BATCH * LENGTH / statistics.median(times)
        output = subprocess.run(
            [arguments.ouro, "train", "--measure", f"{LAYERS}x{HIDDEN}x{HEADS}x{MLP}x{VOCABULARY}", "--loops",
             str(LOOPS), "--batch", str(BATCH), "--length", str(LENGTH), "--steps", str(arguments.steps),
             "--threads", str(arguments.threads), "--json"], check=True, capture_output=True, text=True).stdout
        lines = [json.loads(line) for line in output.splitlines()]
        ouro_speed = statistics.median(line["tokens_per_second"] for line in lines)
        ratios.append(ouro_speed / torch_speed)
        print(json.dumps({
            "torch_tokens_per_second": round(torch_speed), "ouro_tokens_per_second": round(ouro_speed),
            "ratio": round(ratios[-1], 2),
            "ouro_fraction_of_peak": round(statistics.median(line["fraction"] for line in lines), 3)}), flush=True)
    print(json.dumps({"median_ratio": round(statistics.median(ratios), 2)}))


if __name__ == "__main__":
    main()
