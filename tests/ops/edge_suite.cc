#include "adret/tests/ops/edge_suite.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <ostream>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/op.h"
#include "adret/io/npy.h"
#include "gtest/gtest.h"

namespace adret {

std::vector<EdgeRow>& AllEdgeRows() {
  static auto* rows = new std::vector<EdgeRow>;
  return *rows;
}

EdgeRows::EdgeRows(std::vector<EdgeRow> rows) {
  for (EdgeRow& row : rows) AllEdgeRows().push_back(std::move(row));
}

namespace {

// The arrays of tests/golden/edges.npz: its member "index" has a line for each, name, dtype and dimensions, and the
// numbers of all arrays of a dtype lie one after the other in the member that bears the dtype's name.
std::map<std::string, Tensor> LoadArrays() {
  std::map<std::string, Tensor> arrays;
  auto file = io::LoadNpz("tests/golden/edges.npz");
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return arrays;
  const auto index = file->at("index").data<uint8_t>();
  const absl::string_view text(reinterpret_cast<const char*>(index.data()), index.size());
  std::map<std::string, size_t> used;  // bytes of each member
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    Shape shape;
    for (size_t i = 2; i < fields.size(); ++i) shape.push_back(std::stoll(fields[i]));
    const std::string& dtype = fields[1];
    Tensor array(*ParseDType(dtype), shape);
    std::memcpy(array.mutable_raw(), static_cast<const char*>(file->at(dtype).raw()) + used[dtype], array.num_bytes());
    used[dtype] += array.num_bytes();
    arrays.emplace(fields[0], std::move(array));
  }
  return arrays;
}

const Tensor* Find(const std::string& key) {
  static const auto* arrays = new std::map<std::string, Tensor>(LoadArrays());
  auto it = arrays->find(key);
  return it == arrays->end() ? nullptr : &it->second;
}

// What the file says of one fetch: an array, or a part of one that holds the gradients for several cotangents.
struct Expected {
  std::string name;  // "y0", "dx1 for cotangents 0"
  const Tensor* array;
  int64_t part = -1;

