#include "adret/tools/report/survey.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "adret/core/executor.h"
#include "adret/core/status.h"
#include "adret/explain/target.h"
#include "adret/nn/batches.h"
#include "adret/ops/reduce.h"

namespace adret::report {
namespace {

void Keep(Survey::Top candidate, int64_t most, std::vector<Survey::Top>* tops) {
  if (std::isnan(candidate.activation)) return;
  const auto place = std::find_if(tops->begin(), tops->end(),
                                  [&](const Survey::Top& top) { return top.activation < candidate.activation; });
  tops->insert(place, candidate);
  if (static_cast<int64_t>(tops->size()) > most) tops->pop_back();
}

// activations [batch, units] of examples from `first` on.
void KeepTops(const Tensor& activations, int64_t first, int64_t most, std::vector<std::vector<Survey::Top>>* tops) {
  const int64_t units = activations.shape()[1];
  for (int64_t i = 0; i < activations.shape()[0]; ++i) {
    for (int64_t unit = 0; unit < units; ++unit) {
      Keep({activations.At(i * units + unit), first + i}, most, &(*tops)[unit]);
    }
  }
}

}  // namespace

Tensor ExampleImages(const explain::Network& network, const Tensor& examples, const std::vector<int64_t>& which) {
  const std::vector<uint32_t> rows(which.begin(), which.end());
  return network.ToImages(nn::TakeRows(examples, rows, network.dtype()));
}

absl::StatusOr<Survey> RunSurvey(const explain::Network& network, const std::vector<size_t>& layers,
                                 const Tensor& examples, const SurveyOptions& options) {
  const bool classifies = network.output().rank() == 2;
  Graph graph;
  Shape shape{kAnyBatch};
  for (int i = 0; i < network.image_shape().rank(); ++i) shape.push_back(network.image_shape()[i]);
  const NameScope names(&graph, network.FreeScope("survey"));
  const Value images = graph.Input("images", network.dtype(), shape);
  std::vector<Value> wanted;
  for (const size_t layer : layers) wanted.push_back(network.layers()[layer].value);
  wanted.push_back(network.output());
  AD_ASSIGN_OR_RETURN(const Values values, network.Apply(wanted, images));
  std::vector<Value> fetches;
  for (size_t i = 0; i < layers.size(); ++i) fetches.push_back(explain::UnitValues(values[i]));
  if (classifies) {
    AD_ASSIGN_OR_RETURN(const explain::Scores scores,
                        explain::ScoresOf(network, network.output_layer(), {.threads = options.threads}));
    const Value log_probabilities = explain::LogProbabilities(values.back(), scores);
    fetches.push_back(ArgMax(log_probabilities, {.axis = 1}));
    fetches.push_back(Max(log_probabilities, {.axes = {1}}));
  }
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create(fetches, {}, {.threads = options.threads}));

  Survey survey;
  for (const size_t layer : layers) survey.tops.emplace_back(network.layers()[layer].units());
  const int64_t n = examples.shape()[0];
  for (int64_t first = 0; first < n; first += options.batch) {
    std::vector<int64_t> which(std::min(options.batch, n - first));
    std::iota(which.begin(), which.end(), first);
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> fetched,
                        executor.Run({{images, ExampleImages(network, examples, which)}}, network.state()));
    for (size_t i = 0; i < layers.size(); ++i) KeepTops(fetched[i], first, options.top, &survey.tops[i]);
    for (size_t i = 0; classifies && i < which.size(); ++i) {
      survey.answers.push_back(static_cast<int64_t>(fetched[layers.size()].At(static_cast<int64_t>(i))));
      survey.log_confidences.push_back(fetched[layers.size() + 1].At(static_cast<int64_t>(i)));
    }
  }
  return survey;
}

}  // namespace adret::report
