#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/transformation_internal.h"

namespace adret {

Graph* GraphOf(std::initializer_list<absl::Span<const Value>> values) {
  Graph* graph = nullptr;
  for (absl::Span<const Value> some : values) {
    for (const Value& v : some) {
      if (v.graph() != nullptr && (graph == nullptr || !v.graph()->status().ok())) graph = v.graph();
    }
  }
  return graph;
}

bool Reaches(const Value& x, absl::Span<const Value> ys) {
  const Graph& graph = *x.graph();
  const NodeId first = x.node();
  NodeId last = first;
  for (const Value& y : ys) last = std::max(last, y.node());
  std::vector<bool> reached(last - first + 1, false);
  reached[0] = true;
  for (NodeId id = first + 1; id <= last; ++id) {
    for (ValueId v : graph.node(id).inputs) {
      if (v.node >= first && reached[v.node - first] && IsAnyFloating(graph.type(v).dtype)) reached[id - first] = true;
    }
  }
  return std::any_of(ys.begin(), ys.end(),
                     [&](const Value& y) { return y.node() >= first && reached[y.node() - first]; });
}

bool Transformation::Fail(absl::string_view message) const {
  graph_->Fail(absl::InvalidArgumentError(absl::StrCat(name_, ": ", message)), location_);
  return false;
}

bool Transformation::CheckValues(absl::Span<const Value> values, absl::string_view what) const {
  for (const Value& v : values) {
    if (v.valid() && v.graph() != graph_) return Fail("values belong to different graphs");
    if (!v.valid()) return Fail(absl::StrCat("a", what == "x" ? "n " : " ", what, " is not a value of the graph"));
    if (!IsAnyFloating(v.dtype())) {
      return Fail(
          absl::StrCat("'", v.name(), "' is ", v.type().ToString(), "; only floating-point values have derivatives"));
    }
  }
  return ok();
}

bool Transformation::CheckLike(absl::Span<const Value> values, absl::Span<const Value> likes,
                               absl::string_view what) const {
  if (values.size() != likes.size()) return Fail(absl::StrCat(values.size(), " ", what, "s for ", likes.size(), " xs"));
  for (size_t i = 0; i < values.size(); ++i) {
    const bool here = values[i].valid() && values[i].graph() == graph_;
    if (here && values[i].type() == likes[i].type()) continue;
    return Fail(absl::StrCat(
        "the ", what, " of '", likes[i].name(), "' ",
        here ? absl::StrCat("is ", values[i].type().ToString(), " where ", likes[i].type().ToString(), " is expected")
             : "is not a value of the graph"));
  }
  return ok();
}

bool Transformation::CheckReached(absl::Span<const Value> ys, absl::Span<const Value> xs) const {
  for (const Value& x : xs) {
    if (!Reaches(x, ys)) return Fail(absl::StrCat("no y depends on '", x.name(), "'"));
  }
  return true;
}

bool Transformation::CheckScalar(const Value& y, absl::string_view what) const {
  if (y.rank() == 0) return true;
  return Fail(absl::StrCat(what, " '", y.name(), "' is ", y.type().ToString(), " where a scalar is expected"));
}

}  // namespace adret