  Shape shape() const {
    Shape s = array->shape();
    if (part >= 0) s.erase(0);
    return s;
  }
  double At(int64_t i) const { return array->At(std::max<int64_t>(part, 0) * shape().num_elements() + i); }
};

// A row's graph in one floating type.
struct EdgeGraph {
  Graph graph;
  Feeds feeds;
  Values fetches;
  std::vector<Expected> expected;
};

// Numbers in turn, over and over.
Tensor Cotangent(const Type& type, const Tensor& numbers, int64_t row) {
  const int64_t period = numbers.shape()[1];
  Tensor result(DType::kFloat64, type.shape);
  for (int64_t i = 0; i < result.num_elements(); ++i) {
    result.mutable_data<double>()[i] = numbers.At(row * period + i % period);
  }
  return result.Cast(type.dtype);
}

// Adds the gradients that the file has. An array dx<i> holds those of x<i> for the cotangents of "dy"'s first rows.
void AddGradients(const std::string& prefix, const Values& x, const Values& y, EdgeGraph* g) {
  Values xs, ys;
  std::vector<Expected> expected;
  for (size_t i = 0; i < x.size(); ++i) {
    const Tensor* dx = Find(absl::StrCat(prefix, "dx", i));
    if (dx != nullptr) xs.push_back(x[i]), expected.push_back({absl::StrCat("dx", i), dx});
  }
  for (const Value& v : y) {
    if (IsFloating(v.dtype())) ys.push_back(v);
  }
  const Tensor* cotangents = Find("dy");
  if (xs.empty() || cotangents == nullptr) return;
  for (int64_t row = 0; row < expected[0].array->shape()[0]; ++row) {
    GradientOptions options;
    for (const Value& v : ys) options.seeds.push_back(g->graph.Constant(Cotangent(v.type(), *cotangents, row)));
    const Values dx = Gradients(ys, xs, options);
    for (size_t i = 0; i < dx.size(); ++i) {
      g->fetches.push_back(dx[i]);
      g->expected.push_back({absl::StrCat(expected[i].name, " for cotangents ", row), expected[i].array, row});
    }
  }
}

// type: "f32", "f64", or nothing for rows of integers.
std::unique_ptr<EdgeGraph> BuildEdge(const EdgeRow& row, const std::string& type) {
  auto g = std::make_unique<EdgeGraph>();
  Values x;
  for (const std::string& name : row.inputs) {
    const Tensor* t = Find(absl::StrCat("inputs/", name));
    if (t == nullptr) t = Find(absl::StrCat("inputs/", name, "/", type));
    if (t == nullptr) {
      ADD_FAILURE() << "tests/golden/edges.npz has no inputs/" << name;
      return g;
    }
    x.push_back(g->graph.Input(absl::StrCat("x", x.size()), t->dtype(), t->shape()));
    g->feeds.emplace_back(x.back(), *t);
  }
  const Values y = row.build(x);
  if (!g->graph.status().ok()) return g;
  const std::string prefix = absl::StrCat(row.name, "/", type, type.empty() ? "" : "/");
  for (size_t i = 0; i < y.size(); ++i) {
    const Tensor* t = Find(absl::StrCat(prefix, "y", i));
    if (t == nullptr) continue;  // PyTorch has no such output
    g->fetches.push_back(y[i]);
    g->expected.push_back({absl::StrCat("y", i), t});
  }
  AddGradients(prefix, x, y, g.get());
  return g;
}

// The distance from |v| to the next larger number of the dtype.
double UnitInLastPlace(double v, DType dtype) {
  v = std::abs(v);
  if (dtype == DType::kFloat32) {
    const float f = std::min(static_cast<float>(v), std::nextafterf(std::numeric_limits<float>::max(), 0));
    return static_cast<double>(std::nextafterf(f, std::numeric_limits<float>::infinity())) - static_cast<double>(f);
  }
  v = std::min(v, std::nextafter(std::numeric_limits<double>::max(), 0));
  return std::nextafter(v, std::numeric_limits<double>::infinity()) - v;
}

double LargestFinite(const Tensor& t) {
  double largest = 0;
  for (int64_t i = 0; i < t.num_elements(); ++i) {
    if (std::isfinite(t.At(i))) largest = std::max(largest, std::abs(t.At(i)));
  }
  return largest;
}

// Says which elements differ, and how.
std::string Differences(const EdgeRow& row, const Tensor& found, const Expected& expected) {
  if (found.shape() != expected.shape()) {
    return absl::StrCat("shape ", found.shape().ToString(), " instead of ", expected.shape().ToString());
  }
  if (found.dtype() != expected.array->dtype()) return absl::StrCat("dtype ", Name(found.dtype()));
  if (!IsFloating(found.dtype())) {
    if (found.BitEqual(*expected.array)) return "";
    return absl::StrCat("\n  ", found.ToString(), "\n  instead of ", expected.array->ToString());
  }
  const int64_t n = found.num_elements();
  const bool gradient = expected.part >= 0;
  const double ulp = gradient ? row.gradient_ulp : row.ulp;
  const double largest = row.of_largest ? LargestFinite(*expected.array) : 0;
  std::string result;
  for (int64_t i = 0; i < n; ++i) {
    const double f = found.At(i), e = expected.At(i);
    if (std::isnan(f) && std::isnan(e)) continue;
    if (f == e && (f != 0 || gradient || !row.signed_zeros || std::signbit(f) == std::signbit(e))) continue;
    if (f != e && std::isfinite(f) && std::isfinite(e) &&
        std::abs(f - e) <= ulp * UnitInLastPlace(std::max(std::abs(e), largest), found.dtype())) {
      continue;
    }
    absl::StrAppend(&result, "\n  element ", i, " is ", absl::StrFormat("%.17g", f), " instead of ",
                    absl::StrFormat("%.17g", e));
  }
  return result;
}

struct TypedRow {
  EdgeRow row;
  std::string type;
};

void PrintTo(const TypedRow& row, std::ostream* out) { *out << row.row.name; }

std::vector<TypedRow> TypedRows() {
  std::vector<TypedRow> result;
  for (const EdgeRow& row : AllEdgeRows()) {
    const bool floating = std::any_of(row.inputs.begin(), row.inputs.end(), [](const std::string& name) {
      return Find(absl::StrCat("inputs/", name)) == nullptr;
    });
    if (!floating) result.push_back({row, ""});
    if (floating) result.push_back({row, "f32"}), result.push_back({row, "f64"});
  }
  return result;
}

class Edge : public testing::TestWithParam<TypedRow> {};

TEST_P(Edge, MatchesPyTorch) {
  const auto& [row, type] = GetParam();
  auto g = BuildEdge(row, type);
  if (!row.error.empty()) {
    EXPECT_TRUE(absl::StrContains(g->graph.status().message(), row.error)) << g->graph.status();
    return;
  }
  ASSERT_TRUE(g->graph.status().ok()) << g->graph.status();
  ASSERT_FALSE(g->expected.empty()) << "tests/golden/edges.npz has no row " << row.name;
  for (const bool fuse : {true, false}) {
    ExecutorOptions options;
    options.fuse = fuse;
    auto executor = Executor::Create(g->fetches, {}, options);
    ASSERT_TRUE(executor.ok()) << executor.status();
    auto results = executor->Run(g->feeds);
    ASSERT_TRUE(results.ok()) << results.status();
    for (size_t i = 0; i < results->size(); ++i) {
      const std::string differences = Differences(row, (*results)[i], g->expected[i]);
      EXPECT_TRUE(differences.empty()) << (fuse ? "fused: " : "node by node: ") << g->expected[i].name << differences;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Edge, testing::ValuesIn(TypedRows()), [](const auto& test) {
  return absl::StrReplaceAll(absl::StrCat(test.param.row.name, test.param.type.empty() ? "" : "/", test.param.type),
                             {{"/", "_"}});
});

TEST(EdgeCoverage, EveryRegisteredOpIsReached) {
  std::set<std::string> reached;
  for (const TypedRow& typed : TypedRows()) {
    auto g = BuildEdge(typed.row, typed.type);
    for (NodeId id = 0; id < g->graph.num_nodes(); ++id) reached.insert(g->graph.node(id).op->name);
  }
  for (const Op* op : AllOps()) {
    if (op->traits.leaf) continue;
    EXPECT_TRUE(reached.count(op->name)) << "no edge row reaches '" << op->name << "'";
  }
}

}  // namespace
}  // namespace adret
