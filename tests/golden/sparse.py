#!/usr/bin/env python3
"""Golden values for sparse gradients from PyTorch 2: how optimisers move a table of which each step looks up a few rows.

Run in this folder: python3 sparse.py; writes sparse.npz. The loss of step s is
mean((tanh(w[ids[s]]) v - t)^2), where w [8, 3] is the table; some ids are there several times, and row 5 never is.
"""
import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(11)
STEPS, IDS, ROWS = 10, 6, 8
w0, v, t = rng.normal(size=(ROWS, 3)), rng.normal(size=(3, 2)), rng.normal(size=(IDS, 2))
ids = rng.choice([0, 1, 2, 3, 4, 6, 7], size=(STEPS, IDS))
out = {"w0": w0, "v": v, "t": t, "ids": ids}

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.3),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "adagrad_decay": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.2),
    "sparse_adam": lambda p: torch.optim.SparseAdam(p, lr=0.05),
    "sparse_adam_betas": lambda p: torch.optim.SparseAdam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3),
}


def trajectory(make, padding=None):
    w = torch.tensor(w0, requires_grad=True)
    optimizer = make([w])
    ws = []
    for step in range(STEPS):
        optimizer.zero_grad()
        rows = F.embedding(torch.tensor(ids[step]), w, padding_idx=padding, sparse=True)
        ((torch.tanh(rows) @ torch.tensor(v) - torch.tensor(t)) ** 2).mean().backward()
        assert w.grad.is_sparse
        optimizer.step()
        ws.append(w.detach().numpy().copy())
    return np.stack(ws)


for name, make in OPTIMIZERS.items():
    out[name] = trajectory(make)
    out[f"{name}/padded"] = trajectory(make, padding=2)

np.savez_compressed("sparse.npz", **out)
