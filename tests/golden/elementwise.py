#!/usr/bin/python3
"""Golden values of the element-wise operations from PyTorch: writes elementwise.npz beside this file.

A case holds its inputs x0, x1, ..., its output y, a cotangent dy, and the gradients dx0, ... of sum(dy * y).
"""
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

torch.manual_seed(2)
arrays = {}


def case(name, f, *inputs):
    xs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    y = f(*xs)
    for i, x in enumerate(xs):
        arrays[f"{name}/x{i}"] = x.detach().numpy()
    arrays[f"{name}/y"] = y.detach().numpy()
    if not y.requires_grad:
        return
    dy = torch.randn_like(y)
    y.backward(dy)
    arrays[f"{name}/dy"] = dy.numpy()
    for i, x in enumerate(xs):
        if x.grad is not None:
            arrays[f"{name}/dx{i}"] = x.grad.numpy()


def uniform(lo, hi, *shape):
    return torch.rand(*(shape or (3, 7)), dtype=torch.float64) * (hi - lo) + lo


def bools():
    return torch.rand(3, 7) < 0.5


wide = uniform(-4, 4)
positive = uniform(0.1, 5)

for name in "neg abs sign square exp expm1 sin cos tanh erf sigmoid".split():
    case(name, getattr(torch, name), wide)
for name in "reciprocal sqrt rsqrt log".split():
    case(name, getattr(torch, name), positive)
case("log1p", torch.log1p, uniform(-0.9, 5))
case("tan", torch.tan, uniform(-1.4, 1.4))
case("softplus", lambda x: F.softplus(x, threshold=1e9), wide)
case("relu", F.relu, wide)
case("silu", F.silu, wide)
case("leaky_relu", lambda x: F.leaky_relu(x, 0.2), wide)
case("elu", lambda x: F.elu(x, 1.5), wide)
case("gelu", F.gelu, wide)
case("gelu_approximate", lambda x: F.gelu(x, approximate="tanh"), wide)
case("hard_sigmoid", lambda x: F.relu6(x + 3) / 6, wide)  # F.hardsigmoid's gradient rounds 1/6 to f32
case("clip", lambda x: x.clamp(-1, 0.5), wide)
case("sigmoid_f32", torch.sigmoid, wide.float())
case("gelu_f32", F.gelu, wide.float())

a, b = uniform(-2, 2), uniform(0.5, 2)
case("add", torch.add, a, b)
case("sub", torch.sub, a, b)
case("mul", torch.mul, a, b)
case("div", torch.div, a, b)
case("pow", torch.pow, positive, a)
case("pow_at_zero", torch.pow, torch.tensor([0.0, 0.0, 2.0]).double(), torch.tensor([0.0, 2.0, 0.0]).double())
case("maximum", torch.maximum, a, b)
case("minimum", torch.minimum, a, b)
case("broadcast_to", lambda x: x.expand(2, 3, 4, 5), uniform(-1, 1, 3, 1, 5))
case("broadcast_mul", torch.mul, uniform(-1, 1, 3, 1, 5), uniform(-1, 1, 4, 1))

i, j = torch.randint(4, (3, 7)), torch.randint(4, (3, 7))
case("equal", torch.eq, i, j)
case("not_equal", torch.ne, i, j)
case("less", torch.lt, i.double(), j.double())
case("less_equal", torch.le, i.float(), j.float())
case("greater", torch.gt, i, j)
case("greater_equal", torch.ge, i.float(), j.float())
p, q = bools(), bools()
case("logical_and", torch.logical_and, p, q)
case("logical_or", torch.logical_or, p, q)
case("logical_xor", torch.logical_xor, p, q)
case("logical_not", torch.logical_not, p)
case("where", torch.where, p, a, b)
case("cast_f32_f64", lambda x: x.double(), wide.float())
case("cast_f64_i32", lambda x: x.int(), wide)

for name in "floor ceil round atan sinh cosh asinh".split():
    case(name, getattr(torch, name), wide)
for name in "asin acos atanh".split():
    case(name, getattr(torch, name), uniform(-0.95, 0.95))
case("acosh", torch.acosh, uniform(1.05, 5))
divisor = uniform(-2, 2)
case("mod", torch.remainder, wide, divisor)
case("fmod", torch.fmod, wide, divisor)
case("mod_i64", torch.remainder, torch.randint(-9, 9, (3, 7)), torch.randint(1, 5, (3, 7)) * torch.randint(0, 2, (3, 7)).mul(2).sub(1))
kinds = torch.tensor([0, math.inf, -math.inf, 2.5])
case("is_nan", lambda x: torch.isnan(x - x), kinds)
case("is_inf", torch.isinf, kinds)

assert not any(np.isnan(v).any() for v in arrays.values())
np.savez(os.path.join(os.path.dirname(os.path.abspath(__file__)), "elementwise.npz"), **arrays)
