#include "adret/tests/fuzz/graphs/graph_case.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "adret/core/subgraph.h"

namespace adret::fuzz {

std::vector<bool> NeededNodes(const GraphCase& c) {
  std::vector<bool> needed(c.graph->num_nodes(), false);
  for (const Value& v : c.fetches) needed[v.node()] = true;
  for (const Update& u : c.updates) needed[u.variable.node()] = needed[u.value.node()] = true;
  for (NodeId id = c.graph->num_nodes() - 1; id >= 0; --id) {
    if (!needed[id]) continue;
    for (ValueId v : c.graph->node(id).inputs) needed[v.node] = true;
  }
  return needed;
}

std::optional<DimSizes> FindSizes(const Feeds& feeds) {
  DimSizes sizes;
  bool undecided = false;
  for (const auto& [input, tensor] : feeds) {
    for (int a = 0; a < input.rank(); ++a) {
      if (!MatchDim(input.shape()[a], tensor.shape()[a], &sizes, &undecided)) return std::nullopt;
    }
  }
  return sizes;
}

DimSizes SizesOf(const Feeds& feeds) {
  const std::optional<DimSizes> sizes = FindSizes(feeds);
  AD_CHECK(sizes.has_value());
  return *sizes;
}

const Tensor* FindFeed(const Feeds& feeds, NodeId input) {
  for (const auto& [value, tensor] : feeds) {
    if (value.node() == input) return &tensor;
  }
  return nullptr;
}

Values GraphCase::Add(absl::string_view op, const Values& inputs, const AttrList& attrs) {
  const Op* found = FindOp(op);
  AD_CHECK(found != nullptr);
  absl::StatusOr<Attrs> parsed = found->parse_attrs(attrs, MissingAttrs::kError);
  if (!parsed.ok()) {
    graph->Fail(parsed.status(), std::source_location::current());
    return Values(found->outputs.size());
  }
  return graph->AddMulti(op, std::vector<Operand>(inputs.begin(), inputs.end()), *std::move(parsed));
}

namespace {

std::string CppName(DType dtype) { return absl::StrCat("DType::", FactsOf(dtype).enumerator); }

// Digits that give back the same double; `single`: the same float.
std::string Number(double v, bool single = false) {
  if (std::isnan(v)) return "NAN";
  if (std::isinf(v)) return v < 0 ? "-INFINITY" : "INFINITY";
  for (int digits = 1;; ++digits) {
    char text[40];
    std::snprintf(text, sizeof(text), "%.*g", digits, v);
    const double back = std::strtod(text, nullptr);
    if (digits >= 17 || back == v || (single && static_cast<float>(back) == static_cast<float>(v))) return text;
  }
}

std::string Integer(int64_t v) {
  if (v == std::numeric_limits<int64_t>::min()) return "INT64_MIN";
  if (v == std::numeric_limits<int64_t>::max()) return "INT64_MAX";
  return absl::StrCat(v);
}

template <class T>
std::string List(const T& numbers) {
  return absl::StrCat("{",
                      absl::StrJoin(numbers, ", ",
                                    [](std::string* out, auto v) {
                                      if constexpr (std::is_same_v<decltype(v), double>) {
                                        absl::StrAppend(out, Number(v));
                                      } else {
                                        absl::StrAppend(out, Integer(v));
                                      }
                                    }),
                      "}");
}

std::string Dims(const Shape& shape) {
  return absl::StrCat("{",
                      absl::StrJoin(shape, ", ",
                                    [](std::string* out, int64_t d) {
                                      absl::StrAppend(out, HasNamedSymbol(d)
                                                               ? absl::StrCat("*Dim::Parse(\"", DimText(d), "\")")
                                                               : Integer(d));
                                    }),
                      "}");
}

std::string CppTensor(const Tensor& t) {
  const std::string shape = Dims(t.shape());
  const int64_t n = t.num_elements();
  if (n == 0) return absl::StrCat("Tensor(", CppName(t.dtype()), ", ", shape, ")");
  std::vector<std::string> numbers(n);
  if (IsHalf(t.dtype())) return absl::StrCat(CppTensor(t.Cast(DType::kFloat32)), ".Cast(", CppName(t.dtype()), ")");
  if (IsFloating(t.dtype())) {
    for (int64_t i = 0; i < n; ++i) numbers[i] = Number(t.At(i), t.dtype() == DType::kFloat32);
  } else {
    const Tensor wide = t.Cast(DType::kInt64);
    for (int64_t i = 0; i < n; ++i) numbers[i] = Integer(wide.data<int64_t>()[i]);
  }
  const bool same = IsFloating(t.dtype()) && n > 1 &&  // Full() takes a double
                    std::all_of(numbers.begin(), numbers.end(), [&](const std::string& s) { return s == numbers[0]; });
  if (same) return absl::StrCat("Tensor::Full(", CppName(t.dtype()), ", ", shape, ", ", numbers[0], ")");
  return absl::StrCat("Tensor::From<", FactsOf(t.dtype()).cpp_type, ">(", shape, ", {", absl::StrJoin(numbers, ", "),
                      "})");
}

struct CppAttr {
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(int64_t v) const { return absl::StrCat("int64_t{", Integer(v), "}"); }
  std::string operator()(double v) const { return absl::StrCat("double{", Number(v), "}"); }
  std::string operator()(const std::string& v) const {
    return absl::StrCat("std::string(\"", absl::StrReplaceAll(v, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\")");
  }
  std::string operator()(DType v) const { return CppName(v); }
  std::string operator()(const Shape& v) const { return absl::StrCat("Shape", Dims(v)); }
  std::string operator()(const Tensor& v) const { return CppTensor(v); }
  std::string operator()(const std::vector<int64_t>& v) const { return absl::StrCat("std::vector<int64_t>", List(v)); }
  std::string operator()(const std::vector<double>& v) const { return absl::StrCat("std::vector<double>", List(v)); }
  std::string operator()(const SubgraphRef& v) const { return v == nullptr ? "SubgraphRef()" : body; }

  std::string body;  // the name of the variable that holds it
};

// Prints the nodes of a graph that a GraphCase called c builds. `state` holds its variables.
class NodePrinter {
 public:
  NodePrinter(const Graph& graph, const State& state, std::string indent, std::string* text)
      : graph_(graph), state_(state), indent_(std::move(indent)), text_(*text) {}

