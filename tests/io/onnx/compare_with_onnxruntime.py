#!/usr/bin/env python3
"""Runs ONNX files with adret and with ONNX Runtime on the same random inputs, and prints how far apart they are.

    python3 tests/io/onnx/compare_with_onnxruntime.py build/release/tools/adret net.onnx other.onnx:time=32,batch=2

Needs PyPI's numpy and onnxruntime. What follows a file's colon are sizes of its named dimensions, and of others by
their axis: axis2=48 (1 if not given). A file that does not run as it is runs with these sizes given to --dims, which
the last column says. Exits 1 where a file does not load, or an output differs by more than 1e-4 of its largest number.
"""
import os
import subprocess
import sys
import tempfile
import zlib

import numpy as np
import onnxruntime

DTYPES = {'tensor(float)': np.float32, 'tensor(double)': np.float64, 'tensor(int64)': np.int64,
          'tensor(int32)': np.int32, 'tensor(bool)': np.bool_, 'tensor(float16)': np.float16,
          'tensor(uint8)': np.uint8, 'tensor(int8)': np.int8}


def make_input(info, sizes, random):
    """Returns numbers for an input: small integers, or normal ones."""
    shape = [d if isinstance(d, int) else sizes.get(d, sizes.get(f'axis{k}', 1)) for k, d in enumerate(info.shape)]
    dtype = DTYPES[info.type]
    if np.issubdtype(dtype, np.floating):
        return random.standard_normal(shape).astype(dtype)
    most = 2 if 'mask' in info.name or 'type' in info.name else 100
    return random.integers(0, most, shape).astype(dtype) if shape else np.asarray(16000, dtype)


def dims_flag(inputs, sizes):
    """Returns the flag that gives every dimension of the inputs its size."""
    dims = {}
    for info in inputs:
        for axis, d in enumerate(info.shape):
            if not isinstance(d, int):
                name = d if d and d != '?' else f'{info.name}_{axis}'
                dims[name] = sizes.get(d, sizes.get(f'axis{axis}', 1))
    return '--dims=' + ','.join(f'{k}={v}' for k, v in dims.items())


def compare(adret, path, sizes):
    """Returns what became of a file: the largest difference relative to the output's largest number, or an error."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    random = np.random.default_rng(zlib.crc32(os.path.basename(path).encode()))
    feeds = {i.name: make_input(i, sizes, random) for i in session.get_inputs()}
    expected = session.run(None, feeds)
    with tempfile.TemporaryDirectory() as folder:
        words = [adret, 'run', path, '--out=' + folder + '/out.npz']
        for k, (name, array) in enumerate(feeds.items()):
            np.save(f'{folder}/{k}.npy', array)
            words.append(f'--feed={name}={folder}/{k}.npy')
        remark = ''
        run = subprocess.run(words, capture_output=True, text=True)
        if run.returncode != 0:
            remark = 'with ' + dims_flag(session.get_inputs(), sizes)
            run = subprocess.run(words + [dims_flag(session.get_inputs(), sizes)], capture_output=True, text=True)
        if run.returncode != 0:
            return None, run.stderr.strip()
        found = np.load(folder + '/out.npz')
        worst = 0.0
        for info, value in zip(session.get_outputs(), expected):
            mine = found[info.name]
            if mine.shape != value.shape:
                return None, f'{info.name} is {mine.shape}, not {value.shape}'
            if value.size:
                # ONNX Runtime's sigmoid is off by 1e-7 where its result is as small.
                scale = max(np.abs(value.astype(np.float64)).max(), 1e-2)
                worst = max(worst, np.abs(mine.astype(np.float64) - value.astype(np.float64)).max() / scale)
        return worst, remark


def main():
    good = True
    for word in sys.argv[2:]:
        path, _, dims = word.partition(':')
        sizes = {k: int(v) for k, v in (d.split('=') for d in dims.split(',') if d)}
        try:
            worst, error = compare(sys.argv[1], path, sizes)
        except Exception as problem:  # of ONNX Runtime: a file that it does not run
            worst, error = None, 'ONNX Runtime: ' + str(problem).split('\n')[0]
        ok = worst is not None and worst <= 1e-4
        good = good and ok
        print(f'{os.path.basename(path):45} {"" if worst is None else format(worst, ".1e"):8} {error}', flush=True)
    sys.exit(0 if good else 1)


main()
