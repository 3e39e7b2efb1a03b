// Items 12-14 of what readers of files refuse: every op of the suite, with attributes and input types that a file could
// hold and no builder would write. The type rule refuses them, or the kernel survives them (run this under
// AddressSanitizer): nothing else stands between a stranger's file and a kernel.
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/io/model.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret {

std::vector<OpCase>& AllCases();  // in op_suite.cc

namespace {

constexpr int64_t kMaxBytes = 1 << 18;  // of what is run
constexpr int kVariants = 3;            // of each op

struct Specimen {
  const Op* op;
  AttrList attrs;
  std::vector<Type> inputs;
};

// A row's graph with its gradients, of a symbolic batch where it has one.
void BuildRow(const OpCase& c, Graph* graph) {
  Values x, xs, ys;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    Shape shape = c.inputs[i].shape;
    if (c.inputs[i].batch) shape.set(0, kAnyBatch);
    const DType dtype = c.inputs[i].dtype == DType::kFloat64 ? DType::kFloat32 : c.inputs[i].dtype;
    x.push_back(graph->Input(absl::StrCat("x", i), dtype, shape));
    if (IsFloating(dtype)) xs.push_back(x.back());
  }
  for (const Value& y : c.build(x)) {
    if (IsFloating(y.dtype())) ys.push_back(y);
  }
  if (c.differentiable) Gradients(ys, xs);
}

// Nodes of the suite's graphs, a few of each op.
std::vector<Specimen> Specimens() {
  std::map<std::string, int> count;
  std::vector<Specimen> result;
  for (const OpCase& c : AllCases()) {
    Graph graph;
    BuildRow(c, &graph);
    for (NodeId id = 0; id < graph.num_nodes(); ++id) {
      const Node& node = graph.node(id);
      if (node.op->traits.leaf || ++count[node.op->name] > kVariants) continue;
      Specimen s{node.op, node.attrs.list(), {}};
      for (ValueId input : node.inputs) s.inputs.push_back(graph.type(input));
      result.push_back(std::move(s));
    }
  }
  return result;
}

// Small numbers around zero: also negative indices, and divisors that are 0.
Tensor Ramp(const Type& type) {
  Tensor t(DType::kFloat64, type.shape);
  auto data = t.mutable_data<double>();
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<double>(i % 5) - 1;
  return t.Cast(type.dtype);
}

bool IsSmall(const Type& type, int64_t batch) {
  const Shape shape = type.shape.With(batch);
  return shape.Validate().ok() && Type{type.dtype, shape}.bytes() <= kMaxBytes;
}

// Builds the node alone and, if it can be built, runs it. True when it ran.
bool TryAt(const Specimen& s, int64_t batch) {
  const auto attrs = s.op->parse_attrs(s.attrs, MissingAttrs::kError);
  if (!attrs.ok()) return false;
  Graph graph;
  Feeds feeds;
  std::vector<ValueId> inputs;
  bool small = true;
  for (const Type& type : s.inputs) {
    Value x = graph.Input(absl::StrCat("x", inputs.size()), type.dtype, type.shape);
    if (!x.valid()) return false;
    inputs.push_back(x.id());
    small &= IsSmall(type, batch);
    if (small) feeds.emplace_back(x, Ramp({type.dtype, type.shape.With(batch)}));
  }
  const NodeId id = graph.AddNode(*s.op, inputs, *attrs, {});
  if (id < 0) {
    EXPECT_TRUE(graph.status().code() == absl::StatusCode::kInvalidArgument ||
                graph.status().code() == absl::StatusCode::kResourceExhausted ||
                graph.status().code() == absl::StatusCode::kOutOfRange)
        << graph.status();
    return false;
  }
  Values fetches;
  for (int i = 0; i < static_cast<int>(s.op->outputs.size()); ++i) {
    fetches.push_back(Value(&graph, {id, i}));
    small &= IsSmall(fetches.back().type(), batch);
  }
  if (!small) return false;
  State state;
  auto executor = Executor::Create(fetches, {}, {.threads = 1, .memory_limit = 16 << 20});
  return executor.ok() && executor->Run(feeds, &state).ok();
}

bool Try(const Specimen& s) {
  TryAt(s, 0);
  return TryAt(s, 2);
}

const std::vector<int64_t>& HostileIntegers() {
  static const auto* values = new std::vector<int64_t>{0,
                                                       -1,
                                                       1,
                                                       2,
                                                       3,
                                                       7,
                                                       -2,
                                                       -7,
                                                       33,
                                                       1 << 20,
                                                       int64_t{1} << 31,
                                                       int64_t{1} << 32,
                                                       int64_t{1} << 40,
                                                       -(int64_t{1} << 40),
                                                       int64_t{1} << 62,
                                                       std::numeric_limits<int64_t>::max(),
                                                       std::numeric_limits<int64_t>::max() - 1,
                                                       std::numeric_limits<int64_t>::min(),
                                                       std::numeric_limits<int64_t>::min() + 1};
  return *values;
}

// Values of the same type as an attribute's, of which some are absurd.
std::vector<AttrValue> Hostile(const AttrValue& value) {
  std::vector<AttrValue> result;
  if (std::holds_alternative<bool>(value)) result = {AttrValue(true), AttrValue(false)};
  if (std::holds_alternative<int64_t>(value)) {
    for (int64_t v : HostileIntegers()) result.push_back(v);
  }
  if (std::holds_alternative<double>(value)) {
    for (double v : {0.0, -1.0, 0.5, 1.0, 1e30, -1e300, 5e-324, double{INFINITY}, -double{INFINITY}, double{NAN}}) {
      result.push_back(v);
    }
  }
  if (std::holds_alternative<std::string>(value)) result = {AttrValue(std::string()), AttrValue(std::string("SAME"))};
  if (std::holds_alternative<DType>(value)) {
    for (DType dtype : kAllDTypes) result.push_back(dtype);
  }
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
    for (size_t i = 0; i < list->size(); ++i) {
      for (int64_t v : HostileIntegers()) {
        auto changed = *list;
        changed[i] = v;
        result.push_back(changed);
      }
    }
    for (int64_t v : HostileIntegers()) {
      result.push_back(std::vector<int64_t>(list->size(), v));
      result.push_back(std::vector<int64_t>(1, v));
    }
    result.push_back(std::vector<int64_t>());
    result.push_back(std::vector<int64_t>(100, 0));
    auto longer = *list;
    longer.push_back(1);
    result.push_back(longer);
  }
  if (const auto* shape = std::get_if<Shape>(&value)) {
    // What the reader lets through: dimensions of at most 2^58.
    for (int64_t v : {int64_t{0}, int64_t{-1}, int64_t{1}, int64_t{3}, int64_t{-2}, int64_t{1} << 31, int64_t{1} << 58,
                      -(int64_t{1} << 58)}) {
      for (int axis = 0; axis < shape->rank(); ++axis) {
        Shape changed = *shape;
        changed.set(axis, v);
        result.push_back(changed);
      }
      Shape longer = *shape;
      longer.push_back(v);
      result.push_back(longer);
      result.push_back(Shape(std::vector<int64_t>(shape->rank(), v)));
    }
    for (size_t rank : {0, 31, 32}) result.push_back(Shape(std::vector<int64_t>(rank, 1)));
  }
  if (std::holds_alternative<std::vector<double>>(value)) {
    result.push_back(std::vector<double>());
    result.push_back(std::vector<double>(100, NAN));
  }
  return result;
}

