#!/usr/bin/env python3
"""Compares adapters with PEFT: PEFT reads one of ours, ouro reads one of PEFT's, and both must give the same weights.

    python3 Scripts/check_adapters.py [--ouro .build/release/ouro] [--model Tests/OuroTests/Fixtures/code_lm]

Needs torch, peft and safetensors. The model's projections are put into a bare torch module with the same
names, because PEFT only uses the names.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from torch import nn

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def module(weights: dict[str, torch.Tensor]) -> nn.Module:
    """Nested modules that follow the names of the weights, with a linear layer for every projection."""
    root = nn.Module()
    root.config = {"model_type": "custom"}
    for name, weight in weights.items():
        if not any(f".{target}.weight" in name for target in TARGETS):
            continue
        place = root
        *path, last, _ = name.split(".")
        for part in path:
            if not hasattr(place, part):
                setattr(place, part, nn.Module())
            place = getattr(place, part)
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        layer.weight.data = weight.float()
        setattr(place, last, layer)
    root.forward = root.prepare_inputs_for_generation = lambda x: x
    return root


def merged_by_us(ouro: str, model: str, adapter: str, place: str) -> dict[str, torch.Tensor]:
    output = os.path.join(place, "merged-" + os.path.basename(adapter))
    subprocess.run([ouro, "merge", "--model", model, "--adapter", adapter, "-o", output], check=True,
                   stdout=subprocess.DEVNULL)
    return load_file(os.path.join(output, "model.safetensors"))


def compare(what: str, merged: nn.Module, ours: dict[str, torch.Tensor]) -> None:
    for name, value in merged.state_dict().items():
        expected = value.to(ours[name].dtype)
        difference = (expected.float() - ours[name].float()).abs().max().item()
        # Sums may be rounded differently, so one unit in the last place of bf16 is allowed.
        assert difference <= 2**-7 * expected.float().abs().max().item(), f"{what}: {name} differs by {difference}"
    print(f"{what}: {len(merged.state_dict())} weights agree")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ouro", default=".build/release/ouro")
    parser.add_argument("--model", default="Tests/OuroTests/Fixtures/code_lm")
    args = parser.parse_args()
    weights = load_file(os.path.join(args.model, "model.safetensors"))
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as place:
        theirs = os.path.join(place, "theirs")
        config = LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS, bias="none", init_lora_weights=False)
        model = get_peft_model(module(weights), config)
        model.save_pretrained(theirs)
        compare("an adapter of PEFT's", model.merge_and_unload(), merged_by_us(args.ouro, args.model, theirs, place))

        recipe = os.path.join(place, "r.yaml")
        with open(os.path.join(args.model, "config.json")) as file:
            c = json.load(file)
        with open(os.path.join(place, "text.txt"), "w") as file:
            file.write("a rose is a rose is a rose; " * 100)
        fields = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                  "num_key_value_heads", "max_position_embeddings", "total_ut_steps", "rope_theta"]
        with open(recipe, "w") as file:
            file.write("model: {" + ", ".join(f"{f}: {c[f]}" for f in fields) + "}\n")
            file.write(f"data: {{text: {{bytes: text.txt}}}}\nlora: {{rank: 4, alpha: 8, targets: [{', '.join(TARGETS)}]}}\n")
            file.write("stages:\n  - {name: tune, steps: 5, sequence_length: 32, batch_sequences: 2, "
                       "learning_rate: {peak: 1e-2}, mixture: {text: 1}}\n")
        run = os.path.join(place, "run")
        subprocess.run([args.ouro, "train", "--recipe", recipe, "--init", args.model, "--output", run], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ours = os.path.join(run, "adapter")
        model = PeftModel.from_pretrained(module(weights), ours)
        compare("an adapter of ours", model.merge_and_unload(), merged_by_us(args.ouro, args.model, ours, place))


if __name__ == "__main__":
    sys.exit(main())
