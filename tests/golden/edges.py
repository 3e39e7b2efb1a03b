#!/usr/bin/env python3
"""Golden values at the edges of every op's domain, from PyTorch 2 on a CPU: writes edges.npz beside this file.

A row has the name of its EdgeRow in tests/ops/*_edge_rows_test.cc. The file's arrays are
  inputs/<name>/f32, /f64   inputs, which rows share (inputs/<name> alone: integers and bools),
  dy [3, 7]                 cotangents: ones; ordinary numbers; numbers with infinities and NaN. Each row is repeated,
  <row>/<type>/y<i>         output i,
  <row>/<type>/dx<i>        gradients of input i for the first two rows of dy (three where `wild` is set), stacked.
Where PyTorch has no such op, or where adret deliberately answers something else, the expression beside the row's name
is what the op is defined to be, and a comment says why.
"""
import operator
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from edge_case import INTEGERS, TYPES, edge, give, inf, inputs, nan, refused, save

warnings.filterwarnings("ignore")

# ---- Element by element --------------------------------------------------------------------------------------------

give("specials", lambda n: n.specials)
give("empty", lambda n: np.zeros([3, 0]))
give("no_rows", lambda n: np.zeros([0, 3]))
give("scalar", lambda n: 2.5)
give("bools", torch.tensor([False, True, True, False]))
give("other_bools", torch.tensor([False, False, True, True]))


def signs(x):
    return torch.where(torch.isnan(x) | (x == 0), x, torch.sign(x)).detach()


# The sign of NaN is NaN and that of -0 is -0, as in StableHLO; PyTorch's are 0.
edge("sign", signs, "specials")
edge("abs", lambda x: x * signs(x), "specials")
for name in "neg square reciprocal sqrt rsqrt exp expm1 log log1p sin cos tan tanh erf sigmoid".split():
    edge(name, getattr(torch, name), "specials")
for name in "floor ceil round asin acos sinh cosh".split():
    edge(name, getattr(torch, name), "specials")


class Sloped(torch.autograd.Function):
    """y, whose derivatives with respect to some x are the slopes: Sloped.apply(y, x0, slope0, x1, slope1)."""

    @staticmethod
    def forward(ctx, y, *xs_and_slopes):
        ctx.save_for_backward(*xs_and_slopes[1::2])
        return y.clone()

    @staticmethod
    def backward(ctx, dy):
        return None, *[v for slope in ctx.saved_tensors for v in (dy * slope, None)]


def sloped(f, slope):
    return lambda x: Sloped.apply(f(x.detach()), x, slope(x.detach()))


# PyTorch's derivatives have x^2, which overflows; that of acosh is a number where acosh is not one.
edge("atan", sloped(torch.atan, lambda x: torch.where(x.abs() > 1e9, 1 / x / x, 1 / (1 + x * x))), "specials")
edge("asinh", sloped(torch.asinh, lambda x: 1 / torch.hypot(x, torch.ones_like(x))), "specials")
edge("acosh", sloped(torch.acosh, lambda x: (x - 1).rsqrt() * (x + 1).rsqrt()), "specials")
edge("atanh", sloped(torch.atanh, lambda x: 1 / (1 - x) / (1 + x)), "specials")
edge("is_nan", torch.isnan, "specials")
edge("is_inf", torch.isinf, "specials")
edge("is_inf/negative", torch.isneginf, "specials")
edge("bitcast", lambda x: x.detach().view(torch.int32 if x.dtype == torch.float32 else torch.int64), "specials")
edge("softplus", F.softplus, "specials")
edge("relu", F.relu, "specials", wild=True)


def with_limits(f, beyond=inf):
    """f with its limits far from zero: x, and a zero. PyTorch has NaN there: an infinity times 0."""
    def limited(x):
        far = x.abs() >= beyond
        near = torch.where(far, torch.ones_like(x), x)
        return torch.where(far, torch.where(x > 0, x, torch.full_like(x, -0.0)), f(near))
    return limited


edge("silu", with_limits(F.silu), "specials")
edge("leaky_relu", lambda x: F.leaky_relu(x, 0.25), "specials", wild=True)
edge("elu", lambda x: F.elu(x, 1.5), "specials")
edge("gelu", with_limits(F.gelu), "specials")
edge("gelu/approximate", with_limits(lambda x: F.gelu(x, approximate="tanh"), beyond=1e3), "specials")


inside = lambda x, low, high: (x >= low) & (x <= high)
# At the bounds the gradient is that of the inside; PyTorch's is 0.
edge("clip", lambda x: torch.where(inside(x, -1, 0.5), x, x.detach().clamp(-1, 0.5)), "specials", wild=True)
# Written out, since F.hardsigmoid's gradient rounds 1/6 to f32.
edge("hard_sigmoid", lambda x: torch.where(inside(x, -3, 3), x / 6 + 0.5, (x.detach() / 6 + 0.5).clamp(0, 1)), "specials")
edge("identity", lambda x: x.clone(), "specials", wild=True)
edge("barrier", lambda x: x.clone(), "specials", wild=True)
edge("recompute", torch.neg, "specials", wild=True)
edge("stop_gradient", lambda x: x.detach(), "specials")
for given in "empty", "scalar":
    edge("square/" + given, torch.square, given)
    edge("sigmoid/" + given, torch.sigmoid, given)