TEST(HostileTest, Attributes) {
  int tried = 0, ran = 0;
  for (const Specimen& specimen : Specimens()) {
    SCOPED_TRACE(specimen.op->name);
    for (size_t a = 0; a < specimen.attrs.size(); ++a) {
      if (specimen.attrs[a].name == "max_iterations") continue;  // a loop that never ends is nobody's error
      for (AttrValue& value : Hostile(specimen.attrs[a].value)) {
        Specimen changed = specimen;
        changed.attrs[a].value = std::move(value);
        ran += Try(changed);
        ++tried;
      }
    }
  }
  EXPECT_GT(ran, tried / 100);
}

TEST(HostileTest, InputTypes) {
  const std::vector<Shape> shapes = {Shape(),
                                     {0},
                                     {1},
                                     {kAnyBatch},
                                     {0, 0},
                                     {0, 3, 0, 3},
                                     {3, 0, 3, 0},
                                     {1, 1, 1, 1},
                                     {kAnyBatch, 1, 0, 1},
                                     {1, kAnyBatch},
                                     {2, 3, 4, -5},
                                     {-169, 2, 1},
                                     {int64_t{1} << 40, 1, 1, 1},
                                     {1, int64_t{1} << 57},
                                     {0, int64_t{1} << 40, int64_t{1} << 17},
                                     Shape(std::vector<int64_t>(32, 1)),
                                     Shape(std::vector<int64_t>(31, 1))};
  int ran = 0;
  for (const Specimen& specimen : Specimens()) {
    SCOPED_TRACE(specimen.op->name);
    for (size_t i = 0; i < specimen.inputs.size(); ++i) {
      Specimen changed = specimen;
      for (const Shape& shape : shapes) {
        changed.inputs[i].shape = shape;
        ran += Try(changed);
      }
      // Every input of that shape.
      for (const Shape& shape : shapes) {
        for (Type& type : changed.inputs) type.shape = shape;
        ran += Try(changed);
      }
      changed = specimen;
      for (DType dtype : kAllDTypes) {
        changed.inputs[i].dtype = dtype;
        ran += Try(changed);
      }
      for (DType dtype : kAllDTypes) {
        for (Type& type : changed.inputs) type.dtype = dtype;
        ran += Try(changed);
      }
    }
    Specimen fewer = specimen;
    if (!fewer.inputs.empty()) fewer.inputs.pop_back();
    Try(fewer);
    Specimen more = specimen;
    more.inputs.push_back(specimen.inputs.empty() ? Type() : specimen.inputs[0]);
    Try(more);
  }
  EXPECT_GT(ran, 100);
}

// Not a test: seeds for tests/fuzz/model_fuzzer, one for each row.
TEST(FuzzSeeds, Write) {
  const char* folder = std::getenv("ADRET_FUZZ_SEEDS");
  if (folder == nullptr) GTEST_SKIP() << "ADRET_FUZZ_SEEDS names no folder";
  for (const OpCase& c : AllCases()) {
    Graph graph;
    BuildRow(c, &graph);
    const std::string path = absl::StrCat(folder, "/", absl::StrReplaceAll(c.name, {{"/", "_"}}), ".adret");
    const absl::Status status = io::SaveModel(path, {.graph = &graph});
    EXPECT_TRUE(status.ok()) << status;
  }
}

}  // namespace
}  // namespace adret
