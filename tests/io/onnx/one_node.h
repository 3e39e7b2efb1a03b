// Models of one node, for tests of what operators mean and of what is refused.
//
//   OneNode node("Clip", 6);
//   node.Attr("min", 0.0f);
//   absl::StatusOr<std::vector<Tensor>> y = node.Run({x});
#ifndef ADRET_TESTS_IO_ONNX_ONE_NODE_H_
#define ADRET_TESTS_IO_ONNX_ONE_NODE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "adret/core/executor.h"
#include "adret/core/status.h"
#include "adret/core/tensor.h"
#include "adret/io/onnx.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/io/onnx/tensors.h"

namespace adret::onnx {

class OneNode {
 public:
  OneNode(absl::string_view op, int64_t version, absl::string_view domain = "") {
    proto::OperatorSet* set = model_.add_opset_import();
    set->set_domain(std::string(domain)), set->set_version(version);
    proto::Node* node = model_.mutable_graph()->add_node();
    node->set_op_type(std::string(op)), node->set_domain(std::string(domain));
  }

  OneNode& Attr(absl::string_view name, float value) {
    return Add(name, 1, [&](auto* a) { a->set_f(value); });
  }
  OneNode& Attr(absl::string_view name, int64_t value) {
    return Add(name, 2, [&](auto* a) { a->set_i(value); });
  }
  OneNode& Attr(absl::string_view name, int value) { return Attr(name, int64_t{value}); }
  OneNode& Attr(absl::string_view name, const char* value) {
    return Add(name, 3, [&](auto* a) { a->set_s(value); });
  }
  OneNode& Attr(absl::string_view name, const std::vector<int64_t>& values) {
    return Add(name, 7, [&](auto* a) { a->mutable_ints()->Add(values.begin(), values.end()); });
  }
  // Says how many outputs the node has; one where it is not said.
  OneNode& Outputs(int outputs) {
    outputs_ = outputs;
    return *this;
  }

  // Reads the model for inputs of these types, and fixes those among them whose numbers are given as `known`. An input
  // without a type is left out.
  absl::StatusOr<io::Model> Load(const std::vector<std::optional<Type>>& inputs,
                                 const std::vector<std::optional<Tensor>>& known = {}) const {
    proto::Model model = model_;
    proto::Node* node = model.mutable_graph()->mutable_node(0);
    io::OnnxOptions options;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const std::string name = inputs[i].has_value() ? absl::StrCat("x", i) : "";
      node->add_input(name);
      if (name.empty()) continue;
      proto::ValueInfo* info = model.mutable_graph()->add_input();
      info->set_name(name);
      proto::Type::TensorType* type = info->mutable_type()->mutable_tensor_type();
      type->set_elem_type(ElementTypeOf(inputs[i]->dtype));
      type->mutable_shape();
      for (const int64_t dim : inputs[i]->shape) {
        auto* added = type->mutable_shape()->add_dim();
        dim < 0 ? added->set_dim_param(dim == kAnyBatch ? "batch" : DimText(dim)) : added->set_dim_value(dim);
      }
      if (i < known.size() && known[i].has_value()) options.fixed[name] = *known[i];
    }
    for (int i = 0; i < outputs_; ++i) {
      node->add_output(absl::StrCat("y", i));
      model.mutable_graph()->add_output()->set_name(absl::StrCat("y", i));
    }
    return io::ParseOnnx(model.SerializeAsString(), options);
  }

  // Reads the model and runs it. The first `fed` inputs are fed, the others are known while it is read.
  absl::StatusOr<std::vector<Tensor>> Run(const std::vector<std::optional<Tensor>>& inputs, size_t fed = 1) const {
    std::vector<std::optional<Type>> types;
    std::vector<std::optional<Tensor>> known(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      types.push_back(inputs[i].has_value() ? std::optional(inputs[i]->type()) : std::nullopt);
      if (i >= fed) known[i] = inputs[i];
    }
    AD_ASSIGN_OR_RETURN(io::Model model, Load(types, known));
    Feeds feeds;
    for (const io::NamedValue& input : model.inputs) {
      feeds.emplace_back(input.value, *inputs[static_cast<size_t>(input.name[1] - '0')]);
    }
    Values fetches;
    for (const io::NamedValue& output : model.outputs) fetches.push_back(output.value);
    AD_ASSIGN_OR_RETURN(const Executor executor, Executor::Create(fetches, {}, {.threads = 1}));
    return executor.Run(feeds, &model.state);
  }

 private:
  template <class Set>
  OneNode& Add(absl::string_view name, int kind, const Set& set) {
    proto::Attribute* attribute = model_.mutable_graph()->mutable_node(0)->add_attribute();
    attribute->set_name(std::string(name)), attribute->set_type(kind);
    set(attribute);
    return *this;
  }

  proto::Model model_;
  int outputs_ = 1;
};

}  // namespace adret::onnx

#endif  // ADRET_TESTS_IO_ONNX_ONE_NODE_H_
