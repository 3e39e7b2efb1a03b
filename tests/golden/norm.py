#!/usr/bin/python3
"""Golden values of batch_norm and layer_norm from PyTorch: writes norm.npz beside this file."""
import torch.nn.functional as F
from golden_case import case, save, x

training = lambda eps: lambda a, w, b: F.batch_norm(a, None, None, w, b, training=True, eps=eps)
case("batch_norm", training(1e-5), 2 + x(4, 3, 5, 6), x(3), x(3))
case("batch_norm_features", training(1e-3), 2 + x(6, 9), x(9), x(9))
# PyTorch has no gradient for the statistics.
inference = lambda a, w, b, mean, variance: F.batch_norm(a, mean.detach(), variance.detach(), w, b)
case("batch_norm_inference", inference, x(4, 3, 5, 6), x(3), x(3), x(3), x(3).exp())
case("layer_norm", lambda a, w, b: F.layer_norm(a, (4, 6), w, b), 2 + x(3, 4, 6), x(4, 6), x(4, 6))
save(__file__)