give("a", lambda n: np.repeat(n.specials, 16))
give("b", lambda n: np.tile(n.specials, 16))
# In files of version 0.1.
edge("elu_x_grad", lambda dy, y: torch.where(y > 0, dy, dy * (torch.where(y > 0, torch.zeros_like(y), y) + 1.5)), "a", "b")
for name in "add sub mul div".split():
    edge(name, getattr(torch, name), "a", "b")


# PyTorch's remainder of the largest number by the smallest is NaN, and that of an infinite number has a slope.
def remainder(rounding):
    def f(a, b):
        x, y = a.detach().numpy(), b.detach().numpy()
        rest = np.fmod(x, y)
        if rounding == "floor":
            rest = np.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)
        quotient = torch.div(a.detach(), b.detach(), rounding_mode=rounding)
        quotient = torch.where(torch.isinf(a.detach()) & (b.detach() != 0), torch.full_like(quotient, nan), quotient)
        return Sloped.apply(torch.from_numpy(rest), a, torch.ones_like(quotient), b, -quotient)
    return f


edge("mod", remainder("floor"), "a", "b")
edge("mod/fmod", remainder("trunc"), "a", "b")
EXPONENTS = [0.0, -0.0, inf, -inf, nan, 1.0, -1.0, 0.5, 2.0, 3.0, -3.0, -0.5]
give("bases", lambda n: np.repeat(n.specials + [2.0], len(EXPONENTS) + 2))
give("exponents", lambda n: np.tile(EXPONENTS + [n.big, n.den], 17))
edge("pow", torch.pow, "bases", "exponents")


class Chosen(torch.autograd.Function):
    """y, one of a and b, with dy for those of them that bear it."""

    @staticmethod
    def forward(ctx, a, b, y, to_a, to_b):
        ctx.save_for_backward(to_a, to_b)
        return y.clone()

    @staticmethod
    def backward(ctx, dy):
        to_a, to_b = ctx.saved_tensors
        return torch.where(to_a, dy, 0), torch.where(to_b, dy, 0), None, None, None


def first_of(beyond):
    """a, or b where it is beyond a: a tie's gradient goes to a (PyTorch gives half of it to each), that of NaN to both."""
    return lambda a, b: Chosen.apply(a, b, torch.where(beyond(b, a) | torch.isnan(b), b, a).detach(), ~beyond(b, a),
                                     ~(beyond(a, b) | (a == b)))


edge("maximum", first_of(torch.gt), "a", "b", wild=True)
edge("minimum", first_of(torch.lt), "a", "b", wild=True)
COMPARISONS = {"equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge"}
for name, op in COMPARISONS.items():
    edge(name, getattr(torch, op), "a", "b")
for name in "logical_and logical_or logical_xor".split():
    edge(name, getattr(torch, name), "bools", "other_bools")
edge("logical_not", torch.logical_not, "bools")
give("conditions", torch.arange(256) % 3 == 0)
edge("where", torch.where, "conditions", "a", "b", wild=True)

give("dropped", lambda n: [inf, -inf, nan, n.max, -1, 0.0, n.den])
edge("dropout/all", lambda x: torch.zeros_like(x) + 0 * x.nan_to_num(0, 0, 0), "dropped")  # PyTorch: NaN where x is none
edge("dropout/none", lambda x: x.clone(), "dropped", wild=True)

# Integers. Where PyTorch divides by zero or takes a negative power it fails; adret's answers are written in ops/binary.h.
# Of unsigned integers of more than a byte it has but few functions: theirs are Python's, wrapped around, and so are div
# and pow of all.
def truncated(p, q):
    return 0 if q == 0 else abs(p) // abs(q) * (1 if (p < 0) == (q < 0) else -1)


def wrapped(f, info):
    def loop(*xs):
        size = info.max - info.min + 1
        values = [(f(*numbers) - info.min) % size + info.min for numbers in zip(*[x.tolist() for x in xs])]
        return torch.tensor(values, dtype=xs[0].dtype)
    return loop


def power_in(info):
    def power(p, q):
        if q < 0:
            return (p if q % 2 else 1) if abs(p) == 1 else 0
        return pow(p, q, info.max - info.min + 1)
    return power


def shifted(shift, bits, beyond):
    return lambda p, q: shift(p, q) if 0 <= q < bits else beyond(p)


def compared(f):
    return lambda a, b: torch.tensor([f(p, q) for p, q in zip(a.tolist(), b.tolist())])


ON_INTEGERS = {"neg": operator.neg, "abs": abs, "sign": lambda p: (p > 0) - (p < 0), "square": lambda p: p * p,
               "relu": lambda p: max(p, 0), "clip": lambda p: min(max(p, 1), 100), "bitwise_not": operator.invert}
ON_PAIRS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "maximum": max, "minimum": min,
            "bitwise_and": operator.and_, "bitwise_or": operator.or_, "bitwise_xor": operator.xor}
