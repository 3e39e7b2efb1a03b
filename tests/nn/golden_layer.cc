#include "adret/tests/nn/golden_layer.h"

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/state.h"
#include "adret/tests/nn/golden.h"
#include "gtest/gtest.h"

namespace adret::nn {

namespace {

// results: what the case calls the results ("" and no more, or "0", "1", ...).
void Expect(const std::string& file, const std::string& name, const std::function<Values(Args)>& build,
            const std::vector<std::string>& results) {
  const auto array = [&](absl::string_view key) { return GoldenArray(file, absl::StrCat(name, "/", key)); };
  Graph graph;
  Values x;
  Feeds feeds;
  while (HasGoldenArray(file, absl::StrCat(name, "/x", x.size()))) {
    const Tensor t = array(absl::StrCat("x", x.size()));
    x.push_back(graph.Input(absl::StrCat("x", x.size()), t.dtype(), t.shape()));
    feeds.emplace_back(x.back(), t);
  }
  const Values y = build(x);
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  ASSERT_EQ(y.size(), results.size());
  const Values variables = graph.variables();
  ASSERT_FALSE(variables.empty());
  State state;
  Values xs;
  std::vector<std::string> keys;
  for (size_t i = 0; i < x.size(); ++i) {
    if (IsFloating(x[i].dtype())) xs.push_back(x[i]), keys.push_back(absl::StrCat("dx", i));
  }
  for (const Value& v : variables) {
    const std::string variable = v.name().substr(std::string("layer/").size());
    state.Set(v.name(), array("w/" + variable));
    xs.push_back(v), keys.push_back("dw/" + variable);
  }
  Values seeds;
  for (const std::string& result : results) seeds.push_back(graph.Constant(array("dy" + result)));
  Values fetches = Gradients(y, xs, {.seeds = seeds});
  for (size_t k = 0; k < y.size(); ++k) fetches.push_back(y[k]), keys.push_back("y" + results[k]);
  auto executor = Executor::Create(fetches);
  ASSERT_TRUE(executor.ok()) << executor.status();
  auto found = executor->Run(feeds, &state);
  ASSERT_TRUE(found.ok()) << found.status();
  for (size_t i = 0; i < keys.size(); ++i) ExpectNear((*found)[i], array(keys[i]), 1e-10, name + " " + keys[i]);
}

}  // namespace

void ExpectGolden(const std::string& file, const std::string& name, const std::function<Value(Args)>& build) {
  Expect(file, name, [&](Args x) { return Values{build(x)}; }, {""});
}

void ExpectGolden(const std::string& file, const std::string& name, const std::function<Values(Args)>& build) {
  std::vector<std::string> results;
  while (HasGoldenArray(file, absl::StrCat(name, "/y", results.size()))) {
    results.push_back(absl::StrCat(results.size()));
  }
  Expect(file, name, build, results);
}

}  // namespace adret::nn
