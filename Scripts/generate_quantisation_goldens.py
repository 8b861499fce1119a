"""Writes Tests/OuroTests/Fixtures/mlx/quantize_types.safetensors: MLX's own rounding of f32, f16 and bf16 weights.

It has, for every type and width, a `weight` and the result of `mlx.core.quantize`. The rows cover the special cases of
rounding: zeros, one value, one sign, ends of equal magnitude, values below the smallest scale. Needs mlx 0.32.4.
"""

import pathlib

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)
random = np.random.default_rng(1)

tensors = {}
for name, dtype in [("f32", mx.float32), ("f16", mx.float16), ("bf16", mx.bfloat16)]:
    for bits in (4, 8):
        values = random.normal(size=(12, 64)).astype(np.float32) * 0.05
        values[0] = 0
        values[1] = 0.5
        values[2] = np.abs(values[2])
        values[3] = -np.abs(values[3])
        values[4] = 1e-9
        values[5, ::2] = -values[5, 1::2]
        values[6] *= 1e-5
        values[7] = -3
        weight = mx.array(values).astype(dtype)
        packed, scales, biases = mx.quantize(weight, group_size=32, bits=bits)
        key = f"{name}_b{bits}."
        tensors |= {key + "weight": weight, key + "packed": packed, key + "scales": scales, key + "biases": biases}

target = pathlib.Path(__file__).parent.parent / "Tests/OuroTests/Fixtures/mlx/quantize_types.safetensors"
mx.save_safetensors(str(target), tensors)