for t, dtype in INTEGERS.items():
    info = torch.iinfo(dtype)
    in_python = t in ("u16", "u32", "u64")
    numbers = sorted({max(v, info.min) for v in [info.min, info.min + 1, -7, -1]} | {0, 1, 2, 3, info.max - 1, info.max})
    give(t, torch.tensor(numbers, dtype=dtype))
    give(t + "_a", torch.tensor([p for p in numbers for _ in numbers], dtype=dtype))
    give(t + "_b", torch.tensor([q for _ in numbers for q in numbers], dtype=dtype))
    for name, f in ON_INTEGERS.items():
        of_torch = getattr(torch, name) if name != "clip" else lambda x: x.clamp(1, 100)
        edge(f"{name}/{t}", wrapped(f, info) if in_python else of_torch, t)
    for name, f in ON_PAIRS.items():
        edge(f"{name}/{t}", wrapped(f, info) if in_python else getattr(torch, name), t + "_a", t + "_b")
    for name, op in COMPARISONS.items():
        edge(f"{name}/{t}", compared(getattr(operator, op)) if in_python else getattr(torch, op), t + "_a", t + "_b")
    left = shifted(operator.lshift, info.bits, lambda p: 0)
    right = shifted(operator.rshift, info.bits, lambda p: -1 if p < 0 else 0)
    edge(f"shift_left/{t}", wrapped(left, info) if in_python else torch.bitwise_left_shift, t + "_a", t + "_b")
    edge(f"shift_right/{t}", wrapped(right, info) if in_python else torch.bitwise_right_shift, t + "_a", t + "_b")
    edge(f"mod/{t}", wrapped(lambda p, q: p % q if q else 0, info), t + "_a", t + "_b")
    edge(f"mod/fmod/{t}", wrapped(lambda p, q: p - q * truncated(p, q) if q else 0, info), t + "_a", t + "_b")
    edge(f"div/{t}", wrapped(truncated, info), t + "_a", t + "_b")
    edge(f"pow/{t}", wrapped(power_in(info), info), t + "_a", t + "_b")

# Conversions. From numbers that the result's type does not hold, PyTorch's are undefined; adret saturates, NaN gives 0.
give("castable", lambda n: n.specials + [-0.5, 0.99, 1.5, -1.99, 254.5, 255.5, -129.0, 2.0**31 - 1, 2.0**31, -2.0**31,
                                         2.0**53 + 2, 2.0**63, -2.0**63, 2.0**64])


def saturated(dtype):
    info = torch.iinfo(dtype)

    def one(v):
        if v != v:
            return 0
        return int(min(max(v, info.min), info.max)) if abs(v) < inf else info.max if v > 0 else info.min
    return lambda x: torch.tensor([one(int(v) if abs(v) < inf else v) for v in x.tolist()], dtype=dtype)


for t, dtype in {"i32": torch.int32, "i64": torch.int64, "u8": torch.uint8}.items():
    edge(f"cast/to_{t}", saturated(dtype), "castable")
    for other, to in {"i32": torch.int32, "i64": torch.int64, "u8": torch.uint8}.items():
        edge(f"cast/{t}_to_{other}", saturated(to), t)
    for other, to in {**TYPES, "bool": torch.bool}.items():
        edge(f"cast/{t}_to_{other}", lambda x: x.to(to), t)
for other, to in {**TYPES, "bool": torch.bool}.items():
    edge(f"cast/to_{other}", lambda x: x.to(to), "castable", wild=True)
    edge(f"cast/bool_to_{other}", lambda x: x.to(to), "bools")

# ---- Reductions and what runs along an axis ------------------------------------------------------------------------

WIDTH = 21  # more than a vector, and no multiple of one


def rows(filler, cases):
    """A row of filler numbers for each case, which replaces some of them: {place: number}, or all: a number."""
    def make(n):
        result = []
        for case in cases(n):
            row = [filler[i % len(filler)] for i in range(WIDTH)]
            row = [case] * WIDTH if not isinstance(case, dict) else [case.get(i, v) for i, v in enumerate(row)]
            result.append(row)
        return np.array(result, dtype=np.float64)
    return make


def extremes(n):
    return [{}, 2.0, {2: 5, 17: 5}, {2: -5, 20: -5}, 0.0, -0.0, {2: nan}, {20: nan}, {2: nan, 17: nan}, nan, {2: inf},
            {2: inf, 20: inf}, inf, {3: -inf}, -inf, {2: inf, 20: -inf}, {2: nan, 17: inf}, {2: inf, 17: nan}, {2: n.max},
            {2: n.max, 17: n.max}, {2: -n.max}, n.den, {2: n.big}, {2: -n.big, 5: -n.big}, {i: -inf for i in range(20)},
            {i: 0.0 if i % 2 else -0.0 for i in range(21)}]


def factors(n):
    return [{}, {2: 0.0}, {2: 0.0, 17: 0.0}, {2: -0.0}, 0.0, {2: nan}, nan, {2: inf}, {2: inf, 17: -inf}, inf,
            {2: inf, 17: 0.0}, {2: nan, 17: 0.0}, {2: n.den}, {2: n.tiny, 17: n.tiny}]


def some_factors(n):  # without infinities of which sums of products are inf or NaN, as the terms are put together
    return [c for c in factors(n) if not isinstance(c, dict) or inf not in c.values()]


