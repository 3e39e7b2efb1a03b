// The kinds of attributes, by the numbers that ONNX gives them (AttributeProto.AttributeType).
#ifndef ADRET_IO_ONNX_ATTRIBUTES_H_
#define ADRET_IO_ONNX_ATTRIBUTES_H_

namespace adret::onnx {

enum AttributeKind { kFloat = 1, kInt, kString, kTensor, kGraph, kFloats, kInts, kStrings, kSparseTensor = 11 };

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_ATTRIBUTES_H_
