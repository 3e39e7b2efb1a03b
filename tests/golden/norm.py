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
case("rms_norm", lambda a, w: F.rms_norm(a, (4, 6), w, 1e-6), 2 + x(3, 4, 6), x(4, 6))
case("rms_norm_rows", lambda a, w: F.rms_norm(a, (33,), w, 1e-3), x(5, 7, 33), x(33))
case("group_norm", lambda a, w, b: F.group_norm(a, 3, w, b, 1e-4), 2 + x(4, 6, 5, 2), x(6), x(6))
case("group_norm_features", lambda a, w, b: F.group_norm(a, 2, w, b), 2 + x(4, 6), x(6), x(6))
case("instance_norm", lambda a, w, b: F.instance_norm(a, weight=w, bias=b), 2 + x(4, 3, 5, 2), x(3), x(3))
case("instance_norm_plain", lambda a: F.instance_norm(a, eps=1e-3), 2 + x(4, 3, 7))
save(__file__)
