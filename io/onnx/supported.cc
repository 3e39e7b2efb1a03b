#include "adret/io/onnx/supported.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/names.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/io/onnx/operators.h"

namespace adret::onnx {
namespace {

struct Missing {
  int count = 0;
  std::string first;  // node
  std::string why;
};
using Key = std::pair<std::string, int64_t>;  // "domain:Name", version

class Finder {
 public:
  Finder(const Functions& functions, OperatorSets sets) : functions_(functions), sets_(std::move(sets)) {}

  void Nodes(const google::protobuf::RepeatedPtrField<proto::Node>& nodes, const OperatorSets& sets) {
    for (const proto::Node& node : nodes) {
      Count(node, sets);
      for (const proto::Attribute& attribute : node.attribute()) {
        if (attribute.has_g()) Nodes(attribute.g().node(), sets);
        for (const proto::Graph& graph : attribute.graphs()) Nodes(graph.node(), sets);
      }
    }
  }

  absl::Status Result() const {
    if (missing_.empty()) return absl::OkStatus();
    std::vector<std::string> lines;
    for (const auto& [key, missing] : missing_) {
      lines.push_back(absl::StrCat("  ", key.first, ", operator set ", key.second, ", ", missing.count,
                                   missing.count == 1 ? " node, " : " nodes, the first is ", Quoted(missing.first),
                                   ": ", missing.why));
    }
    return absl::UnimplementedError(
        absl::StrCat("the file has operators that are not read:\n", absl::StrJoin(lines, "\n")));
  }

 private:
  void Count(const proto::Node& node, const OperatorSets& sets) {
    if (const proto::Function* function = functions_.Find(node); function != nullptr) {
      if (!visited_.insert(function).second) return;
      OperatorSets own = sets_;
      for (const proto::OperatorSet& set : function->opset_import()) {
        own[std::string(DomainOf(set.domain()))] = set.version();
      }
      Nodes(function->node(), own);
      return;
    }
    const absl::string_view domain = DomainOf(node.domain());
    const auto set = sets.find(domain);
    const int64_t version = set == sets.end() ? 1 : set->second;
    const Operator* row = FindOperator(domain, node.op_type(), version);
    if (row != nullptr && row->unsupported.empty()) return;
    const std::string name = domain.empty() ? node.op_type() : absl::StrCat(domain, ":", node.op_type());
    Missing& missing = missing_[{Quoted(name), version}];
    if (++missing.count > 1) return;
    missing.first = !node.name().empty() ? node.name() : node.output_size() > 0 ? node.output(0) : "";
    missing.why = row != nullptr      ? std::string(row->unsupported)
                  : set == sets.end() ? "the file imports no operator set of that domain"
                                      : "there is no such operator in the table (docs/onnx.md)";
  }

  const Functions& functions_;
  const OperatorSets sets_;
  std::map<Key, Missing> missing_;
  std::set<const proto::Function*> visited_;
};

}  // namespace

absl::Status CheckSupported(const proto::Model& model, const Functions& functions, const OperatorSets& sets) {
  Finder finder(functions, sets);
  finder.Nodes(model.graph().node(), sets);
  return finder.Result();
}

}  // namespace adret::onnx
