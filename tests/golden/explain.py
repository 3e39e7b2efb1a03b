#!/usr/bin/env python3
"""Golden values for explain/ from PyTorch 1.13: attributions of a small convolutional network, formulas written out.

Run in this folder: python3 explain.py; writes explain.npz. Captum's definitions (github.com/pytorch/captum), and the
papers' where it follows them; explain/ says which.
"""
import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(11)
out = {}

# ---- The network: conv, relu, pool, conv, relu, pool, dense, relu, dense, on images of two channels. ----
CHANNELS, SIZE, CLASSES = 2, 14, 4
SHAPES = {"conv1/w": (4, CHANNELS, 3, 3), "conv1/b": (4,), "conv2/w": (6, 4, 3, 3), "conv2/b": (6,),
          "dense1/w": (8, 24), "dense1/b": (8,), "logits/w": (CLASSES, 8), "logits/b": (CLASSES,)}
weights = {name: torch.tensor(rng.normal(size=shape) * (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1
                              else rng.normal(size=shape) * 0.1) for name, shape in SHAPES.items()}
out.update({f"net/{name}": w.numpy() for name, w in weights.items()})


class GuidedRelu(torch.autograd.Function):
    """Springenberg et al. 2015: backwards, only what is positive passes, and only where relu was open."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(context, dy):
        (x,) = context.saved_tensors
        return dy * (dy > 0) * (x > 0)


class DeconvnetRelu(torch.autograd.Function):
    """Zeiler and Fergus 2014: backwards, relu itself."""

    @staticmethod
    def forward(context, x):
        return x.clamp(min=0)

    @staticmethod
    def backward(context, dy):
        return dy * (dy > 0)


def layers(x, relu=torch.relu):
    """What the named layers compute."""
    w = weights
    conv1 = F.conv2d(x, w["conv1/w"], w["conv1/b"])
    conv2 = F.conv2d(F.max_pool2d(relu(conv1), 2), w["conv2/w"], w["conv2/b"])
    pool2 = F.max_pool2d(relu(conv2), 2)
    dense1 = F.linear(pool2.flatten(1), w["dense1/w"], w["dense1/b"])
    logits = F.linear(relu(dense1), w["logits/w"], w["logits/b"])
    return {"conv1": conv1, "conv2": conv2, "pool2": pool2, "dense1": dense1, "logits": logits}


def value(x, units, layer="logits", relu=torch.relu):
    """The target's value for each image; a map counts as its sum."""
    y = layers(x, relu)[layer]
    y = y.flatten(2).sum(2) if y.dim() == 4 else y
    return y.gather(1, torch.tensor(units)[:, None])[:, 0]


def slope(x, units, layer="logits", relu=torch.relu):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(value(x, units, layer, relu).sum(), x)[0]


# ---- Images, and which unit of which layer is looked at in each. ----
images = torch.tensor(rng.uniform(size=(2, CHANNELS, SIZE, SIZE)))
baseline = torch.tensor(rng.uniform(size=(CHANNELS, SIZE, SIZE)) * 0.3)
TARGETS = {"logits": [1, 3], "conv2": [5, 0]}
out.update({"images": images.numpy(), "baseline": baseline.numpy()})


def grad_cam(x, units, layer, maps):
    """Selvaraju et al. 2017, equations 1 and 2, then bilinear as F.interpolate does."""
    acts = layers(x.detach().clone().requires_grad_())
    y = acts[layer].flatten(2).sum(2) if acts[layer].dim() == 4 else acts[layer]
    y = y.gather(1, torch.tensor(units)[:, None])[:, 0]
    (da,) = torch.autograd.grad(y.sum(), acts[maps])
    alpha = da.mean((2, 3), keepdim=True)
    cam = torch.relu((alpha * acts[maps]).sum(1, keepdim=True))
    return F.interpolate(cam, (SIZE, SIZE), mode="bilinear", align_corners=False).detach()


def integrated_gradients(x, units, layer, start, steps):
    """Sundararajan et al. 2017, equation 1, by Gauss and Legendre's quadrature."""
    nodes, heights = np.polynomial.legendre.leggauss(steps)
    total = sum(h / 2 * slope(start + (1 + t) / 2 * (x - start), units, layer) for t, h in zip(nodes, heights))
    return (x - start) * total


def windows(window, stride):
    """Captum's sliding windows: the last one of a row or column may stick out."""
    counts = [-(-(SIZE - w) // s) + 1 for w, s in zip(window, stride)]
    for i in range(counts[0]):
        for j in range(counts[1]):
            mask = torch.zeros(SIZE, SIZE)
            mask[i * stride[0]:i * stride[0] + window[0], j * stride[1]:j * stride[1] + window[1]] = 1
            yield mask


def occlusion(x, units, layer, window, stride, fill):
    """Zeiler and Fergus 2014: how much the value drops; a pixel has the mean over the windows that cover it."""
    drops, covered = torch.zeros(len(x), 1, SIZE, SIZE), torch.zeros(SIZE, SIZE)
    with torch.no_grad():
        for mask in windows(window, stride):
            drop = value(x, units, layer) - value(x * (1 - mask) + fill * mask, units, layer)
            drops += drop[:, None, None, None] * mask
            covered += mask
    return drops / covered


def feature_ablation(x, units, layer, features, fill):
    """Captum's FeatureAblation: every pixel of a feature has the drop of the value without the feature."""
    drops = torch.zeros_like(x)
    with torch.no_grad():
        for feature in features.unique():
            mask = (features == feature).double()
            drop = value(x, units, layer) - value(x * (1 - mask) + fill * mask, units, layer)
            drops += drop[:, None, None, None] * mask
    return drops


# Standard normal numbers in place of drawn ones, the same for every image.
noise = torch.tensor(rng.normal(size=(7, CHANNELS, SIZE, SIZE)))
features = torch.tensor(rng.integers(-3, 9, size=(CHANNELS, SIZE, SIZE)))
out.update({"noise": noise.numpy(), "features": features.numpy()})


def noisy_slopes(x, units, layer, level):
    spread = x.amax((1, 2, 3), keepdim=True) - x.amin((1, 2, 3), keepdim=True)
    return torch.stack([slope(x + level * spread * z, units, layer) for z in noise])


for layer, units in TARGETS.items():
    guided = slope(images, units, layer, GuidedRelu.apply)
    noisy = noisy_slopes(images, units, layer, 0.15)
    cases = {
        "saliency": slope(images, units, layer).abs(),
        "input_x_gradient": slope(images, units, layer) * images,
        "guided_backprop": guided,
        "deconvnet": slope(images, units, layer, DeconvnetRelu.apply),
        "smooth_grad": noisy.mean(0),
        "var_grad": noisy.var(0, unbiased=False),
        "integrated_gradients": integrated_gradients(images, units, layer, baseline, 16),
        "occlusion": occlusion(images, units, layer, (4, 3), (3, 2), 0.25),
        "feature_ablation": feature_ablation(images, units, layer, features, baseline),
        "grad_cam": grad_cam(images, units, layer, "conv1"),
        "guided_grad_cam": guided * grad_cam(images, units, layer, "conv1"),
    }
    out.update({f"{layer}/{name}": maps.detach().numpy() for name, maps in cases.items()})
    out[f"{layer}/units"] = np.array(units)
    out[f"{layer}/values"] = value(images, units, layer).numpy()

# The probability of a class, and Grad-CAM as networks have it by default: at the last maps before the output.
x = images.clone().requires_grad_()
probabilities = torch.softmax(layers(x)["logits"], 1).gather(1, torch.tensor(TARGETS["logits"])[:, None])[:, 0]
out["probability/values"] = probabilities.detach().numpy()
out["probability/saliency"] = torch.autograd.grad(probabilities.sum(), x)[0].abs().numpy()
out["pool2/grad_cam"] = grad_cam(images, TARGETS["logits"], "logits", "pool2").numpy()

# ---- Adversarial examples: the cross-entropy rises (untargeted) or falls (targeted). ----
EPSILON = 0.1


def loss_slope(x, labels):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(layers(x)["logits"], torch.tensor(labels), reduction="sum"), x)[0]


def fgsm(x, labels, sign):
    """Goodfellow et al. 2015: x + epsilon sign(dJ/dx), in [0, 1]."""
    return (x + sign * EPSILON * loss_slope(x, labels).sign()).clamp(0, 1)


def pgd(x, labels, sign, norm, steps, size):
    """Madry et al. 2018 without a random start: steps of steepest ascent, each followed by the projection."""
    length = lambda d: d.flatten(1).norm(dim=1)[:, None, None, None]
    at = x.clone()
    for _ in range(steps):
        d = sign * loss_slope(at, labels)
        at = at + size * (d.sign() if norm == "linf" else d / length(d))
        d = at - x
        d = d.clamp(-EPSILON, EPSILON) if norm == "linf" else d * (EPSILON / length(d)).clamp(max=1)
        at = (x + d).clamp(0, 1)
    return at


labels = TARGETS["logits"]
out["fgsm"] = fgsm(images, labels, 1).numpy()
out["fgsm_targeted"] = fgsm(images, labels, -1).numpy()
out["pgd_linf"] = pgd(images, labels, 1, "linf", 6, 0.03).numpy()
out["pgd_l2"] = pgd(images, labels, -1, "l2", 6, 0.04).numpy()

np.savez_compressed("explain.npz", **out)
