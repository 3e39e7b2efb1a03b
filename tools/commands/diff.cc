// adret diff: where two model files differ.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "adret/core/status.h"
#include "adret/core/text_table.h"
#include "adret/io/model.h"
#include "adret/tools/command.h"
#include "adret/tools/open_model.h"

namespace adret::tools {
namespace {

constexpr char kNone[] = "-";
constexpr size_t kMaxText = 48;  // characters of a value shown

std::string Shortened(const std::string& text) {
  return text.size() <= kMaxText ? text : absl::StrCat(text.substr(0, kMaxText), "...");
}

// Differences so far: those that are words, and those of variables' numbers.
struct Differences {
  TextTable words{{"what", "name", "first", "second"}};
  TextTable numbers{{"variable", ">max |difference|", ">relative (L2)"}};

  void Add(const std::string& what, const std::string& name, const std::string& a, const std::string& b) {
    words.AddRow({what, name, Shortened(a), Shortened(b)});
  }
};

// Calls differ(key, a, b) for the keys of two ordered maps; a or b is null where the key is missing.
template <class Map, class F>
void ForEachKey(const Map& a, const Map& b, F&& differ) {
  for (const auto& [key, value] : a) {
    auto it = b.find(key);
    differ(key, &value, it == b.end() ? nullptr : &it->second);
  }
  for (const auto& [key, value] : b) {
    if (!a.contains(key)) differ(key, nullptr, &value);
  }
}

// The same for maps whose values are text; equal ones are no difference.
void CompareText(const std::string& what, const std::map<std::string, std::string>& a,
                 const std::map<std::string, std::string>& b, Differences* out) {
  ForEachKey(a, b, [&](const std::string& key, const std::string* x, const std::string* y) {
    if (x == nullptr || y == nullptr || *x != *y) out->Add(what, key, x ? *x : kNone, y ? *y : kNone);
  });
}

std::map<std::string, std::string> Signature(const std::vector<io::NamedValue>& values) {
  std::map<std::string, std::string> result;
  for (const io::NamedValue& v : values) result[v.name] = absl::StrCat(v.value.name(), " ", v.value.type().ToString());
  return result;
}

std::map<std::string, std::string> Steps(const io::Model& model) {
  std::map<std::string, std::string> result;
  for (const Update& u : model.updates) result[u.variable.name()] = u.value.name();
  for (const auto& [variable, value] : model.graph->side_updates()) result[variable.name()] = value.name();
  return result;
}

std::map<std::string, std::string> Texts(const io::Metadata& metadata) {
  std::map<std::string, std::string> result;
  for (const auto& [key, text] : metadata) result[key] = absl::CHexEscape(text);
  return result;
}

std::map<std::string, NodeId> Nodes(const Graph& graph) {
  std::map<std::string, NodeId> result;
  for (NodeId id = 0; id < graph.num_nodes(); ++id) result[graph.node(id).name] = id;
  return result;
}

std::string InputsOf(const io::Model& model, NodeId id) {
  return absl::StrJoin(model.graph->node(id).inputs, ", ",
                       [&](std::string* out, ValueId input) { out->append(Value(model.graph.get(), input).name()); });
}

std::map<std::string, std::string> AttrsOf(const Node& node) {
  std::map<std::string, std::string> result;
  for (const Attr& attr : node.attrs.list()) {
    const std::string text = ToString(AttrList{attr});
    result[attr.name] = text.substr(std::min(text.size(), attr.name.size() + 1));
  }
  return result;
}

void CompareNode(const std::string& name, const io::Model& a, NodeId id_a, const io::Model& b, NodeId id_b,
                 Differences* out) {
  const Node &x = a.graph->node(id_a), &y = b.graph->node(id_b);
  if (x.op != y.op) return out->Add("op", name, x.op->name, y.op->name);
  if (const std::string from_a = InputsOf(a, id_a), from_b = InputsOf(b, id_b); from_a != from_b) {
    out->Add("inputs", name, from_a, from_b);
  }
  if (x.attrs == y.attrs) return;
  ForEachKey(AttrsOf(x), AttrsOf(y), [&](const std::string& key, const std::string* p, const std::string* q) {
    if (p == nullptr || q == nullptr || *p != *q) {
      out->Add("attribute", absl::StrCat(name, " ", key), p ? *p : kNone, q ? *q : kNone);
    }
  });
  // Long tensors print alike.
  if (AttrsOf(x) == AttrsOf(y)) out->Add("attribute", name, "other numbers", "");
}

void CompareNodes(const io::Model& a, const io::Model& b, Differences* out) {
  ForEachKey(Nodes(*a.graph), Nodes(*b.graph), [&](const std::string& name, const NodeId* x, const NodeId* y) {
    const auto op = [](const io::Model& m, const NodeId* id) { return id ? m.graph->node(*id).op->name : kNone; };
    if (x == nullptr || y == nullptr) return out->Add("node", name, op(a, x), op(b, y));
    CompareNode(name, a, *x, b, *y, out);
  });
}

// Variables that both have, of one type. Others are differences of nodes.
void CompareNumbers(const State& a, const State& b, Differences* out) {
  ForEachKey(a.tensors(), b.tensors(), [&](const std::string& name, const Tensor* x, const Tensor* y) {
    if (x == nullptr || y == nullptr || x->type() != y->type() || x->BitEqual(*y)) return;
    double most = 0, squares = 0, scale = 0;
    for (int64_t i = 0; i < x->num_elements(); ++i) {
      const double p = x->At(i), q = y->At(i),
                   difference = p == q || (std::isnan(p) && std::isnan(q)) ? 0 : std::abs(p - q);
      // NaN is larger than any number.
      if (!std::isnan(most) && !(difference <= most)) most = difference;
      squares += difference * difference;
      scale += p * p;
    }
    out->numbers.AddRow(
        {name, absl::StrFormat("%.3g", most), scale > 0 ? absl::StrFormat("%.3g", std::sqrt(squares / scale)) : kNone});
  });
}

absl::StatusOr<int> Diff(const std::vector<std::string>& arguments) {
  AD_ASSIGN_OR_RETURN(const io::Model a, OpenModel(arguments[0]));
  AD_ASSIGN_OR_RETURN(const io::Model b, OpenModel(arguments[1]));
  Differences differences;
  CompareText("input", Signature(a.inputs), Signature(b.inputs), &differences);
  CompareText("output", Signature(a.outputs), Signature(b.outputs), &differences);
  CompareNodes(a, b, &differences);
  CompareText("training step", Steps(a), Steps(b), &differences);
  CompareText("metadata", Texts(a.metadata), Texts(b.metadata), &differences);
  if (a.state.seed != b.state.seed) {
    differences.Add("seed", "", absl::StrCat(a.state.seed), absl::StrCat(b.state.seed));
  }
  if (a.state.step != b.state.step) {
    differences.Add("step", "", absl::StrCat(a.state.step), absl::StrCat(b.state.step));
  }
  CompareNumbers(a.state, b.state, &differences);
  const bool words = !differences.words.empty(), numbers = !differences.numbers.empty();
  if (words) std::fputs(differences.words.ToString().c_str(), stdout);
  if (words && numbers) std::puts("");
  if (numbers) std::fputs(differences.numbers.ToString().c_str(), stdout);
  return words || numbers ? kFailure : kSuccess;
}

const CommandRegistration kDiff(
    {.name = "diff",
     .summary = "Shows where two model files differ: signature, nodes, variables' numbers, metadata.",
     .description = "Nodes and variables are compared by name. The exit code is 0 when there is no difference, 1 when\n"
                    "there is one, 2 when a file cannot be read.",
     .arguments = {"FIRST", "SECOND"},
     .examples = {{"before.adret after.adret", "which variables a training moved, and how far"},
                  {"a.adret b.adret && echo same", "for scripts"}},
     .flags = {"dims"},
     .failure = kUsageError,
     .run = Diff});

}  // namespace
}  // namespace adret::tools
