#!/usr/bin/env python3
"""Golden values of attention from PyTorch 2: writes attention.npz beside this file."""
import torch
import torch.nn.functional as F
from golden_case import arrays, case, layer, save, x

sdpa = F.scaled_dot_product_attention
case("plain", sdpa, x(2, 3, 5, 4), x(2, 3, 7, 4), x(2, 3, 7, 6))
case("causal", lambda q, k, v: sdpa(q, k, v, is_causal=True), x(2, 6, 4), x(2, 6, 4), x(2, 6, 3))
case("causal_wide", lambda q, k, v: sdpa(q, k, v, is_causal=True), x(2, 4, 3), x(2, 7, 3), x(2, 7, 3))
case("causal_high", lambda q, k, v: sdpa(q, k, v, is_causal=True), x(2, 7, 3), x(2, 4, 3), x(2, 4, 3))
seen = torch.rand(3, 1, 5, 7) < 0.6
seen[1, 0, 2] = False  # a query that sees nothing
case("mask", lambda q, k, v, m: sdpa(q, k, v, attn_mask=m), x(3, 2, 5, 4), x(3, 2, 7, 4), x(3, 2, 7, 4), seen)
case("bias", lambda q, k, v, m: sdpa(q, k, v, attn_mask=m, scale=0.3), x(3, 2, 5, 4), x(3, 2, 7, 4), x(3, 2, 7, 4),
     x(2, 5, 7))
case("blocks", lambda q, k, v: sdpa(q, k, v, is_causal=True), x(1, 200, 2), x(1, 200, 2), x(1, 200, 2))


def multi_head(heads, width, **call):
    """F.multi_head_attention_forward with adret's variables."""
    def f(*xs, q_w, k_w, v_w, q_b, k_b, v_b, out_w, out_b):
        q, k, v = (xs[i] if i < len(xs) else xs[-1] for i in range(3))
        q, k, v = (t.transpose(0, 1) for t in (q, k, v))
        y, _ = F.multi_head_attention_forward(
            q, k, v, width, heads, None, torch.cat([q_b, k_b, v_b]), None, None, False, 0.0, out_w, out_b,
            need_weights=False, use_separate_proj_weight=True, q_proj_weight=q_w, k_proj_weight=k_w, v_proj_weight=v_w,
            **call)
        return y.transpose(0, 1)
    return f


def weights(width, key, value):
    return dict(q_w=x(width, width), k_w=x(width, key), v_w=x(width, value), q_b=x(width), k_b=x(width), v_b=x(width),
                out_w=x(width, width), out_b=x(width))


layer("self", multi_head(2, 6), [x(3, 5, 6)], weights(6, 6, 6))
layer("cross", multi_head(3, 6), [x(3, 5, 6), x(3, 7, 4), x(3, 7, 5)], weights(6, 4, 5))
padding = torch.tensor([[True] * 7, [True] * 4 + [False] * 3, [True] + [False] * 6])  # what takes part
layer("padded", multi_head(2, 6, key_padding_mask=~padding), [x(3, 5, 6), x(3, 7, 6)], weights(6, 6, 6))
arrays["padded/mask"] = padding[:, None, None, :].numpy()


def encoder(norm_first, gelu, causal):
    module = torch.nn.TransformerEncoderLayer(6, 2, 10, dropout=0.3, activation=F.gelu if gelu else F.relu,
                                              batch_first=True, norm_first=norm_first, dtype=torch.float64).eval()

    def f(v, **w):
        names = {"self_attn.out_proj.weight": "attention/out_w", "self_attn.out_proj.bias": "attention/out_b",
                 "linear1.weight": "hidden_w", "linear1.bias": "hidden_b", "linear2.weight": "out_w",
                 "linear2.bias": "out_b", "norm1.weight": "norm1/scale", "norm1.bias": "norm1/bias",
                 "norm2.weight": "norm2/scale", "norm2.bias": "norm2/bias"}
        parameters = {theirs: w[ours] for theirs, ours in names.items()}
        for theirs, kind in ("weight", "w"), ("bias", "b"):
            parameters["self_attn.in_proj_" + theirs] = torch.cat([w[f"attention/{p}_{kind}"] for p in "qkv"])
        mask = torch.nn.Transformer.generate_square_subsequent_mask(v.shape[1], dtype=v.dtype)
        return torch.func.functional_call(module, parameters, (v,), {"src_mask": mask if causal else None})
    return f


variables = {"attention/" + key: v for key, v in weights(6, 6, 6).items()}
variables |= {"hidden_w": x(10, 6), "hidden_b": x(10), "out_w": x(6, 10), "out_b": x(6), "norm1/scale": x(6),
              "norm1/bias": x(6), "norm2/scale": x(6), "norm2/bias": x(6)}
layer("post_norm", encoder(False, False, False), [x(3, 5, 6)], variables)
layer("pre_norm", encoder(True, True, True), [x(3, 5, 6)], variables)

save(__file__)
