// ONNX's node suite: small models of one operator each, with inputs and the outputs that they must give.
//
// The suite is no part of this project. Tests take it from the folder ADRET_DATA (onnx/node_1.22.0.tar.xz, as PyPI's
// package onnx has it), and are skipped where that is not set.
#ifndef ADRET_TESTS_IO_ONNX_NODE_SUITE_H_
#define ADRET_TESTS_IO_ONNX_NODE_SUITE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/io/onnx.h"

namespace adret::onnx {

struct NodeCase {
  std::string name;    // "test_abs"
  std::string folder;  // where model.onnx and test_data_set_0 are
};

// Unpacks an archive of cases into a folder that lives as long as the process. Empty where there is no archive.
std::vector<NodeCase> UnpackCases(const std::string& archive);

// Unpacks the suite into a folder that lives as long as the process, once. Empty where ADRET_DATA has none.
const std::vector<NodeCase>& NodeCases();

// What a case is made of. Fails where inputs or outputs are no tensors that adret has a dtype for.
struct NodeData {
  std::string model;
  std::vector<std::string> input_names;
  std::vector<Tensor> inputs, outputs;
};
absl::StatusOr<NodeData> LoadNodeCase(const NodeCase& node_case);

// Loads the model. Where it is refused because numbers of inputs must be known, inputs of integers are fixed to the
// case's; where that is not enough, all inputs are.
absl::StatusOr<io::Model> LoadNodeModel(const NodeData& data);

// Runs the model on the case's inputs.
absl::StatusOr<std::vector<Tensor>> RunNodeModel(const NodeData& data, io::Model* model);

// Returns what is wrong with `found` where `expected` was to come out; empty: they agree. Floating-point numbers agree
// within ONNX's own tolerances: 1e-3 of the number (1e-2 for bf16) and 1e-7, or another one for numbers near 0.
std::string Difference(const Tensor& found, const Tensor& expected, double near_zero = 1e-7);

}  // namespace adret::onnx

#endif  // ADRET_TESTS_IO_ONNX_NODE_SUITE_H_
