// The inputs of a file: which of its dimensions are symbols, and what they are called.
#ifndef ADRET_IO_ONNX_INPUTS_H_
#define ADRET_IO_ONNX_INPUTS_H_

#include <string>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/dim.h"
#include "adret/core/shape.h"
#include "adret/io/onnx.h"

namespace adret::onnx {

namespace proto {
class Graph;
class ValueInfo;
}  // namespace proto

// Gives dimensions of a model's inputs their meaning, by the rules of OnnxOptions::sizes.
class Dimensions {
 public:
  // Finds whether a dimension of these inputs is called "batch".
  Dimensions(const proto::Graph& graph, const io::OnnxOptions& options);

  // Returns the type of an input. Fails where it is no tensor, holds what adret has no dtype for, or has no rank.
  absl::StatusOr<Type> TypeOf(const proto::ValueInfo& input);
  // Fails where an entry of OnnxOptions::sizes was never used.
  absl::Status CheckAllUsed() const;

 private:
  int64_t Named(const std::string& name, int axis);
  int64_t Unnamed(const std::string& input, int axis);

  const io::OnnxOptions& options_;
  bool batch_is_a_name_ = false;
  absl::btree_map<std::string, int64_t> named_;
  absl::btree_map<std::string, std::string> symbols_;  // symbol -> the name it came from
  absl::btree_map<std::string, bool> used_;            // of OnnxOptions::sizes
};

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_INPUTS_H_
