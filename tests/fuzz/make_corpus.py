#!/usr/bin/python3
"""Writes the committed corpora of the readers of data files: small valid files, and files that lie.

The model files come from the tests themselves: with ADRET_FUZZ_SEEDS=DIR, ops_test writes a model for each row of the
op suite and io_test one for each threat.
"""
import gzip
import io
import json
import os
import struct
import zlib

import numpy

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def write(target, name, data):
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    with open(os.path.join(HERE, target, name), "wb") as f:
        f.write(data)


def idx(dims, data, kind=8):
    return struct.pack(">BBBB", 0, 0, kind, len(dims)) + b"".join(struct.pack(">I", d) for d in dims) + data


def make_idx():
    images = idx([2, 3, 3], bytes(range(18)))
    labels = idx([4], bytes([1, 2, 3, 250]))
    write("idx", "images", images)
    write("idx", "labels", labels)
    write("idx", "floats", idx([2], struct.pack(">2f", 1, float("nan")), 0x0D))
    write("idx", "doubles", idx([1], struct.pack(">d", 1), 0x0E))
    write("idx", "shorts", idx([2], struct.pack(">2h", 1, -1), 0x0B))
    write("idx", "packed", gzip.compress(images, mtime=0))
    write("idx", "packed_truncated", gzip.compress(images, mtime=0)[:-9])
    write("idx", "packed_bomb", gzip.compress(bytes(1 << 20), mtime=0))
    write("idx", "packed_bomb_with_header", gzip.compress(images + bytes(1 << 20), mtime=0))
    write("idx", "huge", idx([0xFFFFFFFF] * 3, b""))
    write("idx", "overflow", idx([1 << 31] * 4, b""))
    write("idx", "many_dims", idx([1] * 255, b"x"))
    write("idx", "too_long", images + b"x")
    write("idx", "too_short", images[:-1])
    write("idx", "empty_dims", idx([0, 0xFFFFFFFF], b""))
    write("idx", "empty", b"")


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, value):
    """A field of protobuf's: a number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    return varint(number << 3 | 2) + varint(len(value)) + value


def onnx_value(name, dims, kind=1):
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def onnx_node(op, inputs, outputs, *attributes):
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) + field(4, op) +
            b"".join(field(5, a) for a in attributes))


def onnx_tensor(name, dims, raw, kind=1):
    return b"".join(field(1, d) for d in dims) + field(2, kind) + field(8, name) + field(9, raw)


def onnx_model(nodes, inputs, outputs, tensors=(), version=17):
    graph = (b"".join(field(1, n) for n in nodes) + field(2, b"g") + b"".join(field(5, t) for t in tensors) +
             b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs))
    return field(1, 8) + field(8, field(1, b"") + field(2, version)) + field(7, graph)


def make_onnx():
    x, y = onnx_value(b"x", [b"batch", 3]), onnx_value(b"y", [b"batch", 2])
    w = onnx_tensor(b"w", [3, 2], struct.pack("<6f", 1, 2, 3, 4, 5, 6))
    dense = onnx_node(b"MatMul", [b"x", b"w"], [b"h"])
    relu = onnx_node(b"Relu", [b"h"], [b"y"])
    mlp = onnx_model([dense, relu], [x], [y], [w])
    write("onnx", "mlp", mlp)
    write("onnx", "truncated", mlp[:-5])
    write("onnx", "empty", b"")
    write("onnx", "unknown_operator", onnx_model([onnx_node(b"Frobnicate", [b"x"], [b"y"])], [x], [y]))
    write("onnx", "cycle", onnx_model([onnx_node(b"Relu", [b"y"], [b"h"]), relu], [x], [y]))
    write("onnx", "name_twice", onnx_model([relu, relu], [onnx_value(b"h", [2])], [y]))
    write("onnx", "newer_operators", onnx_model([dense, relu], [x], [y], [w], version=99))
    write("onnx", "short_tensor", onnx_model([dense, relu], [x], [y], [onnx_tensor(b"w", [3, 2], b"1234")]))
    write("onnx", "huge_tensor", onnx_model([dense, relu], [x], [y], [onnx_tensor(b"w", [1 << 40, 1 << 40], b"")]))
    write("onnx", "negative_tensor", onnx_model([dense, relu], [x], [y], [onnx_tensor(b"w", [-3, 2], b"")]))
    shape = onnx_tensor(b"s", [2], struct.pack("<2q", 1 << 30, 1 << 30), kind=7)
    write("onnx", "huge_value", onnx_model([onnx_node(b"ConstantOfShape", [b"s"], [b"y"])], [], [y], [shape]))
    write("onnx", "many_messages", field(1, 8) + field(7, field(1, b"") * 20000))
    deep = onnx_node(b"Relu", [b"x"], [b"y"])
    for _ in range(60):
        deep = onnx_node(b"If", [b"c"], [b"y"], field(1, b"then_branch") + field(6, field(1, deep)) + field(20, 5))
    write("onnx", "deep", onnx_model([deep], [x], [y]))
    outside = b"".join(field(1, d) for d in [3, 2]) + field(2, 1) + field(8, b"w") + field(14, 1) + field(
        13, field(1, b"location") + field(2, b"../../etc/passwd"))
    write("onnx", "outside", onnx_model([dense, relu], [x], [y], [outside]))
    write("onnx", "no_shape", onnx_model([relu], [field(1, b"h") + field(2, field(1, field(1, 1)))], [y]))


def make_csv():
    write("csv", "plain", b"a,b\n1,2\n3,-4e5\n")
    write("csv", "quoted", b'\xef\xbb\xbf"a ""b""","c\nd"\r\n1,"x, y"\r\n')
    write("csv", "open_quote", b'a,b\n1,"2\n')
    write("csv", "ragged", b"a,b\n1\n")
    write("csv", "twice", b"a,a\n1,2\n")
    write("csv", "nul", b"a\0,b\n1,\0\n")
    write("csv", "wide", b"," * 5000)
    write("csv", "numbers", b"x\nnan\ninf\n1e400\n0x10\n 1\n\n")
    write("csv", "returns", b"\r\r\n\n\r")


