#!/usr/bin/python3
"""Golden values of matmul, convolutions, pooling and resizing from PyTorch: writes conv.npz beside this file.

A case holds its inputs x0, x1, ..., its output y, a cotangent dy, and the gradients dx0, ... of sum(dy * y).
"""
import os

import numpy as np
import torch
import torch.nn.functional as F

torch.manual_seed(4)
arrays = {}


def case(name, f, *inputs):
    xs = [x.clone().requires_grad_(True) for x in inputs]
    y = f(*xs)
    dy = torch.randn_like(y)
    y.backward(dy)
    for i, x in enumerate(xs):
        arrays[f"{name}/x{i}"] = x.detach().numpy()
        arrays[f"{name}/dx{i}"] = x.grad.numpy()
    arrays[f"{name}/y"] = y.detach().numpy()
    arrays[f"{name}/dy"] = dy.numpy()


def x(*shape):
    return torch.randn(*shape, dtype=torch.float64)


case("matmul", torch.matmul, x(4, 7), x(7, 5))
case("matmul/batched", torch.matmul, x(2, 1, 3, 4), x(5, 4, 2))
case("matmul/rows", torch.matmul, x(2, 3, 4), x(4, 6))

case("conv2d/valid", F.conv2d, x(2, 3, 7, 8), x(5, 3, 3, 2))
case("conv2d/same", lambda a, w: F.conv2d(a, w, padding="same"), x(2, 2, 6, 7), x(3, 2, 4, 3))
case("conv2d/explicit", lambda a, w: F.conv2d(F.pad(a, (0, 2, 1, 3)), w), x(1, 2, 5, 6), x(3, 2, 3, 3))
case("conv2d/stride", lambda a, w: F.conv2d(a, w, stride=(2, 3), padding=(1, 2)), x(2, 3, 9, 10), x(4, 3, 3, 5))
case("conv2d/dilation", lambda a, w: F.conv2d(a, w, dilation=(2, 3), padding=2), x(1, 2, 8, 9), x(3, 2, 3, 2))
case("conv2d/groups", lambda a, w: F.conv2d(a, w, groups=2, stride=2), x(2, 4, 7, 7), x(6, 2, 3, 3))
case("conv2d/depthwise", lambda a, w: F.conv2d(a, w, groups=3, padding=1), x(2, 3, 6, 5), x(6, 1, 3, 3))
case("conv2d/one_by_one", F.conv2d, x(2, 5, 4, 4), x(3, 5, 1, 1))
case("conv2d/one_by_one_stride", lambda a, w: F.conv2d(a, w, stride=2), x(2, 3, 5, 6), x(4, 3, 1, 1))
case("conv2d/wide_padding", lambda a, w: F.conv2d(a, w, padding=3), x(1, 2, 3, 4), x(2, 2, 2, 2))
case("conv_transpose2d", F.conv_transpose2d, x(2, 4, 5, 6), x(4, 3, 3, 2))
case("conv_transpose2d/all", lambda a, w: F.conv_transpose2d(a, w, stride=(2, 3), padding=(1, 2), output_padding=(1, 2),
                                                             groups=2, dilation=(2, 1)), x(2, 4, 4, 3), x(4, 2, 3, 4))

case("max_pool2d", lambda a: F.max_pool2d(a, 2), x(2, 3, 7, 9))
case("max_pool2d/all", lambda a: F.max_pool2d(a, (3, 4), stride=(2, 1), padding=(1, 2), dilation=(2, 1)), x(2, 2, 9, 8))
case("max_pool2d/ceil", lambda a: F.max_pool2d(a, 3, stride=2, padding=1, ceil_mode=True), x(1, 2, 8, 9))
case("max_pool2d/ties", lambda a: F.max_pool2d(a, 3, stride=1), torch.randint(0, 2, (1, 2, 6, 7)).double())
case("avg_pool2d", lambda a: F.avg_pool2d(a, (2, 3)), x(2, 3, 7, 9))
case("avg_pool2d/ceil", lambda a: F.avg_pool2d(a, 3, stride=2, padding=1, ceil_mode=True), x(1, 2, 8, 9))
case("avg_pool2d/pixels", lambda a: F.avg_pool2d(a, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
     x(1, 2, 8, 9))
case("global_avg_pool2d", lambda a: F.adaptive_avg_pool2d(a, 1), x(2, 3, 4, 5))
case("global_max_pool2d", lambda a: F.adaptive_max_pool2d(a, 1), x(2, 3, 4, 5))

for name, size in [("up", (7, 9)), ("down", (3, 2)), ("mixed", (2, 11)), ("one", (1, 1))]:
    case(f"resize_bilinear/{name}", lambda a: F.interpolate(a, size, mode="bilinear", align_corners=False),
         x(2, 2, 4, 5))
    case(f"resize_bilinear/corners_{name}", lambda a: F.interpolate(a, size, mode="bilinear", align_corners=True),
         x(2, 2, 4, 5))
    case(f"resize_nearest/{name}", lambda a: F.interpolate(a, size, mode="nearest"), x(2, 2, 4, 5))

np.savez_compressed(os.path.join(os.path.dirname(os.path.abspath(__file__)), "conv.npz"), **arrays)
