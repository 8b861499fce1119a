"""Writes Tests/OuroTests/Fixtures/peft: a LoRA adapter saved by PEFT, and weights of the model merged by PEFT.

The model is the fixture c_gqa_headdim24_seed1. Two merged weights of its second layer are kept. Needs torch,
safetensors and peft 0.21.2.
"""

import pathlib

import peft
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from check_adapters import TARGETS, module

assert peft.__version__ == "0.21.2", peft.__version__
FIXTURES = pathlib.Path(__file__).parent.parent / "Tests/OuroTests/Fixtures"
KEPT = ["model.layers.1.self_attn.k_proj.weight", "model.layers.1.self_attn.o_proj.weight"]

torch.manual_seed(1)
output = FIXTURES / "peft"
config = LoraConfig(r=2, lora_alpha=3, target_modules=TARGETS, bias="none", init_lora_weights=False)
model = get_peft_model(module(load_file(FIXTURES / "c_gqa_headdim24_seed1/model.safetensors")), config)
model.save_pretrained(output)
(output / "README.md").unlink(missing_ok=True)
merged = model.merge_and_unload().state_dict()
save_file({name: merged[name].contiguous() for name in KEPT}, output / "merged.safetensors")
