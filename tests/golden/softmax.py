#!/usr/bin/python3
"""Golden values of softmax and its cross-entropy from PyTorch: writes softmax.npz beside this file."""
import torch
import torch.nn.functional as F
from golden_case import case, save, x

case("softmax", lambda a: (F.softmax(a, -1), F.softmax(a, 1)), 5 * x(3, 4, 21))
case("log_softmax", lambda a: (F.log_softmax(a, -1), F.log_softmax(a, 1)), 5 * x(3, 4, 21))
labels = torch.tensor([3, 0, 16, 9, 9])
for name, smoothing in (("", 0), ("smooth_", 0.1)):
    loss = lambda a, t: F.cross_entropy(a, t, reduction="none", label_smoothing=smoothing)
    case(name + "indices", loss, 5 * x(5, 17), labels)
    case(name + "probabilities", loss, 5 * x(5, 17), x(5, 17).softmax(1))
save(__file__)
