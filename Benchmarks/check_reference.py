#!/usr/bin/env python3
"""Compares this engine's log-probabilities after every loop with the published modelling code's, in f32.

    python3 Benchmarks/check_reference.py --model runs/ouro-tiny/model [--code DIR] [--ouro .build/release/ouro]

The published code (`configuration_ouro.py` and `modeling_ouro.py`) is taken from --code or from the model's folder and runs
through transformers (4.55 to 4.57 are known to work with it). Where neither has it, the same arithmetic in plain PyTorch runs
instead; the output says which. Needs torch and safetensors. Exits with 1 if anything differs by more than --tolerance.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import safetensors  # noqa: F401
    import torch
except ImportError as missing:
    sys.exit(f"{missing.name} is not installed: pip install torch safetensors")

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare_transformers import PlainOuro  # noqa: E402

CODE = ["configuration_ouro.py", "modeling_ouro.py"]


def published(folder: str, code: str, tokens: list[int], loops: int) -> list[torch.Tensor]:
    """Logits of every loop from the published code, with the model's own files untouched."""
    try:
        from transformers import AutoModelForCausalLM
    except ImportError:
        sys.exit("the published code needs transformers: pip install 'transformers==4.57.6'; or leave out --code and "
                 "compare with plain PyTorch in a folder without it")

    with tempfile.TemporaryDirectory() as place:
        for name in os.listdir(folder):
            os.symlink(os.path.abspath(os.path.join(folder, name)), os.path.join(place, name))
        for name in CODE:
            if not os.path.exists(os.path.join(place, name)):
                shutil.copy(os.path.join(code, name), place)
        model = AutoModelForCausalLM.from_pretrained(place, trust_remote_code=True, torch_dtype=torch.float32)
        ids = torch.tensor([tokens])
        with torch.inference_mode():
            return [model(ids, use_cache=False, exit_at_step=loop).logits[0].float() for loop in range(loops)]


def plain(folder: str, tokens: list[int]) -> list[torch.Tensor]:
    model = PlainOuro(folder, torch.float32)
    with torch.inference_mode():
        return [model.head(states) for states in model.loops(tokens)]


def ours(ouro: str, folder: str, tokens: list[int]) -> list[list[float]]:
    """Per position from the second on, the log-probability of the token after every loop."""
    command = [ouro, "score", "--model", folder, "--tokens", ",".join(map(str, tokens)), "--kv-type", "f32", "--json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    return [line["logprobs"] for line in found if line.get("position", 0) > 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--code", help="folder with the published modelling code (default: the model's)")
    parser.add_argument("--ouro", default=".build/release/ouro")
    parser.add_argument("--count", type=int, default=64, help="tokens of the random text")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    args = parser.parse_args()
    with open(os.path.join(args.model, "config.json")) as file:
        config = json.load(file)
    torch.manual_seed(args.seed)
    tokens = torch.randint(0, config["vocab_size"], (args.count,)).tolist()
    code = args.code or args.model
    if all(os.path.exists(os.path.join(code, name)) for name in CODE):
        name, logits = "the published code", published(args.model, code, tokens, config["total_ut_steps"])
    else:
        print(f"{code} has no {' and '.join(CODE)}: give their folder with --code. Plain PyTorch instead.",
              file=sys.stderr)
        name, logits = "plain PyTorch", plain(args.model, tokens)
    scores = torch.tensor(ours(args.ouro, args.model, tokens))
    failed = False
    for loop, values in enumerate(logits):
        expected = torch.log_softmax(values[:-1].double(), dim=-1)[torch.arange(len(tokens) - 1), tokens[1:]]
        difference = (scores[:, loop].double() - expected).abs().max().item()
        failed = failed or not difference <= args.tolerance
        print(f"loop {loop + 1}: largest difference from {name} {difference:.2e}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
