#include "adret/tests/ops/op_suite.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/check_gradients.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/op.h"
#include "adret/core/random.h"
#include "adret/io/model.h"
#include "adret/io/npy.h"
#include "gtest/gtest.h"

namespace adret {

std::vector<OpCase>& AllCases() {
  static auto* cases = new std::vector<OpCase>;
  return *cases;
}

struct NamedGolden {
  std::string file;
  GoldenCase golden;
};
std::vector<NamedGolden>& AllGoldens() {
  static auto* goldens = new std::vector<NamedGolden>;
  return *goldens;
}

OpCases::OpCases(std::vector<OpCase> cases) {
  for (OpCase& c : cases) AllCases().push_back(std::move(c));
}
GoldenCases::GoldenCases(std::string file, std::vector<GoldenCase> cases) {
  for (GoldenCase& c : cases) AllGoldens().push_back({file, std::move(c)});
}

std::function<std::vector<Tensor>(absl::Span<const Tensor>)> Elementwise(std::function<double(double)> f) {
  return [f = std::move(f)](absl::Span<const Tensor> x) {
    Tensor y(DType::kFloat64, x[0].shape());
    for (int64_t i = 0; i < y.num_elements(); ++i) y.mutable_data<double>()[i] = f(x[0].At(i));
    return std::vector<Tensor>{y};
  };
}
std::function<std::vector<Tensor>(absl::Span<const Tensor>)> Elementwise2(std::function<double(double, double)> f) {
  return [f = std::move(f)](absl::Span<const Tensor> x) {
    Tensor y(DType::kFloat64, x[0].shape());
    for (int64_t i = 0; i < y.num_elements(); ++i) y.mutable_data<double>()[i] = f(x[0].At(i), x[1].At(i));
    return std::vector<Tensor>{y};
  };
}

std::string CaseName(const std::string& name) {
  std::string result = name;
  for (char& ch : result) {
    if (!std::isalnum(static_cast<unsigned char>(ch))) ch = '_';
  }
  return result;
}

namespace {

Tensor MakeInput(const InputSpec& spec, DType floating, RandomStream* random) {
  const DType dtype = IsFloating(spec.dtype) ? floating : spec.dtype;
  Tensor exact(DType::kFloat64, spec.shape);
  auto data = exact.mutable_data<double>();
  for (size_t i = 0; i < data.size(); ++i) {
    if (!spec.values.empty()) {
      data[i] = spec.values[i];
    } else if (IsFloating(dtype)) {
      // Rounded to f32, so that both precisions start from the same numbers.
      data[i] = static_cast<float>(random->Uniform(spec.lo, spec.hi));
    } else if (IsBool(dtype)) {
      data[i] = random->Uniform() < 0.5;
    } else {
      data[i] = std::floor(random->Uniform(spec.lo, spec.hi));
    }
  }
  return exact.Cast(dtype);
}

}  // namespace

std::vector<Tensor> MakeInputs(const OpCase& c, DType floating, uint64_t seed) {
  RandomStream random(seed);
  std::vector<Tensor> inputs;
  for (const InputSpec& spec : c.inputs) inputs.push_back(MakeInput(spec, floating, &random));
  return inputs;
}

namespace {

// A case in a graph of its own, with the gradients of its floating inputs.
struct Built {
  Graph graph;
  Values x, y, dx;
  Feeds feeds;
};

std::unique_ptr<Built> BuildCase(const OpCase& c, const std::vector<Tensor>& inputs, bool symbolic, bool gradients) {
  auto b = std::make_unique<Built>();
  for (size_t i = 0; i < inputs.size(); ++i) {
    Shape shape = inputs[i].shape();
    if (symbolic && c.inputs[i].batch) shape.set(0, kAnyBatch);
    b->x.push_back(b->graph.Input(absl::StrCat("x", i), inputs[i].dtype(), shape));
    b->feeds.emplace_back(b->x.back(), inputs[i]);
  }
  b->y = c.build(b->x);
  if (gradients && c.differentiable && b->graph.status().ok()) {
    Values xs, ys;
    for (const Value& x : b->x) {
      if (IsFloating(x.dtype())) xs.push_back(x);
    }
    for (const Value& y : b->y) {
      if (IsFloating(y.dtype())) ys.push_back(y);
    }
    b->dx = Gradients(ys, xs);
  }
  return b;
}

absl::StatusOr<std::vector<Tensor>> RunBuilt(Built* b, const ExecutorOptions& options = {}) {
  AD_RETURN_IF_ERROR(b->graph.status());
  Values fetches = b->y;
  fetches.insert(fetches.end(), b->dx.begin(), b->dx.end());
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create(fetches, {}, options));
  State state;
  state.seed = 3;
  return executor.Run(b->feeds, &state);
}

// Element-wise closeness relative to max(1, |expected|); NaN equals NaN.
testing::AssertionResult Close(const Tensor& found, const Tensor& expected, double tolerance) {
  if (found.shape() != expected.shape()) {
    return testing::AssertionFailure() << "shape " << found.shape().ToString() << " instead of "
                                       << expected.shape().ToString();
  }
  for (int64_t i = 0; i < found.num_elements(); ++i) {
    const double f = found.At(i), e = expected.At(i);
    if (f == e || (std::isnan(f) && std::isnan(e))) continue;
    if (!(std::abs(f - e) <= tolerance * std::max(1.0, std::abs(e)))) {
      return testing::AssertionFailure() << "element " << i << " is " << f << " instead of " << e;
    }
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult SameBits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  if (a.size() != b.size()) return testing::AssertionFailure() << "different numbers of results";
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].BitEqual(b[i])) {
      return testing::AssertionFailure() << "result " << i << ": " << a[i].ToString() << " against " << b[i].ToString();
    }
  }
  return testing::AssertionSuccess();
}