  template <class... Parts>
  void Line(const Parts&... parts) {
    absl::StrAppend(&text_, indent_, parts..., "\n");
  }

  // Only ops with several outputs are lists.
  std::string Name(ValueId v) const {
    const bool list = graph_.node(v.node).op->variadic_outputs || graph_.node(v.node).outputs.size() > 1;
    return list ? absl::StrCat("v", v.node, "[", v.output, "]") : absl::StrCat("v", v.node);
  }
  template <class T>
  std::string Names(const T& ids) const {
    return absl::StrJoin(ids, ", ", [&](std::string* out, ValueId v) { absl::StrAppend(out, Name(v)); });
  }

  void Print(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.attrs.Is<ConstantAttrs>()) {
      Line("Value v", id, " = c.graph->Constant(", CppTensor(node.attrs.As<ConstantAttrs>().value), ");");
    } else if (node.attrs.Is<InputAttrs>()) {
      Line("Value v", id, " = c.graph->Input(\"", absl::CEscape(node.name), "\", ", CppName(node.outputs[0].dtype),
           ", ", Dims(node.outputs[0].shape), ");");
    } else if (node.attrs.Is<VariableAttrs>()) {
      const absl::StatusOr<Tensor> initial = state_.Get(node.name);
      const std::string tensor = initial.ok() ? CppTensor(*initial) : "Tensor()";
      Line("Value v", id, " = c.graph->Variable(\"v", id, "\", ", tensor, ");");
      Line("c.state.Set(\"v", id, "\", ", tensor, ");");
    } else {
      const bool list = Name({id, 0}).back() == ']';
      std::string types;
      for (const Type& t : node.outputs) absl::StrAppend(&types, " ", t.ToString());
      const std::string attrs = PrintBodies(id);
      Line(list ? "Values v" : "Value v", id, " = c.Add(\"", node.op->name, "\", {", Names(node.inputs), "}, {", attrs,
           "})", list ? "" : "[0]", ";  //", types);
    }
  }