def largest_factors(n):  # one place is enough for what other orders of multiplication would overflow
    return [{2: n.max}, {2: n.max, 17: n.max}, {2: n.max, 17: n.den}]


def both(name, f, given, **options):
    """A row along the last axis, where an op runs along memory, and one along axis 0 of the transposed input."""
    edge(name, lambda x, *more: f(x, 1, *more), given, **options)
    edge(name + "/columns", lambda x, *more: f(x, 0, *more), given + "_columns", **options)


give("rows", rows([1, 2, 3], extremes))
give("rows_columns", lambda n: rows([1, 2, 3], extremes)(n).T)
give("factors", rows([1, -1, -1], factors))
give("factors_columns", lambda n: rows([1, -1, -1], factors)(n).T)
give("some_factors", rows([1, -1, -1], some_factors))
give("some_factors_columns", lambda n: rows([1, -1, -1], some_factors)(n).T)
give("largest_factors", rows([1, -1, -1], largest_factors))
give("lengths", rows([3, -4], lambda n: [{}, 0.0, -0.0, {2: 0.0}, nan, {2: nan}]))
give("lengths_columns", lambda n: rows([3, -4], lambda n: [{}, 0.0, -0.0, {2: 0.0}, nan, {2: nan}])(n).T)
give("single", lambda n: [[2.5], [-0.0], [nan], [inf], [-inf], [n.den]])


def product(numbers):
    """One after the other: the gradient of PyTorch's prod divides by factors, which may be infinite."""
    y = numbers[0]
    for number in numbers[1:]:
        y = y * number
    return y


def product_of_others(x, axis):
    factors = x.unbind(axis)
    return torch.stack([product([f for j, f in enumerate(factors) if j != k]) for k in range(len(factors))], axis)


def largest_mask(sign):
    return lambda x, axis: F.one_hot((sign * x).argmax(axis), x.shape[axis]).to(x.dtype).movedim(-1, axis)


class LogSumExp(torch.autograd.Function):
    """The gradient is the softmax, which is NaN in rows with an infinity; PyTorch's is 0 beside a +infinity."""
    @staticmethod
    def forward(ctx, x, axis):
        ctx.save_for_backward(x)
        ctx.axis = axis
        return x.logsumexp(axis)

    @staticmethod
    def backward(ctx, dy):
        return dy.unsqueeze(ctx.axis) * ctx.saved_tensors[0].softmax(ctx.axis), None


REDUCTIONS = {
    "sum": lambda x, axis: x.sum(axis),
    "mean": lambda x, axis: x.mean(axis),
    "max": lambda x, axis: x.max(axis).values,  # the gradient goes to the first maximum; amax would share it
    "min": lambda x, axis: x.min(axis).values,
    "logsumexp": LogSumExp.apply,
    "argmax": lambda x, axis: x.argmax(axis),
    "argmin": lambda x, axis: x.argmin(axis),
    "max_mask": largest_mask(1),
    "min_mask": largest_mask(-1),
    "softmax": lambda x, axis: x.softmax(axis),
    "log_softmax": lambda x, axis: x.log_softmax(axis),
    "cumsum": lambda x, axis: x.cumsum(axis),
    "top_k": lambda x, axis: tuple(torch.sort(x, dim=axis, descending=True, stable=True)[i].narrow(axis, 0, 4) for i in (0, 1)),
}
for name, f in REDUCTIONS.items():
    both(name, f, "rows", wide=name in ("logsumexp", "softmax", "log_softmax"), wild=name in ("max", "min"))
    if name != "top_k":
        edge(name + "/one", lambda x: f(x, 1), "single")
both("norm", lambda x, axis: torch.linalg.vector_norm(x, dim=axis), "lengths")
both("prod", lambda x, axis: product(x.unbind(axis)), "factors")
edge("prod/largest", lambda x: product(x.unbind(1)), "largest_factors")
both("prod_others", product_of_others, "some_factors")
for name in "sum mean logsumexp".split():
    edge(name + "/of_nothing", lambda x: REDUCTIONS[name](x, 1), "empty")
    edge(name + "/no_rows", lambda x: REDUCTIONS[name](x, 1), "no_rows")
edge("prod/of_nothing", lambda x: x.prod(1), "empty")
for name in "max min argmax argmin softmax log_softmax cumsum".split():
    edge(name + "/no_rows", lambda x: REDUCTIONS[name](x, 1), "no_rows")
for name in "max min argmax argmin".split():
    refused(lambda x: REDUCTIONS[name](x, 1), "empty")
for name in "softmax log_softmax cumsum".split():
    edge(name + "/of_nothing", lambda x: REDUCTIONS[name](x, 1), "empty")
edge("size", lambda x: torch.tensor(x.shape[1], dtype=x.dtype), "rows")
edge("size/of_nothing", lambda x: torch.tensor(0, dtype=x.dtype), "empty")
edge("cumsum/exclusive_reverse", lambda x: F.pad(x[:, 1:].flip(1).cumsum(1).flip(1), (0, 1)), "rows")


# Cross-entropy. PyTorch answers 0 * -inf = NaN where a probability of 0 meets a logit of -inf; the limit, and what class
# indices give, is 0.
def cross_entropy(x, t):
    logp = x.log_softmax(1)
    return -torch.where(t == 0, torch.zeros_like(logp), t * logp).sum(1)