def chunk(kind, data, crc=None):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)


def png(width, height, depth=8, colour=0, interlace=0, data=None, extra=b""):
    if data is None:
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
        data = b"".join(b"\0" + bytes((width * channels * depth + 7) // 8) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data)) +
            chunk(b"IEND", b""))


def make_png():
    for name, depth, colour in [("grey", 8, 0), ("rgb", 8, 2), ("grey_alpha", 8, 4), ("rgba", 8, 6), ("grey16", 16, 0),
                                ("rgba16", 16, 6), ("bits", 1, 0)]:
        write("png", name, png(5, 3, depth, colour))
    palette = chunk(b"PLTE", bytes(range(12)))
    write("png", "palette", png(4, 2, 2, 3, extra=palette))
    write("png", "palette_alpha", png(4, 2, 2, 3, extra=palette + chunk(b"tRNS", b"\x10")))
    write("png", "palette_missing", png(4, 2, 2, 3))
    write("png", "interlaced", png(8, 8, interlace=1))
    write("png", "huge", png(0x7FFFFFFF, 0x7FFFFFFF, data=b""))
    write("png", "wide", png(1 << 20, 2, data=b""))
    write("png", "no_pixels", png(0, 0))
    write("png", "too_little", png(9, 9, data=b"\0"))
    write("png", "bomb", png(4, 4, data=bytes(1 << 20)))
    write("png", "bad_crc", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0), 1))
    write("png", "text", png(2, 2, extra=chunk(b"tEXt", b"key\0value") + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(99)))))
    write("png", "truncated", png(5, 3)[:-20])


def npy(array):
    out = io.BytesIO()
    numpy.save(out, array)
    return out.getvalue()


def raw_npy(header, data=b"", version=1):
    text = header.encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def make_npz():
    arrays = {"f32": numpy.arange(6, dtype="f4").reshape(2, 3), "i64": numpy.array([1, -2]), "bool": numpy.array([True]),
              "scalar": numpy.array(2.5)}
    for name, array in arrays.items():
        write("npz", name + ".npy", npy(array))
    for kind in ["f2", "i1", "i2", "u2", "u4", "u8"]:
        write("npz", kind + ".npy", npy(numpy.array([1, 2], kind)))
    for name, save in [("stored", numpy.savez), ("packed", numpy.savez_compressed)]:
        out = io.BytesIO()
        save(out, **arrays)
        write("npz", name + ".npz", out.getvalue())
        write("npz", name + "_truncated.npz", out.getvalue()[:-30])
    bomb = io.BytesIO()
    numpy.savez_compressed(bomb, zeros=numpy.zeros(1 << 17, "f8"))
    write("npz", "bomb.npz", bomb.getvalue())
    header = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }"
    write("npz", "fortran.npy", raw_npy(header % ("<f4", "True", "(2, 2)"), bytes(16)))
    write("npz", "big_endian.npy", raw_npy(header % (">f4", "False", "(1,)"), bytes(4)))
    write("npz", "object.npy", raw_npy(header % ("|O", "False", "(1,)"), b"\x80\x03N."))
    write("npz", "huge.npy", raw_npy(header % ("<f8", "False", "(9223372036854775807, 9223372036854775807)")))
    write("npz", "negative.npy", raw_npy(header % ("<f8", "False", "(-1,)")))
    write("npz", "many.npy", raw_npy(header % ("<f8", "False", "(" + "1, " * 100 + ")"), bytes(8)))
    write("npz", "version2.npy", raw_npy(header % ("<f4", "False", "(1,)"), bytes(4), 2))
    write("npz", "nested.npy", raw_npy("{" * 200))