 private:
  // Prints the bodies among a node's attributes, and returns all of these as text.
  std::string PrintBodies(NodeId id) {
    std::string attrs;
    for (const Attr& attr : graph_.node(id).attrs.list()) {
      const std::string name = absl::StrCat("v", id, "_", absl::StrReplaceAll(attr.name, {{".", "_"}}));
      const auto* body = std::get_if<SubgraphRef>(&attr.value);
      if (body != nullptr && *body != nullptr) PrintBody(name, **body);
      absl::StrAppend(&attrs, attrs.empty() ? "" : ", ", "{\"", attr.name, "\", ",
                      std::visit(CppAttr{name}, attr.value), "}");
    }
    return attrs;
  }

  void PrintBody(const std::string& name, const Subgraph& body) {
    Line("const SubgraphRef ", name, " = [] {");
    const State no_variables;
    NodePrinter inside(body.graph(), no_variables, indent_ + "  ", &text_);
    inside.Line("GraphCase c;");
    std::vector<ValueId> inputs;
    for (NodeId id = 0; id < body.graph().num_nodes(); ++id) {
      inside.Print(id);
      if (id < body.num_inputs()) inputs.push_back({id, 0});
    }
    inside.Line("return *Subgraph::Make({", inside.Names(inputs), "}, {", inside.Names(body.outputs()), "});");
    Line("}();");
  }

  const Graph& graph_;
  const State& state_;
  const std::string indent_;
  std::string& text_;
};

std::vector<ValueId> Ids(const Values& values) {
  std::vector<ValueId> ids;
  for (const Value& v : values) ids.push_back(v.id());
  return ids;
}

}  // namespace

std::string ToCpp(const GraphCase& c, absl::string_view comment) {
  std::string text;
  NodePrinter printer(*c.graph, c.state, "", &text);
  if (!comment.empty()) printer.Line("// ", absl::StrReplaceAll(comment, {{"\n", "\n// "}}));
  printer.Line("GraphCase c;");
  std::vector<bool> needed = NeededNodes(c);
  // What is fed says how large the batch is, also where nobody reads it.
  for (const Value& input : c.graph->inputs())
    needed[input.node()] = needed[input.node()] || input.shape().is_symbolic();
  for (NodeId id = 0; id < c.graph->num_nodes(); ++id) {
    if (needed[id]) printer.Print(id);
  }
  printer.Line("c.fetches = {", printer.Names(Ids(c.fetches)), "};");
  for (const Update& u : c.updates) {
    printer.Line("c.updates.push_back({", printer.Name(u.variable.id()), ", ", printer.Name(u.value.id()), "});");
  }
  for (const Feeds& feeds : c.runs) {
    printer.Line("c.runs.push_back({});");
    for (const auto& [input, tensor] : feeds) {
      if (!needed[input.node()]) continue;
      printer.Line("c.runs.back().emplace_back(", printer.Name(input.id()), ", ", CppTensor(tensor), ");");
    }
  }
  if (c.state.seed != 0) printer.Line("c.state.seed = ", c.state.seed, ";");
  if (!c.law.empty()) printer.Line("c.law = \"", c.law, "\", c.law_seed = ", c.law_seed, ";");
  printer.Line("EXPECT_EQ(CompareEngines(c), absl::OkStatus());");
  return text;
}

}  // namespace adret::fuzz
