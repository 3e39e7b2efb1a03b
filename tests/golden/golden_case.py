"""What the golden scripts share: a case's inputs, outputs, cotangents and gradients, computed by PyTorch in f64."""
import os

import numpy as np
import torch

torch.manual_seed(1)
arrays = {}


def case(name, f, *inputs):
    """x0, x1, ...: inputs; y0, ...: outputs of f; dy0, ...: random cotangents; dx0, ...: gradients of sum(dy * y)."""
    xs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    ys = f(*xs)
    ys = list(ys) if isinstance(ys, (tuple, list)) else [ys]
    total = 0
    for i, y in enumerate(ys):
        arrays[f"{name}/y{i}"] = y.detach().numpy()
        if y.requires_grad:
            dy = torch.randn_like(y)
            arrays[f"{name}/dy{i}"] = dy.numpy()
            total = total + (dy * y).sum()
    if torch.is_tensor(total):
        total.backward()
    for i, x in enumerate(xs):
        arrays[f"{name}/x{i}"] = x.detach().numpy()
        if x.grad is not None:
            arrays[f"{name}/dx{i}"] = x.grad.numpy()


def layer(name, f, inputs, variables):
    """A layer's call f(*inputs, **variables): y, dy (y0, dy0, ... where f gives several) and dx0, ... as above;
    w/<variable>, dw/<variable>."""
    xs = [v.clone().requires_grad_(v.is_floating_point()) for v in inputs]
    ws = {key: v.clone().requires_grad_() for key, v in variables.items()}
    ys = f(*xs, **ws)
    results = {str(i): y for i, y in enumerate(ys)} if isinstance(ys, tuple) else {"": ys}
    total = 0
    for key, y in results.items():
        dy = torch.randn_like(y)
        total = total + (dy * y).sum()
        arrays.update({f"{name}/y{key}": y.detach().numpy(), f"{name}/dy{key}": dy.numpy()})
    total.backward()
    for prefix, leaves in ("x", dict(enumerate(xs))), ("w/", ws):
        for key, v in leaves.items():
            arrays[f"{name}/{prefix}{key}"] = v.detach().numpy()
            if v.grad is not None:
                arrays[f"{name}/d{prefix}{key}"] = v.grad.numpy()


def x(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def save(script):
    """Writes the cases to <script>.npz beside the script."""
    np.savez_compressed(os.path.splitext(os.path.abspath(script))[0] + ".npz", **arrays)
