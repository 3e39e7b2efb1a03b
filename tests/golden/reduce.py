#!/usr/bin/python3
"""Golden values of reductions from PyTorch: writes reduce.npz beside this file."""
import torch
from golden_case import case, save, x


def both(f):
    return lambda a: (f(a, (0, 2), False), f(a, (1,), True))


case("sum", both(torch.sum), x(3, 4, 5))
case("mean", both(torch.mean), x(3, 4, 5))
case("max", both(torch.amax), x(3, 4, 5))
case("min", both(torch.amin), x(3, 4, 5))
case("logsumexp", both(torch.logsumexp), 10 * x(3, 4, 5))
zeros = x(3, 4, 5)
zeros[0, 1, 2] = zeros[1, :2, 3] = 0
case("prod", lambda a: a.prod(1), zeros)
case("argmax", lambda a: (a.argmax(1), a.argmin(2, keepdim=True)), x(3, 4, 5))
save(__file__)
