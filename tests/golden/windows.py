#!/usr/bin/env python3
"""Golden values of convolutions and poolings in 1 and 3 dimensions from PyTorch 2: writes windows.npz beside this file."""
import torch
import torch.nn.functional as F
from golden_case import case, layer, save, x

case("conv1d", F.conv1d, x(2, 3, 9), x(4, 3, 3))
case("conv1d_options", lambda v, w: F.conv1d(v, w, stride=2, padding=3, dilation=2, groups=2), x(2, 4, 11), x(6, 2, 3))
case("conv1d_same", lambda v, w: F.conv1d(v, w, padding="same"), x(2, 2, 8), x(3, 2, 4))
case("conv3d", F.conv3d, x(2, 2, 5, 4, 6), x(3, 2, 3, 2, 3))
case("conv3d_options", lambda v, w: F.conv3d(v, w, stride=(2, 1, 2), padding=(1, 2, 0), dilation=(1, 2, 1), groups=2),
     x(2, 4, 5, 5, 6), x(6, 2, 2, 3, 3))
case("conv3d_flat", lambda v, w: F.conv3d(v, w, padding=(0, 1, 1)), x(2, 3, 3, 4, 4), x(2, 3, 1, 3, 3))
case("max_pool1d", lambda v: F.max_pool1d(v, 3, 2, padding=1, dilation=2, ceil_mode=True), x(2, 3, 12))
case("avg_pool1d", lambda v: F.avg_pool1d(v, 3, 2, padding=1, ceil_mode=True), x(2, 3, 12))
case("avg_pool1d_inside", lambda v: F.avg_pool1d(v, 3, 2, padding=1, count_include_pad=False), x(2, 3, 11))
case("max_pool3d", lambda v: F.max_pool3d(v, 2), x(2, 2, 5, 4, 7))
case("max_pool3d_options", lambda v: F.max_pool3d(v, (3, 2, 3), (2, 1, 2), padding=1, dilation=(1, 2, 1), ceil_mode=True),
     x(2, 2, 6, 5, 7))
case("avg_pool3d", lambda v: F.avg_pool3d(v, (3, 2, 3), (2, 1, 2), padding=1, ceil_mode=True), x(2, 2, 6, 5, 8))
case("avg_pool3d_inside", lambda v: F.avg_pool3d(v, (3, 2, 3), 2, padding=1, count_include_pad=False), x(2, 2, 6, 5, 7))
for kind in "avg", "max":
    for n, shape, sizes in (1, (2, 3, 11), (4,)), (2, (2, 3, 7, 10), (3, 5)), (3, (2, 2, 6, 5, 7), (4, 5, 3)):
        case(f"adaptive_{kind}_pool{n}d", lambda v: getattr(F, f"adaptive_{kind}_pool{n}d")(v, sizes), x(*shape))
case("adaptive_avg_pool_up", lambda v: F.adaptive_avg_pool1d(v, 7), x(2, 2, 3))

layer("layer_conv1d", lambda v, w, b: F.conv1d(v, w, b, stride=2, padding=1), [x(2, 4, 9)], dict(w=x(6, 4, 3), b=x(6)))
layer("layer_conv3d", lambda v, w, b: F.conv3d(v, w, b, padding=1, groups=2), [x(2, 4, 3, 4, 5)],
      dict(w=x(6, 2, 3, 2, 3), b=x(6)))
layer("layer_rms_norm", lambda v, scale: F.rms_norm(v, (5,), scale, 2.0**-23), [x(3, 4, 5)], dict(scale=x(5)))
layer("layer_group_norm", lambda v, scale, bias: F.group_norm(v, 2, scale, bias), [x(3, 4, 5)],
      dict(scale=x(4), bias=x(4)))
layer("layer_instance_norm", lambda v, scale, bias: F.instance_norm(v, weight=scale, bias=bias), [x(3, 4, 5)],
      dict(scale=x(4), bias=x(4)))
tokens = torch.tensor([[3, 0, 2, 3], [1, 1, 6, 3]])
layer("layer_embedding", lambda i, w: F.embedding(i, w), [tokens], dict(w=x(7, 5)))
layer("layer_embedding_padded", lambda i, w: F.embedding(i, w, padding_idx=3), [tokens], dict(w=x(7, 5)))
save(__file__)
