#include "adret/tests/nn/golden_layer.h"

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/state.h"
#include "adret/tests/nn/golden.h"
#include "gtest/gtest.h"

namespace adret::nn {

void ExpectGolden(const std::string& file, const std::string& name, const std::function<Value(Args)>& build) {
  const auto array = [&](absl::string_view key) { return GoldenArray(file, absl::StrCat(name, "/", key)); };
  Graph graph;
  Values x;
  Feeds feeds;
  while (HasGoldenArray(file, absl::StrCat(name, "/x", x.size()))) {
    const Tensor t = array(absl::StrCat("x", x.size()));
    x.push_back(graph.Input(absl::StrCat("x", x.size()), t.dtype(), t.shape()));
    feeds.emplace_back(x.back(), t);
  }
  const Value y = build(x);
  ASSERT_TRUE(graph.status().ok()) << graph.status();
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
  Values fetches = Gradients(Values{y}, xs, {.seeds = {graph.Constant(array("dy"))}});
  fetches.push_back(y), keys.push_back("y");
  auto executor = Executor::Create(fetches);
  ASSERT_TRUE(executor.ok()) << executor.status();
  auto found = executor->Run(feeds, &state);
  ASSERT_TRUE(found.ok()) << found.status();
  for (size_t i = 0; i < keys.size(); ++i) ExpectNear((*found)[i], array(keys[i]), 1e-10, name + " " + keys[i]);
}

}  // namespace adret::nn