def logits(n):
    return [[1, 2, 3, 4], [0, 0, 0, 0], [1e4, 0, 0, 0], [-1e4, 0, 0, 0], [nan, 1, 2, 3], [1, 2, nan, 3], [inf, 1, 2, 3],
            [1, inf, 2, 3], [-inf, 1, 2, 3], [1, -inf, 2, 3], [-inf] * 4, [n.max, 1, 2, 3], [1, n.max, -n.max, 3],
            [n.den, 0, 0, 0]]


give("logits", logits)
give("labels", torch.tensor([3, 0, 0, 0, 2, 2, 0, 0, 1, 1, 0, 0, 1, 0]))
give("probabilities", lambda n: np.eye(4)[inputs["labels"].numpy()])
give("mixed_probabilities", lambda n: np.tile([0.5, 0.25, 0, 0.25], [14, 1]))
give("no_labels", torch.zeros([0], dtype=torch.int64))
indices = lambda x, t: F.cross_entropy(x, t, reduction="none")
edge("softmax_cross_entropy", indices, "logits", "labels", wide=True)
edge("softmax_cross_entropy/probabilities", lambda x, t: cross_entropy(x, t.detach()), "logits", "probabilities",
     wide=True)
edge("softmax_cross_entropy/mixed", lambda x, t: cross_entropy(x, t.detach()), "logits", "mixed_probabilities", wide=True)
edge("softmax_cross_entropy/no_rows", indices, "no_rows", "no_labels")


# ---- Norms, with the statistics that adret returns, too --------------------------------------------------------------
def batch_norm(x, w, b):
    axes = [a for a in range(x.dim()) if a != 1]
    return F.batch_norm(x, None, None, w, b, training=True), x.mean(axes), x.var(axes, unbiased=False)


def samples(n):
    """Each row is a channel, or a sample of layer_norm. What f64 has no digits for is tried in f32 only."""
    ramp = np.arange(12.0)
    narrow = n.max < 1e39
    return [ramp, 0 * ramp, 0 * ramp + (333333.34 if narrow else 3.25), (10000 if narrow else 8) + ramp / 1024, -ramp,
            np.where(ramp == 5, nan, ramp), np.where(ramp == 5, inf, ramp), np.where(ramp == 5, -inf, ramp),
            ramp * 2.0**-70, ramp * n.tiny, ramp]


give("samples", samples)
give("channels", lambda n: np.array(samples(n)).T)
give("image_channels", lambda n: np.array(samples(n)).reshape(11, 2, 2, 3).transpose(1, 0, 2, 3))
give("scales", lambda n: [1, 2, -1, 0.5, 1, 1, 2, 1, 1, 1, 0])
give("biases", lambda n: [0, 1, 2, -1, 0.5, 0, 0, 0, 0, 1, 3])
give("large_channel", lambda n: np.arange(12.0).reshape(12, 1) * (2.0**100 if n.max < 1e39 else 2.0**50))
give("one_scale", lambda n: [2.0])
give("one_bias", lambda n: [0.5])
give("sample_scales", lambda n: [1, 2, -1, 0.5, 1, 1, 2, 1, 1, 1, 1, 0])
give("sample_biases", lambda n: [0, 1, 2, -1, 0.5, 0, 0, 0, 0, 1, 0, 3])
edge("batch_norm", batch_norm, "channels", "scales", "biases", wide=True)
edge("batch_norm/images", batch_norm, "image_channels", "scales", "biases", wide=True)
edge("batch_norm/large", batch_norm, "large_channel", "one_scale", "one_bias", wide=True)
edge("layer_norm", lambda x, w, b: F.layer_norm(x, [12], w, b), "samples", "sample_scales", "sample_biases", wide=True)
give("no_samples", lambda n: np.zeros([0, 12]))
edge("layer_norm/no_rows", lambda x, w, b: F.layer_norm(x, [12], w, b), "no_samples", "sample_scales", "sample_biases")
edge("layer_norm/one", lambda x, w, b: F.layer_norm(x, [1], w, b), "single", "one_scale", "one_bias")


edge("rms_norm", lambda x, w: F.rms_norm(x, [12], w, 1e-5), "samples", "sample_scales", wide=True)
edge("rms_norm/no_rows", lambda x, w: F.rms_norm(x, [12], w, 1e-5), "no_samples", "sample_scales")
edge("rms_norm/one", lambda x, w: F.rms_norm(x, [1], w, 1e-5), "single", "one_scale", wide=True)
edge("rms_norm/large", lambda x, w: F.rms_norm(x.T, [12], w[:1].expand(12), 1e-5), "large_channel", "one_scale", wide=True)


# ---- Products and windows --------------------------------------------------------------------------------------------
def grid(shape, numbers, period=7):
    """Small whole numbers, whose products and sums are exact, and some others: {place: number}."""
    values = np.arange(np.prod(shape)) % period - 2.0
    for place, number in numbers.items():
        values[place] = number
    return values.reshape(shape)


