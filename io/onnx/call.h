// Call: one node of a file, as the row of its operator sees it.
//
//   absl::StatusOr<Values> GemmFrom(Call& c) {
//     const MatMulAttrs transposes{.transpose_a = c.Int("transA", 0) != 0, .transpose_b = c.Int("transB", 0) != 0};
//     Value y = MatMul(c.x(0), c.x(1), transposes) * c.Float("alpha", 1);
//     if (c.has(2)) y = y + c.x(2) * c.Float("beta", 1);
//     return Values{y};
//   }
//
// Attributes that a row reads are counted: one that it leaves unread is an error, and no silent difference. An
// attribute of the wrong type is an error, too; the row goes on with the default.
#ifndef ADRET_IO_ONNX_CALL_H_
#define ADRET_IO_ONNX_CALL_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "adret/core/dim.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/scope.h"
#include "adret/io/onnx/tensors.h"
#include "adret/io/onnx/weights.h"

namespace adret::onnx {

namespace proto {
class Attribute;
class Graph;
class Node;
}  // namespace proto

// What the nodes of a model share.
struct Context {
  Weights* weights;
  TensorReader* tensors;
  bool training;     // OnnxOptions::training
  bool frees_batch;  // OnnxOptions::sizes makes a batch of what may be a number in the file
  // Builds the nodes of a graph that is an attribute, for these values of its inputs, and returns its outputs.
  std::function<absl::StatusOr<Values>(const proto::Graph& body, const Values& inputs, const Scope& around)> build;
};

class Call {
 public:
  Call(const Context& context, const Scope& scope, const proto::Node& node, const Operator& row, int64_t version);

  Graph* graph() const { return context_.weights->graph(); }  // for nodes without operands
  int64_t version() const { return version_; }                // of the operator set
  bool training() const { return context_.training; }
  bool frees_batch() const { return context_.frees_batch; }

  // ---- Inputs. Ones that are left out at the end do not count.
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  bool has(int i) const { return i < num_inputs() && inputs_[i] != nullptr; }
  // Returns an input, which must be there. Where the row says Halves::kCompute, bf16 and f16 are converted to f32.
  Value x(int i);
  // Returns an input as it is.
  Value raw(int i);
  // Returns an input as x() does; where the file holds its numbers, they become a variable that is not trained.
  Value Statistic(int i);
  // Returns all inputs from i on, as x() does.
  Values xs(int from = 0);
  // The dtype and the shape of input i, before any conversion.
  DType dtype(int i) { return raw(i).dtype(); }
  const Shape& shape(int i) { return raw(i).shape(); }

  // Return the numbers of an input that must be known while the file is read: any of them; a list of integers; a list
  // of integers that may depend on sizes of inputs. The error names the input and what it depends on.
  absl::StatusOr<Tensor> Known(int i);
  absl::StatusOr<std::vector<int64_t>> KnownIntegers(int i);
  absl::StatusOr<std::vector<Dim>> KnownDims(int i);
  // Returns whether Known() would succeed.
  bool IsKnown(int i);
  // Returns the numbers of any value, where they follow from the file alone.
  absl::StatusOr<Tensor> NumbersOf(const Value& value) const;
  // Returns integers that are an attribute in old operator sets and an input in newer ones; nothing where neither is
  // given.
  absl::StatusOr<std::optional<std::vector<int64_t>>> Integers(int i, absl::string_view attribute);

  // ---- Outputs.
  int num_outputs() const { return num_outputs_; }
  // Returns whether output i has a name in the file.
  bool wants(int i) const;

  // ---- Attributes.
  bool HasAttr(absl::string_view name) const;
  int64_t Int(absl::string_view name, int64_t otherwise);
  double Float(absl::string_view name, double otherwise);
  std::string String(absl::string_view name, absl::string_view otherwise);
  std::vector<int64_t> Ints(absl::string_view name, std::vector<int64_t> otherwise = {});
  std::vector<double> Floats(absl::string_view name, std::vector<double> otherwise = {});
  std::vector<std::string> Strings(absl::string_view name, std::vector<std::string> otherwise = {});
  // Returns a tensor, dense or sparse.
  absl::StatusOr<Tensor> TensorAttr(absl::string_view name);
  // Returns a graph; fails where there is none.
  absl::StatusOr<const proto::Graph*> GraphAttr(absl::string_view name);
  // Says that an attribute changes nothing here.
  void Ignore(absl::string_view name) { read_.insert(std::string(name)); }
  // Returns an axis of a tensor of this rank: attribute `name`, where negative ones count from the end.
  absl::StatusOr<int64_t> Axis(absl::string_view name, int64_t otherwise, int rank);

  // Builds a graph that is an attribute, inside whatever body is being built.
  absl::StatusOr<Values> Build(const proto::Graph& body, const Values& inputs) const {
    return context_.build(body, inputs, scope_);
  }

  // Returns an error of this node.
  template <class... Parts>
  absl::Status Error(const Parts&... parts) const {
    return absl::InvalidArgumentError(absl::StrCat(parts...));
  }
  // Returns the error of something that adret does not support.
  template <class... Parts>
  absl::Status Unsupported(const Parts&... parts) const {
    return absl::UnimplementedError(absl::StrCat(parts...));
  }

  // Runs the row, and checks what it left unread. Returns a value for each output; halves are as the file has them.
  absl::StatusOr<Values> Run();

 private:
  const proto::Attribute* FindAttr(absl::string_view name, int kind);
  absl::Status Unread() const;
  absl::Status NotKnown(int i, const absl::Status& why) const;

  const Context& context_;
  const Scope& scope_;
  const proto::Node& node_;
  const Operator& row_;
  const int64_t version_;
  std::vector<Entry*> inputs_;
  int num_outputs_ = 0;
  absl::flat_hash_set<std::string> read_;
  absl::Status status_;
  std::optional<DType> half_;  // of an input that was converted
};

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_CALL_H_
