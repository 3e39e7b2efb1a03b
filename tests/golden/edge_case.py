"""What edges.py is written with: inputs that rows share, rows, and the file.

A row's arrays are many and small, so that members of their own would be mostly headers: all numbers of a dtype lie one
after the other in one member, and the member `index` is a text that has a line for each array: name, dtype, dimensions.
"""
import os

import numpy as np
import torch

nan, inf = float("nan"), float("inf")
TYPES = {"f32": torch.float32, "f64": torch.float64}
INTEGERS = {"i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64,
            "u8": torch.uint8, "u16": torch.uint16, "u32": torch.uint32, "u64": torch.uint64}
DY = [[1] * 7, [0.5, -2, 3, -0.25, 1.5, -1, 4], [2, inf, -1, nan, 0, -inf, -0.5]]
arrays = {"dy": np.array(DY, dtype=np.float64)}
inputs = {}


class Numbers:
    """The numbers at the edges of a floating type."""

    def __init__(self, dtype):
        info = torch.finfo(dtype)
        self.den, self.tiny, self.max = info.smallest_normal * info.eps, info.smallest_normal, info.max
        self.big = 2.0**65 if dtype == torch.float32 else 2.0**513  # its square overflows
        self.specials = [0.0, -0.0, self.den, -self.den, self.tiny, -self.tiny, self.max, -self.max, inf, -inf, nan,
                         1.0, -1.0, 0.5, self.big, -self.big]


NUMBERS = {t: Numbers(dtype) for t, dtype in TYPES.items()}


def give(name, make):
    """Defines an input: numbers of each floating type, made by make(Numbers), or a tensor of integers or bools."""
    if torch.is_tensor(make):
        inputs[name] = make
        arrays[f"inputs/{name}"] = make.numpy()
        return
    for t, dtype in TYPES.items():
        inputs[name, t] = torch.as_tensor(np.array(make(NUMBERS[t]), dtype=np.float64)).to(dtype)
        arrays[f"inputs/{name}/{t}"] = inputs[name, t].numpy()


def cotangent(y, numbers):
    return torch.tensor(numbers).repeat(y.numel() // 7 + 1)[: y.numel()].reshape(y.shape).to(y.dtype)


def edge(name, f, *names, wild=False, wide=False):
    """A row. wide: f32 numbers are f64's, rounded, where PyTorch's in f32 lose digits that adret keeps."""
    floating = any(n not in inputs for n in names)
    for t in TYPES if floating else [""]:
        xs = [inputs[n] if n in inputs else inputs[n, t] for n in names]
        store = (lambda v: v.detach().to(TYPES[t]) if v.is_floating_point() else v) if wide and t == "f32" else (
            lambda v: v.detach())
        prefix = name + "/" + (t + "/" if t else "")
        gradients = [[] for _ in xs]
        for numbers in DY[: 3 if wild else 2]:
            leaves = [(x.double() if wide and x.is_floating_point() else x).clone() for x in xs]
            leaves = [x.requires_grad_(x.is_floating_point()) for x in leaves]
            ys = f(*leaves)
            ys = list(ys) if isinstance(ys, (tuple, list)) else [ys]
            outputs = [y for y in ys if y.requires_grad]
            if outputs:
                torch.autograd.backward(outputs, [cotangent(y, numbers) for y in outputs])
            for x, g in zip(leaves, gradients):
                if x.grad is not None:
                    g.append(store(x.grad).numpy())
        for i, y in enumerate(ys):
            arrays[f"{prefix}y{i}"] = store(y).numpy()
        for i, g in enumerate(gradients):
            if g:
                arrays[f"{prefix}dx{i}"] = np.stack(g)


def refused(f, *names):
    """Asserts that PyTorch refuses what an EdgeRow with an error says that adret refuses."""
    for t in TYPES:
        try:
            f(*[inputs[n] if n in inputs else inputs[n, t] for n in names])
        except (RuntimeError, IndexError, ValueError):
            continue
        raise AssertionError(f"PyTorch does not refuse {names}")


NAMES = {str(dtype).removeprefix("torch."): t for t, dtype in {**TYPES, **INTEGERS, "bool": torch.bool}.items()}


def save(script):
    """Writes the arrays to <script>.npz beside the script."""
    numbers = {name: [np.zeros(0, dtype=dtype)] for dtype, name in NAMES.items()}
    index = []
    for name, array in arrays.items():
        dtype = NAMES[array.dtype.name]
        numbers[dtype].append(array.reshape(-1))
        index.append(" ".join([name, dtype, *map(str, array.shape)]))
    path = os.path.splitext(os.path.abspath(script))[0] + ".npz"
    np.savez_compressed(path, index=np.frombuffer("\n".join(index).encode(), dtype=np.uint8),
                        **{dtype: np.concatenate(parts) for dtype, parts in numbers.items()})
    print(len(arrays), "arrays,", os.path.getsize(path), "bytes")
