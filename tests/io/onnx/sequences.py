"""Writes sequences.tar.xz: small ONNX models of branches, loops and recurrent layers, and what ONNX Runtime makes of them.

    python3 tests/io/onnx/sequences.py      # needs onnx and onnxruntime; run it from elsewhere than a folder with "onnx"
"""

import os
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper, parser

random = np.random.default_rng(1)
folder = pathlib.Path(tempfile.mkdtemp()) / "node"


def numbers(*shape):
    return random.normal(size=shape).astype("f")


def info(name, array):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def save(name, model, inputs, expected=None):
    if expected is None and not name.startswith("refused"):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        expected = session.run(None, inputs)
    for output, array in zip(model.graph.output, expected or []):
        output.CopyFrom(info(output.name, np.asarray(array)))
    data = folder / name / "test_data_set_0"
    os.makedirs(data)
    (folder / name / "model.onnx").write_bytes(model.SerializeToString())
    for kind, arrays in (("input", inputs.values()), ("output", expected or [])):
        for i, array in enumerate(arrays):
            (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(np.asarray(array)).SerializeToString())


# ---- Recurrent layers ----

TIME, BATCH, IN, HIDDEN = 5, 3, 4, 2
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(name, op, opset=14, bias=True, state=True, lengths=None, peepholes=False, **attributes):
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    rows = GATES[op] * HIDDEN
    inputs = {"X": numbers(TIME, BATCH, IN)}
    weights = {"W": numbers(directions, rows, IN), "R": numbers(directions, rows, HIDDEN)}
    if bias:
        weights["B"] = numbers(directions, 2 * rows)
    if peepholes:
        weights["P"] = numbers(directions, 3 * HIDDEN)
    if lengths:
        inputs["L"] = np.array(lengths, np.int32)
    outputs = ["Y", "Y_h"]
    if state:
        inputs["h0"] = numbers(directions, BATCH, HIDDEN)
    if op == "LSTM":
        outputs.append("Y_c")
        if state:
            inputs["c0"] = numbers(directions, BATCH, HIDDEN)
    given = inputs | weights
    names = [n if n in given else "" for n in ("X", "W", "R", "B", "L", "h0", "c0", "P")]
    while not names[-1]:
        names.pop()
    node = helper.make_node(op, names, outputs, hidden_size=HIDDEN, **attributes)
    graph = helper.make_graph([node], "g", [info(k, v) for k, v in inputs.items()],
                              [helper.make_empty_tensor_value_info(y) for y in outputs],
                              [numpy_helper.from_array(v, k) for k, v in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    save(f"{op.lower()}_{name}", model, inputs)


def recurrent_cases():
    for op in GATES:
        for direction in ("forward", "reverse", "bidirectional"):
            recurrent(direction, op, direction=direction)
            recurrent(f"{direction}_lengths", op, direction=direction, lengths=[5, 2, 3])
            recurrent(f"{direction}_7_bare", op, direction=direction, opset=7, bias=False, state=False)
        recurrent("clip", op, clip=0.3, lengths=[5, 5, 4])
        recurrent("full_lengths", op, lengths=[5, 5, 5])
    recurrent("peepholes", "LSTM", direction="bidirectional", peepholes=True)
    recurrent("peepholes_forget", "LSTM", peepholes=True, input_forget=1)
    recurrent("peepholes_clip", "LSTM", peepholes=True, clip=0.4)
    recurrent("before_reset", "GRU", direction="bidirectional", linear_before_reset=1)
    recurrent("before_reset_bare", "GRU", bias=False, linear_before_reset=1)
    recurrent("before_reset_clip", "GRU", linear_before_reset=1, clip=0.3, lengths=[1, 2, 5])
    recurrent("activations", "LSTM", activations=["HardSigmoid", "Softsign", "LeakyRelu"],
              activation_alpha=[0.3, 0.7], activation_beta=[0.4])
    recurrent("activations_both", "LSTM", direction="bidirectional",
              activations=["Sigmoid", "Affine", "ScaledTanh", "sigmoid", "tanh", "Elu"],
              activation_alpha=[0.9, 0.7, 1.2], activation_beta=[0.4, 0.9])
    recurrent("activations", "GRU", activations=["HardSigmoid", "Softplus"],
              activation_alpha=[0.3], activation_beta=[0.4])
    for name in ("Relu", "Softsign", "Softplus", "Sigmoid", "LeakyRelu", "HardSigmoid", "Elu"):
        recurrent(name, "RNN", activations=[name])
    for name, alpha in (("ThresholdedRelu", 0.2), ("Elu", 0.5)):
        recurrent(f"{name}_alpha", "RNN", activations=[name], activation_alpha=[alpha])


# ---- Branches and loops ----


def text(name, source, inputs, expected=None, opset=13):
    header = f'<ir_version: 8, opset_import: ["": {opset}]>\n'
    save(name, parser.parse_model(header + source), inputs, expected)


def loop_cases():
    for steps in (3, 0):
        x = np.array([0.1, 0.2], "f")
        text(f"loop_scan_{steps}", """g (float[2] x, float[2] w) => (float[2] y, float[k,2] s)
            <int64 M = {%d}, bool c = {1}> {
            y, s = Loop(M, c, x) <body = b (int64 i, bool ci, float[2] v) => (bool ci, float[2] vo, float[2] so) {
                vo = Add(v, w)  so = Tanh(vo) }> }""" % steps, {"x": x, "w": numbers(2)},
             None if steps else [x, np.zeros((0, 2), "f")])
    text("loop_no_condition", """g (float[2] x) => (float[2] y, float[k,2] s) <int64 M = {4}> {
        y, s = Loop(M, "", x) <body = b (int64 i, bool ci, float[2] v) => (bool co, float[2] vo, float[2] so) {
            co = Constant<value = bool {1}>() f = Cast<to=1>(i) vo = Add(v, f)  so = Tanh(vo) }> }""", {"x": numbers(2)})
    text("refused_loop_ignored", """g (float[2] x) => (float[2] y) <int64 M = {4}> {
        y = Loop(M, "", x) <body = b (int64 i, bool ci, float[2] v) => (bool co, float[2] vo) {
            co = Constant<value = bool {0}>() vo = Tanh(v) }> }""", {"x": numbers(2)})
    text("loop_m_input", """g (float[2] x, int64 M) => (float[2] y) {
        y = Loop(M, "", x) <body = b (int64 i, bool ci, float[2] v) => (bool ci, float[2] vo) { vo = Add(v, v) }> }""",
         {"x": numbers(2), "M": np.array(5, np.int64)})
    doubling = """<body = b (int64 i, bool ci, float v, int64 k) => (bool co, float vo, int64 ko) {
        vo = Add(v, v) co = Less(vo, limit) ko = Add(k, one) }> }"""
    text("loop_while", """g (float x, float limit) => (float y, int64 n) <int64 z = {0}, int64 one = {1}, bool c = {1}> {
        y, n = Loop("", c, x, z) """ + doubling, {"x": np.array(1.5, "f"), "limit": np.array(20, "f")})
    for go_on in (True, False):
        text(f"loop_bounded_{go_on}", """g (float x, float limit, bool c) => (float y, int64 n)
            <int64 z = {0}, int64 one = {1}, int64 M = {3}> { y, n = Loop(M, c, x, z) """ + doubling,
             {"x": np.array(1.5, "f"), "limit": np.array(20, "f"), "c": np.array(go_on)})
    counting = """<body = b (int64 i, bool ci, float[2] v) => (bool co, float[2] vo, float[2] so) {
        vo = Add(v, v) so = Tanh(vo) co = Less(i, three) }> }"""
    text("loop_counts", """g (float[2] x) => (float[2] y, float[k,2] s) <int64 M = {10}, bool c = {1}, int64 three = {3}> {
        y, s = Loop(M, c, x) """ + counting, {"x": numbers(2)})
    text("loop_counts_alone", """g (float[2] x) => (float[2] y, float[k,2] s) <bool c = {1}, int64 three = {3}> {
        y, s = Loop("", c, x) """ + counting, {"x": numbers(2)})
    text("loop_weights_unrolled", """g (float[2] x) => (float[k] y, float[k,2] s) <int64 M = {3}, bool c = {1}> {
        y, s = Loop(M, c, x) <body = b (int64 i, bool ci, float[n] v) => (bool co, float[m] vo, float[2] so)
            <float[2] w = {0.5, 0.25}> { q = Constant<value = float[2] {1.0, 2.0}>() so = Add(q, w)
            vo = Concat<axis=0>(v, so) co = Identity(ci)}> }""", {"x": numbers(2)})
    text("loop_over_rows", """g (float[n,2] x) => (float[2] y, float[k,2] s) <int64 zero = {0}, float[2] start = {0.5, 1.0}> {
        sizes = Shape(x) M = Gather(sizes, zero)
        y, s = Loop(M, "", start) <body = b (int64 i, bool ci, float[2] v) => (bool ci, float[2] vo, float[2] so) {
            xi = Gather(x, i) vo = Add(v, xi) so = Tanh(vo) }> }""", {"x": numbers(6, 2)})
    text("loop_nested", """g (float[2] x) => (float[2] y, float[k,j,2] s) <int64 M = {3}, int64 L = {2}> {
        y, s = Loop(M, "", x) <body = b (int64 i, bool ci, float[2] v) => (bool ci, float[2] vo, float[j,2] so) {
            vo, so = Loop(L, "", v) <body = d (int64 j, bool cj, float[2] u) => (bool cj, float[2] uo, float[2] r) {
                t = Tanh(v) uo = Add(u, t) r = Relu(uo) }> }> }""", {"x": numbers(2)})
    text("refused_loop_condition", """g (float[2] x, float limit) => (float[2] y, float[k,2] s) <int64 M = {10}, bool c = {1}> {
        y, s = Loop(M, c, x) <body = b (int64 i, bool ci, float[2] v) => (bool co, float[2] vo, float[2] so) {
            vo = Add(v, v) so = Tanh(vo) r = ReduceSum<keepdims=0>(vo) co = Less(r, limit) }> }""",
         {"x": numbers(2), "limit": np.array(3, "f")})
    text("refused_loop_grows", """g (float[2] x) => (float[k] y) <int64 M = {1000}> {
        y = Loop(M, "", x) <body = b (int64 i, bool ci, float[n] v) => (bool ci, float[m] vo) {
            vo = Concat<axis=0>(v, x) }> }""", {"x": numbers(2)})


def if_cases():
    for condition in (True, False):
        text(f"if_{condition}", """g (bool c, float[2] x, float[2] w) => (float[2] y, float[2] z) {
            y, z = If(c) <then_branch = t () => (float[2] a, float[2] p) { a = Add(x, w) p = Identity(x) },
                else_branch = e () => (float[2] b, float[2] d) <float[2] q = {3.0, 4.0}> {
                b = Tanh(x) d = Add(w, q) }> }""", {"c": np.array(condition), "x": numbers(2), "w": numbers(2)})
    text("if_shapes", """g (bool c, float[2] x) => (float[n] y) {
        y = If(c) <then_branch = t () => (float[4] a) { a = Concat<axis=0>(x, x) },
            else_branch = e () => (float[2] b) { b = Tanh(x) }> }""", {"c": np.array(True), "x": numbers(2)})
    text("if_in_loop", """g (float[2] x) => (float[2] y) <int64 M = {4}, int64 two = {2}> {
        y = Loop(M, "", x) <body = b (int64 i, bool ci, float[2] v) => (bool ci, float[2] vo) { c = Less(i, two)
            vo = If(c) <then_branch = t () => (float[2] a) { a = Add(v, x) },
                else_branch = e () => (float[2] d) { d = Tanh(v) }> }> }""", {"x": numbers(2)})


def scan_cases():
    axes = [(1, 0, 0, 0, 0, 0, 0), (1, 1, 1, 1, 2, 0, 1), (-1, 0, 1, 0, 1, 1, 0), (1, 1, 0, -1, -1, 1, 1)]
    for number, values in enumerate(axes):
        text(f"scan_{number}", """g (float[2] i, float[2,4] a, float[4,3] d) => (float[2] y, float[q,r] o, float[u,v,w] p)
            <int64[1] z = {0}> { y, o, p = Scan <body = b (float[2] s, float[2] a1, float[3] d1)
                => (float[2] so, float[2] o1, float[1,2] p1) {
                so = Add(s, a1) o1 = Tanh(so) t = ReduceSum<keepdims=1>(d1, z) q = Add(o1, t) p1 = Unsqueeze(q, z) },
            num_scan_inputs=2, scan_input_axes=[%d,0], scan_input_directions=[%d,%d], scan_output_axes=[%d,%d],
            scan_output_directions=[%d,%d]>(i, a, d) }""" % values,
             {"i": numbers(2), "a": numbers(2, 4), "d": numbers(4, 3)})
    body = "body = b (float[2] s, float[2] a1) => (float[2] so, float[2] o1) { so = Add(s, a1) o1 = Tanh(so) }"
    i, a = numbers(3, 2), numbers(3, 4, 2)
    text("scan8", """g (float[3,2] i, float[3,4,2] a) => (float[3,2] y, float[3,4,2] o) {
        y, o = Scan <%s, num_scan_inputs=1, directions=[1]>("", i, a) }""" % body, {"i": i, "a": a}, opset=8)
    text("scan8_lengths", """g (int64[3] l, float[3,2] i, float[3,4,2] a) => (float[3,2] y) {
        y, o = Scan <%s, num_scan_inputs=1>(l, i, a) }""" % body,
         {"l": np.array([1, 4, 2], np.int64), "i": i, "a": a}, opset=8)


if __name__ == "__main__":
    recurrent_cases()
    loop_cases()
    if_cases()
    scan_cases()
    archive = pathlib.Path(__file__).resolve().parent / "sequences.tar.xz"
    subprocess.run(["tar", "--sort=name", "--owner=0", "--group=0", "--mtime=@0", "-cJf", archive, "node"],
                   cwd=folder.parent, check=True)
