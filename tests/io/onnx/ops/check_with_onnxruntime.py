"""Checks files that onnx_ops_test wrote: onnx.checker accepts them, and ONNX Runtime computes adret's numbers.

    ADRET_ONNX_OUT=/tmp/rows GTEST_FILTER='RoundTrip.*' build/release/tests/onnx_ops_test
    cd /tmp && python check_with_onnxruntime.py /tmp/rows [part of a name ...]

Needs the packages onnx and onnxruntime. Files whose operators ONNX Runtime has no kernel for are counted by reason.
"""

import collections
import glob
import os
import sys

import numpy as np
import onnx
import onnxruntime


def differs(found, own, tolerance, scale):
    """Says what is wrong with an array; None if nothing is. Errors are relative to its largest number or to scale."""
    if found.shape != own.shape:
        return f"has shape {found.shape}, not {own.shape}"
    if found.dtype != own.dtype:
        return f"is {found.dtype}, not {own.dtype}"
    if found.size == 0:
        return None
    if found.dtype.kind != "f":
        return None if np.array_equal(found, own) else "has other integers"
    finite = np.abs(own[np.isfinite(own)])
    scale = max(scale, finite.max() if finite.size else 0.0)
    same = (found == own) | (np.isnan(found) & np.isnan(own))
    with np.errstate(invalid="ignore"):
        same |= np.abs(found - own) <= tolerance * scale
    if same.all():
        return None
    place = np.unravel_index(np.argmin(same), same.shape)
    return f"has {found[place]} at {tuple(int(i) for i in place)}, not {own[place]}"


def check(path):
    """Returns (verdict, detail): "same", "different", "invalid" or "not run"."""
    try:
        onnx.checker.check_model(onnx.load(path), full_check=True)
    except Exception as error:  # noqa: BLE001
        return "invalid", str(error).strip().splitlines()[0]
    numbers = np.load(path[: -len(".onnx")] + ".npz")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = {value.name for value in session.get_inputs()}
        feeds = {name[3:]: numbers[name] for name in numbers.files if name[:3] == "in/" and name[3:] in names}
        outputs = [value.name for value in session.get_outputs()]
        found = session.run(outputs, feeds)
    except Exception as error:  # noqa: BLE001
        return "not run", str(error).strip().splitlines()[0]
    scale = 0.0 if "training_step" in path else 1.0  # moments are small
    for name, value in zip(outputs, found):
        own = numbers["out/" + name]
        problem = differs(value, own, 1e-9 if own.dtype == np.float64 else 1e-4, scale)
        if problem:
            return "different", f"{name} {problem}"
    return "same", ""


def main():
    folder, parts = sys.argv[1], sys.argv[2:]
    onnxruntime.set_default_logger_severity(4)
    verdicts = collections.Counter()
    reasons = collections.defaultdict(list)
    for path in sorted(glob.glob(os.path.join(folder, "*.onnx"))):
        name = os.path.basename(path)[: -len(".onnx")]
        if parts and not any(part in name for part in parts):
            continue
        verdict, detail = check(path)
        verdicts[verdict] += 1
        if verdict in ("different", "invalid"):
            print(f"{name}: {verdict}: {detail}")
        elif verdict == "not run":
            reasons[detail.split("node with name")[0][:120]].append(name)
    for reason, names in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"not run {len(names)} (such as {names[0]}): {reason}")
    print(dict(verdicts))
    sys.exit(1 if verdicts["different"] or verdicts["invalid"] else 0)


if __name__ == "__main__":
    main()
