#!/usr/bin/env python3
"""Writes python.safetensors with the reference implementation: what tests/io/safetensors_test.cc expects it to hold.

    make_files.py            writes the file (safetensors 0.8.0, torch 2)
    make_files.py FILE       says whether FILE, which adret wrote, holds the same tensors
"""
import os
import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file

NAN, INF = float("nan"), float("inf")
TENSORS = {
    "bool": torch.tensor([True, False, True]),
    "u8": torch.tensor([0, 255], dtype=torch.uint8),
    "i8": torch.tensor([-128, 127], dtype=torch.int8),
    "i16": torch.tensor([-32768, 32767], dtype=torch.int16),
    "u16": torch.tensor([0, 65535], dtype=torch.uint16),
    "f16": torch.tensor([1.5, -65504, INF], dtype=torch.float16),
    "bf16": torch.tensor([1.5, -3e38, -INF], dtype=torch.bfloat16),
    "i32": torch.tensor([-2147483648, 2147483647], dtype=torch.int32),
    "u32": torch.tensor([0, 4294967295], dtype=torch.uint32),
    "f32": torch.tensor([[1, -2.5, NAN], [1e-45, 3.25, INF]], dtype=torch.float32),
    "f64": torch.tensor([1e300, -0.0], dtype=torch.float64),
    "i64": torch.tensor([-(2**63), 2**63 - 1], dtype=torch.int64),
    "u64": torch.tensor([0, 2**64 - 1], dtype=torch.uint64),
    "scalar": torch.tensor(7.0),
    "empty": torch.zeros(0, 3),
    "größe \"層\"\\": torch.tensor([1, 2], dtype=torch.uint8),
}
METADATA = {"format": "pt"}


def bits(tensor):
    return tensor.dtype, tensor.shape, tensor.contiguous().flatten().view(torch.uint8).tolist()


if len(sys.argv) == 1:
    save_file(TENSORS, os.path.join(os.path.dirname(os.path.abspath(__file__)), "python.safetensors"), METADATA)
else:
    with safe_open(sys.argv[1], "pt") as f:
        same = f.metadata() == METADATA and set(f.keys()) == set(TENSORS)
        same = same and all(bits(f.get_tensor(name)) == bits(TENSORS[name]) for name in TENSORS)
    print("the same" if same else "not the same")
    sys.exit(0 if same else 1)