give("left", lambda n: grid([6, 9], {4: nan, 12: inf, 23: -inf, 31: n.max, 40: n.den}))
give("right", lambda n: grid([9, 5], {}, 5))
give("right_edges", lambda n: grid([9, 5], {3: nan, 11: inf, 22: 0}, 5))
give("zeros_right", lambda n: np.zeros([9, 5]))
for other in ["right", "right_edges", "zeros_right"]:
    edge("matmul" if other == "right" else "matmul/" + other, torch.matmul, "left", other)
give("none_left", lambda n: np.zeros([0, 9]))
give("thin_left", lambda n: np.zeros([6, 0]))
give("thin_right", lambda n: np.zeros([0, 5]))
edge("matmul/no_rows", torch.matmul, "none_left", "right")
edge("matmul/nothing_to_sum", torch.matmul, "thin_left", "thin_right")
give("one_row", lambda n: [[2, -1, nan]])
give("one_column", lambda n: [[1], [3], [0]])
edge("matmul/one", torch.matmul, "one_row", "one_column")


def attention(q, k, v, seen=None, causal=False, bias=None):
    """Attention over the keys that each query sees: others do not count, where PyTorch has 0 * inf = NaN."""
    rows = []
    for i in range(q.shape[0]):
        keys = torch.ones(k.shape[0], dtype=torch.bool) if seen is None else seen[i].clone()
        keys &= torch.arange(k.shape[0]) <= i if causal else keys
        scores = lambda keys: k[keys] @ q[i] / q.shape[1]**0.5 + (0 if bias is None else bias[i][keys])
        keys[keys.clone()] &= scores(keys).detach() != -inf
        p = scores(keys).softmax(0)
        rows.append(p @ v[keys] if keys.any() else torch.zeros(v.shape[1], dtype=v.dtype))
    return torch.stack(rows) if rows else torch.zeros(0, v.shape[1], dtype=v.dtype) + 0 * (q.sum() + k.sum() + v.sum())


give("queries", lambda n: grid([6, 4], {5: nan, 12: inf, 20: -0.0}, 3))
give("keys", lambda n: grid([5, 4], {7: n.den, 13: -inf}, 6))
give("values", lambda n: grid([5, 3], {4: nan, 9: inf, 14: -inf}, 5))
give("some_queries", lambda n: grid([6, 4], {5: -0.5}, 3))
give("some_keys", lambda n: grid([5, 4], {}, 6))
give("some_values", lambda n: grid([5, 3], {}, 5))
give("no_queries", lambda n: np.zeros([0, 4]))
give("no_keys", lambda n: np.zeros([0, 4]))
give("no_values", lambda n: np.zeros([0, 3]))
give("seen", torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 1, 1]],
                          dtype=torch.bool))
give("score_biases", lambda n: np.where(inputs["seen"].numpy(), 0.25 * grid([6, 5], {}), -inf))
edge("scaled_dot_product_attention", attention, "queries", "keys", "values", wide=True)
edge("scaled_dot_product_attention/causal", lambda q, k, v: attention(q, k, v, causal=True), "queries", "keys", "values",
     wide=True)
edge("scaled_dot_product_attention_dropout/hardly_ever", attention, "queries", "keys", "values", wide=True)
edge("scaled_dot_product_attention_dropout/hardly_ever_masked", attention, "queries", "keys", "values", "seen", wide=True)
edge("scaled_dot_product_attention/masked", attention, "queries", "keys", "values", "seen", wide=True)
edge("scaled_dot_product_attention/biased", lambda q, k, v, b: attention(q, k, v, bias=b), "some_queries", "some_keys",
     "some_values", "score_biases", wide=True)
for name, (q, k, v) in {"no_queries": ("no_queries", "keys", "values"), "no_keys": ("some_queries", "no_keys", "no_values")}.items():
    edge("scaled_dot_product_attention/" + name, attention, q, k, v)
    edge("scaled_dot_product_attention_dropout/" + name, attention, q, k, v)

pixels = lambda n: grid([2, 2, 8, 9], {30: nan, 65: inf, 200: -inf, 270: n.max, 150: n.den})
give("pixels", pixels)
give("filters", lambda n: grid([4, 2, 3, 3], {}, 5))
give("filters_edges", lambda n: grid([4, 2, 3, 3], {4: nan, 22: inf}, 5))
give("one_pixel", lambda n: np.array([3.0, nan, -1, inf]).reshape(2, 2, 1, 1))
give("one_by_one", lambda n: grid([4, 2, 1, 1], {}, 5))
give("no_images", lambda n: np.zeros([0, 2, 8, 9]))
give("depthwise_filters", lambda n: grid([4, 1, 3, 3], {}, 5))
give("transposed_filters", lambda n: grid([2, 3, 3, 3], {}, 5))
for name, options in {"": {}, "/stride": dict(stride=2, padding=1), "/dilation": dict(dilation=2, padding=2)}.items():
    edge("conv2d" + name, lambda x, w: F.conv2d(x, w, **options), "pixels", "filters")
