#!/usr/bin/python3
"""Golden values of casts to and from 16 bits from PyTorch: writes cast.npz beside this file.

A case holds its input x0, its output y = the rounded numbers in f32, a cotangent dy, and the gradient dx0, which is
rounded as it passes.
"""
import os

import numpy as np
import torch

torch.manual_seed(9)
arrays = {}

# Numbers of every exponent and both signs, what lies between two numbers of 8 or 11 bits, and the ends of their ranges.
bits = torch.randint(-2**31, 2**31 - 1, (800,), dtype=torch.int64).to(torch.int32)
ties = (bits & ~0xFFFF) | torch.tensor([0x8000, 0x7FFF, 0x8001, 0x1000, 0x0FFF, 0x1001, 0x3000, 0]).repeat(100).int()
ends = torch.tensor([0.0, -0.0, 65504, 65519.996, 65520, 65536, 2**-14, 2**-24, 2**-25, 2**-25 * 1.0001, 3.3895e38,
                     3.3961776e38, 3.4028e38, 1e-45, 9.2e-41, float("inf"), -float("inf")])
x = torch.cat([bits.view(torch.float32), ties.view(torch.float32), torch.randn(200), ends])
x = x[~torch.isnan(x)]
for name, dtype in [("bf16", torch.bfloat16), ("f16", torch.float16)]:
    leaf = x.clone().requires_grad_(True)
    y = leaf.to(dtype).float()
    dy = torch.randn_like(y)
    y.backward(dy)
    arrays.update({f"{name}/x0": x.numpy(), f"{name}/y": y.detach().numpy(), f"{name}/dy": dy.numpy(),
                   f"{name}/dx0": leaf.grad.numpy()})

np.savez_compressed(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cast.npz"), **arrays)
