#include "adret/io/onnx/functions.h"

#include "absl/strings/str_cat.h"
#include "adret/core/names.h"
#include "adret/io/onnx/onnx.pb.h"

namespace adret::onnx {
namespace {

using ByName = absl::flat_hash_map<std::string, const proto::Attribute*>;

void Replace(const ByName& given, google::protobuf::RepeatedPtrField<proto::Node>* nodes) {
  for (proto::Node& node : *nodes) {
    auto* attributes = node.mutable_attribute();
    for (int i = attributes->size() - 1; i >= 0; --i) {
      proto::Attribute* attribute = attributes->Mutable(i);
      for (proto::Graph& graph : *attribute->mutable_graphs()) Replace(given, graph.mutable_node());
      if (attribute->has_g()) Replace(given, attribute->mutable_g()->mutable_node());
      if (attribute->ref_attr_name().empty()) continue;
      const auto found = given.find(attribute->ref_attr_name());
      if (found == given.end()) {
        attributes->DeleteSubrange(i, 1);  // neither given nor with a default: the operator's own
      } else {
        const std::string name = attribute->name();
        *attribute = *found->second;
        attribute->set_name(name);
      }
    }
  }
}

}  // namespace

absl::string_view DomainOf(absl::string_view domain) { return domain == "ai.onnx" ? "" : domain; }

absl::StatusOr<Functions> Functions::Of(const proto::Model& model) {
  Functions result;
  for (const proto::Function& function : model.functions()) {
    const Key key(DomainOf(function.domain()), function.name(), function.overload());
    if (!result.functions_.emplace(key, &function).second) {
      return absl::InvalidArgumentError(absl::StrCat("the function ", Quoted(function.name()), " is defined twice"));
    }
  }
  return result;
}

const proto::Function* Functions::Find(const proto::Node& node) const {
  const auto found = functions_.find(Key(DomainOf(node.domain()), node.op_type(), node.overload()));
  return found == functions_.end() ? nullptr : found->second;
}

proto::Function WithAttributes(const proto::Function& function, const proto::Node& call) {
  ByName given;
  for (const proto::Attribute& attribute : function.attribute_proto()) given[attribute.name()] = &attribute;
  for (const proto::Attribute& attribute : call.attribute()) given[attribute.name()] = &attribute;
  proto::Function result = function;
  Replace(given, result.mutable_node());
  return result;
}

}  // namespace adret::onnx