edge("conv2d/no_images", F.conv2d, "no_images", "filters")
edge("conv2d/one_pixel", F.conv2d, "one_pixel", "one_by_one")
edge("conv2d/one_pixel_padded", lambda x, w: F.conv2d(x, w, padding=1), "one_pixel", "filters")
edge("conv2d/depthwise", lambda x, w: F.conv2d(x, w, groups=2), "pixels", "depthwise_filters")
edge("conv2d/unread", lambda x, w: F.conv2d(x, w, stride=(5, 4)), "pixels", "one_by_one")  # hardly a pixel is read
edge("conv_transpose2d", lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1), "pixels", "transposed_filters")
edge("conv_transpose2d/one_pixel", F.conv_transpose2d, "one_pixel", "transposed_filters")
edge("conv_transpose2d/no_images", F.conv_transpose2d, "no_images", "transposed_filters")

give("pool_pixels", lambda n: grid([2, 2, 8, 9], {30: nan, 31: nan, 65: inf, 66: inf, 200: -inf, 270: n.max, 150: n.den,
                                                  **{i: -inf for i in range(72, 144)}, 220: -0.0, 221: 0.0}, 3))

def largest(x, **options):
    """The first NaN of a window counts; PyTorch's max_pool2d takes the last one."""
    order = torch.arange(x[0, 0].numel(), dtype=x.dtype).reshape(x.shape[2:])
    key = torch.where(torch.isnan(x), 4e5 - order, torch.where(x == inf, 2e5, x.clamp(max=1e5)))
    place = F.max_pool2d(key.detach(), return_indices=True, **options)[1]
    return x.flatten(2).gather(2, place.flatten(2)).reshape(place.shape), place.int()


POOLS = {"": dict(kernel_size=2), "/padded": dict(kernel_size=3, stride=2, padding=1), "/overlap": dict(kernel_size=3, stride=1)}
for name, options in POOLS.items():
    edge("max_pool2d" + name, lambda x: largest(x, **options), "pool_pixels", wild=True)
    edge("avg_pool2d" + name, lambda x: F.avg_pool2d(x, **options), "pool_pixels")
edge("max_pool2d/no_images", lambda x: F.max_pool2d(x, 2), "no_images")
edge("avg_pool2d/no_images", lambda x: F.avg_pool2d(x, 2), "no_images")
edge("max_pool2d/one_pixel", lambda x: F.max_pool2d(x, 1), "one_pixel")
edge("avg_pool2d/one_pixel", lambda x: F.avg_pool2d(x, 1), "one_pixel")
edge("avg_pool2d/pixels", lambda x: F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False), "pool_pixels")
give("pool_dy", lambda n: grid([2, 2, 4, 4], {1: nan, 7: inf, 20: -inf, 30: 0.0}))
# The gradient as a function of its cotangent, whose own gradient gathers what the pooling picked.
edge("max_pool2d_x_grad", lambda x, dy: torch.autograd.grad(F.max_pool2d(x, 2), x, dy, create_graph=True)[0],
     "pool_pixels", "pool_dy")

give("resized", lambda n: grid([2, 2, 3, 4], {5: nan, 14: inf, 27: -inf, 40: n.max, 45: n.den}))


def mixed(x, axis, size, corners):
    """Along one axis. A pixel of weight 0 is not read; in PyTorch it is, and 0 * NaN is NaN."""
    n = x.shape[axis]
    scale = (n - 1) / max(size - 1, 1) if corners else n / size
    at = [scale * i if corners else max(0, scale * (i + 0.5) - 0.5) for i in range(size)]
    low = torch.tensor([min(int(v), n - 1) for v in at])
    high = (low + 1).clamp(max=n - 1)
    shape = [-1 if a == axis else 1 for a in range(4)]
    weight = torch.where(low == high, 0, torch.tensor(at, dtype=torch.float64) - low).to(x.dtype).reshape(shape)
    a, b = x.index_select(axis, low), x.index_select(axis, high)
    return torch.where(weight == 0, a, (1 - weight) * a + weight * b)


def bilinear(x, size, corners):
    y = mixed(mixed(x, 3, size[1], corners), 2, size[0], corners)
    expected = F.interpolate(x, size, mode="bilinear", align_corners=corners)
    assert torch.allclose(torch.where(expected.isfinite(), expected, 0), torch.where(expected.isfinite(), y, 0))
    return y


for name, size in {"up": (6, 8), "down": (2, 2), "one": (1, 1), "same": (3, 4)}.items():
    edge("resize_nearest/" + name, lambda x: F.interpolate(x, size, mode="nearest"), "resized", wild=True)
    edge("resize_bilinear/" + name, lambda x: bilinear(x, size, False), "resized")
    edge("resize_bilinear/corners_" + name, lambda x: bilinear(x, size, True), "resized")
edge("resize_nearest/one_pixel", lambda x: F.interpolate(x, (2, 3)), "one_pixel")
edge("resize_bilinear/one_pixel", lambda x: bilinear(x, (2, 3), False), "one_pixel")
edge("resize_nearest/no_images", lambda x: F.interpolate(x, (3, 2)), "no_images")
edge("resize_bilinear/no_images", lambda x: F.interpolate(x, (3, 2), mode="bilinear"), "no_images")

