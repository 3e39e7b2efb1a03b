#!/usr/bin/python3
"""Golden values of the shape operations from PyTorch: writes shapes.npz beside this file.

A case holds its inputs x0, x1, ..., its output y, a cotangent dy, and the gradients dx0, ... of sum(dy * y).
"""
import os

import numpy as np
import torch
import torch.nn.functional as F

torch.manual_seed(1)
arrays = {}


def case(name, f, *inputs):
    xs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    y = f(*xs)
    dy = torch.randn_like(y)
    y.backward(dy)
    for i, x in enumerate(xs):
        arrays[f"{name}/x{i}"] = x.detach().numpy()
        if x.grad is not None:
            arrays[f"{name}/dx{i}"] = x.grad.numpy()
    arrays[f"{name}/y"] = y.detach().numpy()
    arrays[f"{name}/dy"] = dy.numpy()


def x(*shape):
    return torch.randn(*shape, dtype=torch.float64)


case("reshape", lambda a: a.reshape(4, -1), x(2, 6, 2))
case("flatten", lambda a: torch.flatten(a, 1), x(3, 2, 4))
case("squeeze", lambda a: a.squeeze(1), x(3, 1, 4))
case("unsqueeze", lambda a: a.unsqueeze(-1), x(3, 4))
case("transpose", lambda a: a.permute(2, 0, 3, 1), x(2, 3, 4, 5))
case("slice", lambda a: a[1:3, :, 2:9:3], x(4, 3, 10))
case("flip", lambda a: a.flip(0, 2), x(3, 2, 4))
case("roll", lambda a: a.roll(-2, 1), x(3, 5))
case("split", lambda a: torch.cat([p * (i + 1) for i, p in enumerate(a.split([2, 1, 3], 1))], 1), x(2, 6))
case("concat", lambda a, b: torch.cat([a, b], 1), x(2, 3, 2), x(2, 4, 2))
case("stack", lambda a, b: torch.stack([a, b], 1), x(2, 3), x(2, 3))
case("pad_constant", lambda a: F.pad(a, (1, 2, 3, 0), value=1.5), x(2, 3, 4))
case("pad_reflect", lambda a: F.pad(a, (2, 3, 1, 2), mode="reflect"), x(2, 2, 3, 4))
case("pad_edge", lambda a: F.pad(a, (2, 3, 1, 4), mode="replicate"), x(2, 2, 3, 4))
case("tile", lambda a: a.tile(2, 1, 3), x(2, 3, 2))
case("gather", lambda a, i: a.index_select(1, i), x(2, 5, 3), torch.tensor([4, 0, 4, 2]))
case("gather_2d", lambda a, i: a[i], x(5, 3), torch.tensor([[4, 0], [4, 2]]))
case("scatter_add", lambda a, i, u: a.index_add(1, i, u), x(2, 5, 3), torch.tensor([4, 0, 4, 2]), x(2, 4, 3))
case("gather_elements", lambda a, i: a.gather(1, i), x(2, 5, 3), torch.randint(5, (2, 4, 3)))
case("scatter", lambda a, i, u: a.index_copy(1, i, u), x(2, 5, 3), torch.tensor([4, 0, 2, 1]), x(2, 4, 3))
case("scatter_elements_add", lambda a, i, u: a.scatter_add(1, i, u), x(2, 5, 3), torch.randint(5, (2, 4, 3)), x(2, 4, 3))
case("range", lambda a: a * torch.arange(-1, 2, 0.25, dtype=torch.float64), x(12))

arrays["one_hot/x0"] = np.array([2, 0, 3])
arrays["one_hot/y"] = F.one_hot(torch.tensor([2, 0, 3]), 4).double().numpy()

np.savez(os.path.join(os.path.dirname(os.path.abspath(__file__)), "shapes.npz"), **arrays)