def safetensors(header, data=b"", size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def make_safetensors():
    dtypes = {"U64": 8, "I64": 8, "F64": 8, "F32": 4, "U32": 4, "I32": 4, "BF16": 2, "F16": 2, "U16": 2, "I16": 2, "I8": 1,
              "U8": 1, "BOOL": 1}
    header, end = {"__metadata__": {"format": "pt", "a\n": "\u00e9\U0001f600\0"}}, 0
    for dtype, size in dtypes.items():
        header[dtype.lower() + ".w"] = entry(dtype, [2], end, end + 2 * size)
        end += 2 * size
    write("safetensors", "every_dtype", safetensors(header, bytes(end)))
    write("safetensors", "truncated", safetensors(header, bytes(end))[:-1])
    write("safetensors", "trailing", safetensors(header, bytes(end) + b"PK"))
    write("safetensors", "misaligned", safetensors({"a": entry("U8", [1], 0, 1), "b": entry("F64", [1], 1, 9)}, bytes(9)))
    write("safetensors", "nan", safetensors({"x": entry("F32", [1], 0, 4)}, struct.pack("<f", float("nan"))))
    write("safetensors", "no_tensors", safetensors(b"{}      "))
    write("safetensors", "no_elements", safetensors({"x": entry("F32", [2, 0], 0, 0), "s": entry("I8", [], 0, 1)}, b"a"))
    write("safetensors", "empty", b"")
    write("safetensors", "size_only", struct.pack("<Q", 60))
    write("safetensors", "size_huge", safetensors({}, size=0xFFFFFF000000003C))
    write("safetensors", "size_1000", safetensors({"x": entry("F32", [2, 2], 0, 16)}, bytes(16), 1000))
    write("safetensors", "no_utf8", safetensors(b"\xff"))
    write("safetensors", "no_json", safetensors(b"{"))
    write("safetensors", "space_first", safetensors(b"\t\n{}"))
    write("safetensors", "polyglot", safetensors(b"{}\0<script>"))
    twice = b'{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
    write("safetensors", "twice", safetensors(b'{"x":' + twice + b',"\\u0078":' + twice + b"}"))
    write("safetensors", "surrogate", safetensors(b'{"__metadata__":{"\\ud83d\\ude00":"\\ud83d"}}'))
    write("safetensors", "deep", safetensors(b'{"x":{"shape":' + b"[" * 2000))
    write("safetensors", "same_bytes", safetensors({f"w{i}": entry("F32", [2, 2], 0, 16) for i in range(10)}, bytes(16)))
    write("safetensors", "hole", safetensors({"a": entry("U8", [1], 0, 1), "b": entry("U8", [1], 2, 3)}, bytes(3)))
    write("safetensors", "reversed", safetensors({"x": entry("U8", [1], 1, 0)}, bytes(1)))
    write("safetensors", "offsets_wrap", safetensors({"x": entry("I32", [2, 2], 2**64 - 16, 2**64 - 1)}, bytes(16)))
    write("safetensors", "negative", safetensors({"x": entry("I32", [-2, -2], 0, 16)}, bytes(16)))
    write("safetensors", "shape_wraps", safetensors({"x": entry("I32", [2**62, 4], 0, 0)}))
    write("safetensors", "shape_huge", safetensors({"x": entry("I32", [2, 2**64 - 2], 0, 16)}, bytes(16)))
    write("safetensors", "many_dims", safetensors({"x": entry("U8", [1] * 100, 0, 1)}, bytes(1)))
    write("safetensors", "f8", safetensors({"x": entry("F8_E4M3", [1], 0, 1), "y": entry("F4", [2], 1, 2)}, bytes(2)))
    write("safetensors", "bool_2", safetensors({"x": entry("BOOL", [1], 0, 1)}, b"\2"))
    write("safetensors", "name_nul", safetensors({"a\0": entry("U8", [0], 0, 0)}))
    write("safetensors", "name_long", safetensors({"a" * 1025: entry("U8", [0], 0, 0)}))


if __name__ == "__main__":
    make_idx()
    make_csv()
    make_png()
    make_npz()
    make_onnx()
    make_safetensors()