# ---- Shapes and places -----------------------------------------------------------------------------------------------
give("square", lambda n: np.reshape(n.specials, [4, 4]))
give("places", torch.tensor([3, 0, 3]))
give("no_places", torch.zeros([0], dtype=torch.int64))
give("distinct_places", torch.tensor([3, 0, 2]))
give("no_updates", lambda n: np.zeros([0, 4]))
give("square_places", torch.tensor([[3, 0, 3, 1], [2, 2, 2, 2]]))
give("updates", lambda n: [[1, inf, nan, -2], [0.0, 2, 3, -inf], [-1, inf, 5, n.max]])
give("two_updates", lambda n: [[1, inf, nan, -2], [0.0, 2, 3, -inf]])
SHAPES = {
    "reshape": (lambda x: x.reshape(2, 8), lambda x: x.reshape(0, 7)),
    "transpose": (lambda x: x.t(), lambda x: x.t()),
    "broadcast_to": (lambda x: x.expand(3, 4, 4), lambda x: x.expand(2, 3, 0)),
    "slice": (lambda x: x[1:4:2, 0:3], lambda x: x[1:3]),
    "narrow": (lambda x: x.narrow(0, 1, 2), lambda x: x.narrow(0, 1, 2)),
    "roll": (lambda x: x.roll(1, 0), lambda x: x.roll(1, 0)),
    "flip": (lambda x: x.flip(0), lambda x: x.flip(0, 1)),
    "tile": (lambda x: x.tile(2, 1), lambda x: x.tile(2, 1)),
    "concat": (lambda x: torch.cat([x, x[:1]]), lambda x: torch.cat([x, x])),
    "pad": (lambda x: F.pad(x, (1, 0, 2, 0), value=-0.0), lambda x: F.pad(x, (1, 0, 2, 0), value=inf)),
}
for name, (f, g) in SHAPES.items():
    edge(name, f, "square", wild=True)
    edge(name + "/empty", g, "empty")
for mode, torch_mode in ("reflect", "reflect"), ("edge", "replicate"):
    edge("pad/" + mode, lambda x: F.pad(x[None], (1, 2, 2, 1), mode=torch_mode)[0], "square", wild=True)
edge("shape_of", lambda x: torch.tensor(x.shape), "square")
edge("shape_of/empty", lambda x: torch.tensor(x.shape), "empty")


def running_sums(x):
    """What scan/rows says: a carry that halves, added to each row."""
    rows, carry = [], torch.zeros(x.shape[1], dtype=x.dtype)
    for row in x:
        carry = carry * 0.5 + row
        rows.append(carry)
    return torch.stack(rows) if rows else x * 1


edge("scan", running_sums, "square")
edge("scan/no_steps", running_sums, "no_rows")
edge("if", lambda x: x * 2 if x.sum() > 0 else -x, "square", wild=True)
edge("if/empty", lambda x: x * 2 if x.sum() > 0 else -x, "empty")


def doubled(x):
    for _ in range(3):
        if not x.sum() < 4:
            break
        x = x * 2
    return x * 1


edge("while", doubled, "square")
edge("while/scalar", doubled, "scalar")
edge("check_bounds", lambda i: i.clone(), "places")
edge("check_bounds/nothing", lambda i: i.clone(), "no_places")
edge("slice/nothing", lambda x: x[2:2], "square")
edge("concat/with_nothing", lambda x: torch.cat([x[:0], x]), "square", wild=True)
edge("gather", lambda x, i: x.index_select(0, i), "square", "places", wild=True)
edge("gather/nothing", lambda x, i: x.index_select(0, i), "square", "no_places")
edge("gather_elements", lambda x, i: x.gather(0, i), "square", "square_places", wild=True)
edge("scatter_add", lambda x, i, u: x.index_add(0, i, u), "square", "places", "updates", wild=True)
edge("scatter", lambda x, i, u: x.index_copy(0, i, u), "square", "distinct_places", "updates", wild=True)
edge("scatter/nothing", lambda x, i, u: x.index_copy(0, i, u), "square", "no_places", "no_updates")
edge("last_occurrence", lambda i: torch.tensor([[2, 1, 2, 3], [3, 3, 3, 3]]), "square_places")
edge("last_occurrence/nothing", lambda i: i.clone(), "no_places")
edge("sparse_gradient", lambda x: x.clone(), "specials", wild=True)
edge("scatter_elements_add", lambda x, i, u: x.scatter_add(0, i, u), "square", "square_places", "two_updates", wild=True)
edge("one_hot", lambda i: F.one_hot(i, 4).float(), "places")
edge("one_hot/nothing", lambda i: F.one_hot(i, 4).float(), "no_places")
edge("range", lambda x: torch.arange(-1, 1, 0.5), "places")
edge("range/nothing", lambda x: torch.zeros(0), "places")

# ---- Random numbers at the ends of their parameters: nothing is left to chance ----------------------------------------
edge("random_normal/no_deviation", lambda x: torch.full_like(x, 3.0), "specials")
edge("random_normal/nothing", lambda x: torch.zeros_like(x), "empty")
edge("random_bernoulli/never", lambda x: torch.zeros_like(x), "specials")
edge("random_bernoulli/always", lambda x: torch.ones_like(x), "specials")
edge("bernoulli_of/never", lambda key: torch.zeros(3, 2), "places")
edge("bernoulli_of/always", lambda key: torch.ones(3, 2), "places")
edge("bernoulli_of/nothing", lambda key: torch.zeros(0, 2), "no_places")
edge("random_uniform/nothing", lambda x: torch.zeros_like(x), "empty")

save(__file__)
