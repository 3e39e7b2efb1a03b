#!/usr/bin/env python3
"""Golden values for nn/ from PyTorch 1.13: optimiser trajectories, schedules, losses, running statistics.

Run in this folder: python3 nn.py; writes nn.npz.
"""
import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(7)
out = {}

# ---- Optimisers: loss(w, b) = mean((tanh(x w^T + b) - t)^2), ten steps. ----
STEPS = 10
x, t = rng.normal(size=(8, 5)), rng.normal(size=(8, 3))
w0, b0 = rng.normal(size=(3, 5)), rng.normal(size=3)
out.update({"problem/x": x, "problem/t": t, "problem/w": w0, "problem/b": b0})

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.05),
    "adam_decay": lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.02),
    "rmsprop_centered": lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.9, momentum=0.5, centered=True,
                                                      weight_decay=0.01),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "adagrad_decay": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.2,
                                                   weight_decay=0.01),
}


def trajectory(make, clip_norm=0.0, clip_value=0.0):
    w, b = torch.tensor(w0, requires_grad=True), torch.tensor(b0, requires_grad=True)
    optimizer = make([w, b])
    ws, bs = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        ((torch.tanh(torch.tensor(x) @ w.T + b) - torch.tensor(t)) ** 2).mean().backward()
        if clip_value:
            torch.nn.utils.clip_grad_value_([w, b], clip_value)
        if clip_norm:
            torch.nn.utils.clip_grad_norm_([w, b], clip_norm)
        optimizer.step()
        ws.append(w.detach().numpy().copy())
        bs.append(b.detach().numpy().copy())
    return np.stack(ws), np.stack(bs)


for name, make in OPTIMIZERS.items():
    out[f"{name}/w"], out[f"{name}/b"] = trajectory(make)
out["clip_norm/w"], out["clip_norm/b"] = trajectory(OPTIMIZERS["sgd"], clip_norm=0.1)
out["clip_value/w"], out["clip_value/b"] = trajectory(OPTIMIZERS["sgd"], clip_value=0.05)


# ---- Schedules --------
def rates(make, start, n):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=start)
    scheduler = make(optimizer)
    result = []
    for _ in range(n):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(result)


S = torch.optim.lr_scheduler
out["step_decay/rates"] = rates(lambda o: S.StepLR(o, step_size=4, gamma=0.5), 0.3, 20)
out["cosine/rates"] = rates(lambda o: S.CosineAnnealingLR(o, T_max=15, eta_min=0.01), 0.3, 16)
out["one_cycle/rates"] = rates(
    lambda o: S.OneCycleLR(o, max_lr=0.5, total_steps=20, cycle_momentum=False), 0.1, 20)
out["one_cycle_other/rates"] = rates(
    lambda o: S.OneCycleLR(o, max_lr=0.5, total_steps=17, pct_start=0.42, div_factor=10, final_div_factor=100,
                           cycle_momentum=False), 0.1, 17)
out["warm_up/rates"] = rates(lambda o: S.LambdaLR(o, lambda step: min(1.0, (step + 1) / 5)), 0.2, 10)


# ---- Losses: values and gradients with respect to the first argument, for each reduction. --------
def loss_case(name, f, a, b):
    out[f"{name}/x0"], out[f"{name}/x1"] = a, b
    p = torch.tensor(a, requires_grad=True)
    y = f(p, torch.tensor(b), "mean")
    y.backward()
    out[f"{name}/mean"], out[f"{name}/dx0"] = y.detach().numpy(), p.grad.numpy()
    out[f"{name}/sum"] = f(torch.tensor(a), torch.tensor(b), "sum").numpy()


logits = 3 * rng.normal(size=(6, 4))
probabilities = rng.dirichlet(np.ones(4), size=6)
indices = rng.integers(0, 4, size=6)
targets = rng.normal(size=(6, 4))
loss_case("cross_entropy", lambda p, y, r: F.cross_entropy(p, y, reduction=r), logits, indices)
loss_case("cross_entropy_smooth", lambda p, y, r: F.cross_entropy(p, y, reduction=r, label_smoothing=0.1), logits,
          indices)
loss_case("cross_entropy_probabilities", lambda p, y, r: F.cross_entropy(p, y, reduction=r), logits, probabilities)
loss_case("mse", lambda p, y, r: F.mse_loss(p, y, reduction=r), logits, targets)
loss_case("mae", lambda p, y, r: F.l1_loss(p, y, reduction=r), logits, targets)
loss_case("huber", lambda p, y, r: F.huber_loss(p, y, delta=0.7, reduction=r), logits, targets)
loss_case("bce", lambda p, y, r: F.binary_cross_entropy_with_logits(p, y, reduction=r), 20 * logits, probabilities)
loss_case("hinge", lambda p, y, r: getattr(torch, r)(torch.clamp(1 - y * p, min=0)), logits, np.sign(targets))
sparse = probabilities * (probabilities > 0.1)
sparse /= sparse.sum(1, keepdims=True)
loss_case("kl", lambda p, y, r: F.kl_div(p, y, reduction="batchmean" if r == "mean" else r),
          np.log(rng.dirichlet(np.ones(4), size=6)), sparse)

# ---- Running statistics of batch_norm over three batches, then inference. --------
batches = rng.normal(size=(3, 5, 2, 3, 3)) * 2 + 1
norm = torch.nn.BatchNorm2d(2, momentum=0.2)
for batch in batches:
    y = norm(torch.tensor(batch))
out["batch_norm/x"] = batches
out["batch_norm/y"] = y.detach().numpy()
out["batch_norm/mean"] = norm.running_mean.numpy()
out["batch_norm/variance"] = norm.running_var.numpy()
norm.eval()
out["batch_norm/inference"] = norm(torch.tensor(batches[0])).detach().numpy()

np.savez_compressed("nn.npz", **{k: np.asarray(v) for k, v in out.items()})
