#include "adret/tests/fuzz/graphs/graph_case.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

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

DimSizes SizesOf(const Feeds& feeds) {
  DimSizes sizes;
  bool undecided = false;
  for (const auto& [input, tensor] : feeds) {
    for (int a = 0; a < input.rank(); ++a) {
      AD_CHECK(MatchDim(input.shape()[a], tensor.shape()[a], &sizes, &undecided));
    }
  }
  return sizes;
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
};

std::string CppAttrs(const Attrs& attrs) {
  return absl::StrCat("{",
                      absl::StrJoin(attrs.list(), ", ",
                                    [](std::string* out, const Attr& a) {
                                      absl::StrAppend(out, "{\"", a.name, "\", ", std::visit(CppAttr(), a.value), "}");
                                    }),
                      "}");
}

class Printer {
 public:
  explicit Printer(const GraphCase& c) : c_(c) {}

  std::string Print(absl::string_view comment) {
    if (!comment.empty()) absl::StrAppend(&text_, "// ", absl::StrReplaceAll(comment, {{"\n", "\n// "}}), "\n");
    Line("GraphCase c;");
    std::vector<bool> needed = NeededNodes(c_);
    // What is fed says how large the batch is, also where nobody reads it.
    for (const Value& input : c_.graph->inputs())
      needed[input.node()] = needed[input.node()] || input.shape().is_symbolic();
    for (NodeId id = 0; id < c_.graph->num_nodes(); ++id) {
      if (needed[id]) PrintNode(id);
    }
    Line("c.fetches = {", Names(c_.fetches), "};");
    for (const Update& u : c_.updates)
      Line("c.updates.push_back({", Name(u.variable.id()), ", ", Name(u.value.id()), "});");
    for (const Feeds& feeds : c_.runs) {
      Line("c.runs.push_back({});");
      for (const auto& [input, tensor] : feeds) {
        if (needed[input.node()]) Line("c.runs.back().emplace_back(", Name(input.id()), ", ", CppTensor(tensor), ");");
      }
    }
    if (c_.state.seed != 0) Line("c.state.seed = ", c_.state.seed, ";");
    Line("EXPECT_EQ(CompareEngines(c), absl::OkStatus());");
    return std::move(text_);
  }

 private:
  template <class... Parts>
  void Line(const Parts&... parts) {
    absl::StrAppend(&text_, parts..., "\n");
  }

  // Only ops with several outputs are lists.
  std::string Name(ValueId v) const {
    const bool list = c_.graph->node(v.node).outputs.size() > 1;
    return list ? absl::StrCat("v", v.node, "[", v.output, "]") : absl::StrCat("v", v.node);
  }
  std::string Names(const Values& values) const {
    return absl::StrJoin(values, ", ", [&](std::string* out, const Value& v) { absl::StrAppend(out, Name(v.id())); });
  }

  void PrintNode(NodeId id) {
    const Node& node = c_.graph->node(id);
    if (node.attrs.Is<ConstantAttrs>()) {
      Line("Value v", id, " = c.graph->Constant(", CppTensor(node.attrs.As<ConstantAttrs>().value), ");");
    } else if (node.attrs.Is<InputAttrs>()) {
      Line("Value v", id, " = c.graph->Input(\"v", id, "\", ", CppName(node.outputs[0].dtype), ", ",
           Dims(node.outputs[0].shape), ");");
    } else if (node.attrs.Is<VariableAttrs>()) {
      const absl::StatusOr<Tensor> initial = c_.state.Get(node.name);
      const std::string tensor = initial.ok() ? CppTensor(*initial) : "Tensor()";
      Line("Value v", id, " = c.graph->Variable(\"v", id, "\", ", tensor, ");");
      Line("c.state.Set(\"v", id, "\", ", tensor, ");");
    } else {
      const std::string inputs =
          absl::StrJoin(node.inputs, ", ", [&](std::string* out, ValueId v) { absl::StrAppend(out, Name(v)); });
      const bool list = node.outputs.size() > 1;
      std::string types;
      for (const Type& t : node.outputs) absl::StrAppend(&types, " ", t.ToString());
      Line(list ? "Values v" : "Value v", id, " = c.Add(\"", node.op->name, "\", {", inputs, "}, ",
           CppAttrs(node.attrs), ")", list ? "" : "[0]", ";  //", types);
    }
  }

  const GraphCase& c_;
  std::string text_;
};

}  // namespace

std::string ToCpp(const GraphCase& c, absl::string_view comment) { return Printer(c).Print(comment); }

}  // namespace adret::fuzz