class OpSuite : public testing::TestWithParam<OpCase> {};

TEST_P(OpSuite, ForwardMatchesReference) {
  const OpCase& c = GetParam();
  if (c.reference == nullptr) return;
  const std::vector<Tensor> inputs = MakeInputs(c, DType::kFloat64);
  auto b = BuildCase(c, inputs, false, false);
  auto y = RunBuilt(b.get());
  ASSERT_TRUE(y.ok()) << y.status();
  const std::vector<Tensor> expected = c.reference(inputs);
  ASSERT_EQ(y->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(Close((*y)[i], expected[i], c.tolerance)) << "output " << i;
}

TEST_P(OpSuite, GradientsMatchFiniteDifferences) {
  const OpCase& c = GetParam();
  if (!c.differentiable) return;
  CheckGradientsOptions options;
  options.order = c.order;
  options.tolerance = c.gradient_tolerance;
  const absl::Status status =
      CheckGradients([&](Args x) { return c.build(x); }, MakeInputs(c, DType::kFloat64), options);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(OpSuite, SinglePrecisionMatchesDouble) {
  const OpCase& c = GetParam();
  auto b32 = BuildCase(c, MakeInputs(c, DType::kFloat32), false, true);
  auto b64 = BuildCase(c, MakeInputs(c, DType::kFloat64), false, true);
  auto y32 = RunBuilt(b32.get()), y64 = RunBuilt(b64.get());
  ASSERT_TRUE(y32.ok()) << y32.status();
  ASSERT_TRUE(y64.ok()) << y64.status();
  for (size_t i = 0; i < y64->size(); ++i) {
    EXPECT_TRUE(Close((*y32)[i], (*y64)[i], c.f32_tolerance)) << "result " << i;
  }
}

TEST_P(OpSuite, ThreadsAndFusionKeepTheBits) {
  const OpCase& c = GetParam();
  const std::vector<Tensor> inputs = MakeInputs(c, DType::kFloat32);
  ExecutorOptions one, four, plain;
  one.threads = 1;
  four.threads = 4;
  plain.fuse = false;
  auto b = BuildCase(c, inputs, false, true);
  auto y1 = RunBuilt(b.get(), one), y4 = RunBuilt(b.get(), four), y_plain = RunBuilt(b.get(), plain);
  ASSERT_TRUE(y1.ok()) << y1.status();
  ASSERT_TRUE(y4.ok()) << y4.status();
  ASSERT_TRUE(y_plain.ok()) << y_plain.status();
  EXPECT_TRUE(SameBits(*y1, *y4)) << "1 thread against 4";
  EXPECT_TRUE(SameBits(*y1, *y_plain)) << "fused against one step per node";
}

TEST_P(OpSuite, SymbolicBatchMatchesConcrete) {
  const OpCase& c = GetParam();
  if (std::none_of(c.inputs.begin(), c.inputs.end(), [](const InputSpec& s) { return s.batch; })) return;
  const std::vector<Tensor> inputs = MakeInputs(c, DType::kFloat32);
  auto concrete = BuildCase(c, inputs, false, true), symbolic = BuildCase(c, inputs, true, true);
  auto y = RunBuilt(concrete.get()), z = RunBuilt(symbolic.get());
  ASSERT_TRUE(y.ok()) << y.status();
  ASSERT_TRUE(z.ok()) << z.status();
  EXPECT_TRUE(SameBits(*y, *z));
}

TEST_P(OpSuite, SavedAndLoadedGraphHasTheSameBits) {
  const OpCase& c = GetParam();
  auto b = BuildCase(c, MakeInputs(c, DType::kFloat32), false, true);
  auto expected = RunBuilt(b.get());
  ASSERT_TRUE(expected.ok()) << expected.status();
  io::ModelContents contents{.graph = &b->graph};
  Values fetches = b->y;
  fetches.insert(fetches.end(), b->dx.begin(), b->dx.end());
  for (const Value& v : fetches) contents.outputs.push_back({absl::StrCat("result", contents.outputs.size()), v});
  auto bytes = io::SerializeModel(contents);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  auto model = io::ParseModel(*bytes);
  ASSERT_TRUE(model.ok()) << model.status();
  Built loaded;
  for (const io::NamedValue& output : model->outputs) loaded.y.push_back(output.value);
  for (const auto& [input, tensor] : b->feeds) {
    auto value = model->graph->Find(input.name());
    ASSERT_TRUE(value.ok()) << value.status();
    loaded.feeds.emplace_back(*value, tensor);
  }
  auto found = RunBuilt(&loaded);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(SameBits(*found, *expected));
}

TEST_P(OpSuite, BadInputIsNamed) {
  const OpCase& c = GetParam();
  if (c.bad == nullptr) return;
  Graph graph;
  c.bad(&graph);
  ASSERT_FALSE(graph.status().ok());
  EXPECT_TRUE(absl::StrContains(graph.status().message(), c.bad_message)) << graph.status();
  EXPECT_TRUE(absl::StrContains(graph.status().message(), "_test.cc:"))
      << "names the caller's line: " << graph.status();
}

INSTANTIATE_TEST_SUITE_P(All, OpSuite, testing::ValuesIn(AllCases()),
                         [](const auto& test) { return CaseName(test.param.name); });

class Golden : public testing::TestWithParam<NamedGolden> {
 protected:
  static const io::NamedTensors& File(const std::string& name) {
    static auto* files = new std::map<std::string, io::NamedTensors>;
    auto [it, inserted] = files->try_emplace(name);
    if (inserted) {
      auto loaded = io::LoadNpz(absl::StrCat("tests/golden/", name, ".npz"));
      EXPECT_TRUE(loaded.ok()) << loaded.status();
      if (loaded.ok()) it->second = *std::move(loaded);
    }
    return it->second;
  }
};

TEST_P(Golden, MatchesPyTorch) {
  const auto& [file, golden] = GetParam();
  const io::NamedTensors& arrays = File(file);
  const auto find = [&](const std::string& key) -> const Tensor* {
    auto it = arrays.find(absl::StrCat(golden.name, "/", key));
    return it == arrays.end() ? nullptr : &it->second;
  };
  const auto numbered = [&](const std::string& key, size_t i) {
    const Tensor* t = find(absl::StrCat(key, i));
    return t == nullptr && i == 0 ? find(key) : t;
  };
  Graph graph;
  Values x;
  Feeds feeds;
  double tolerance = golden.tolerance;
  for (const Tensor* t; (t = find(absl::StrCat("x", x.size()))) != nullptr;) {
    if (t->dtype() == DType::kFloat32) tolerance = std::max(tolerance, 1e-4);
    x.push_back(graph.Input(absl::StrCat("x", x.size()), t->dtype(), t->shape()));
    feeds.emplace_back(x.back(), *t);
  }
  const Values y = golden.build(x);
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  Values fetches;
  std::vector<const Tensor*> expected;
  GradientOptions options;
  Values ys;
  for (size_t i = 0; i < y.size(); ++i) {
    if (const Tensor* t = numbered("y", i)) fetches.push_back(y[i]), expected.push_back(t);
    if (const Tensor* t = numbered("dy", i)) ys.push_back(y[i]), options.seeds.push_back(graph.Constant(*t));
  }
  ASSERT_FALSE(expected.empty()) << "tests/golden/" << file << ".npz has no case " << golden.name;
  Values xs;
  for (size_t i = 0; i < x.size(); ++i) {
    if (const Tensor* t = find(absl::StrCat("dx", i))) xs.push_back(x[i]), expected.push_back(t);
  }
  const Values dx = xs.empty() ? Values() : Gradients(ys, xs, options);
  fetches.insert(fetches.end(), dx.begin(), dx.end());
  auto results = Evaluate(fetches, feeds);
  ASSERT_TRUE(results.ok()) << results.status();
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(Close((*results)[i], *expected[i], tolerance)) << "array " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Golden, testing::ValuesIn(AllGoldens()), [](const auto& test) {
  return CaseName(absl::StrCat(test.param.file, "_", test.param.golden.name));
});

// Ops that no test program can put a row for: leaves are in every graph.
TEST(OpSuiteCoverage, EveryRegisteredOpIsReached) {
  std::set<std::string> reached;
  for (const OpCase& c : AllCases()) {
    auto b = BuildCase(c, MakeInputs(c, DType::kFloat64), false, true);
    for (NodeId id = 0; id < b->graph.num_nodes(); ++id) reached.insert(b->graph.node(id).op->name);
  }
  for (const Op* op : AllOps()) {
    if (op->traits.leaf) continue;
    EXPECT_TRUE(reached.count(op->name)) << "no row of the op suite reaches '" << op->name << "'";
  }
}

}  // namespace
}  // namespace adret
