// Every op of the suite, with symbols in place of its sizes: the type rule refuses them, or a plan at any sizes does
// what the op does with numbers. What a rule computes of codes instead of dimensions shows here.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/dim.h"
#include "adret/core/executor.h"
#include "adret/core/infer_types.h"
#include "adret/core/plan/run_op.h"
#include "adret/tests/fuzz/graphs/generate.h"
#include "adret/tests/fuzz/graphs/op_samples.h"
#include "adret/tests/fuzz/graphs/run_nodes.h"
#include "gtest/gtest.h"

namespace adret::fuzz {
namespace {

constexpr int64_t kMostElements = 4096;
constexpr int kSamplesOfEachOp = 12;

// Which dimensions become symbols, and what the symbols stand for in the sample.
struct Symbols {
  std::vector<std::vector<int64_t>> codes;  // of each axis of each input; 0 and above: stays
  DimSizes sizes;
};

int64_t SymbolFor(const std::string& name, int64_t size, DimSizes* sizes) {
  const Dim dim(name);
  dim.ForEachSymbol([&](int symbol) { sizes->Set(symbol, size); });
  return dim.code();
}

std::vector<std::vector<int64_t>> CodesOf(const OpSample& sample) {
  std::vector<std::vector<int64_t>> codes;
  for (const Type& t : sample.inputs) codes.emplace_back(t.shape.begin(), t.shape.end());
  return codes;
}

// One symbol for every axis of one size, for each size; a symbol for each axis alone; and a symbol for every axis.
std::vector<Symbols> Choices(const OpSample& sample) {
  std::vector<Symbols> result;
  std::vector<int64_t> sizes;
  for (const Type& t : sample.inputs) sizes.insert(sizes.end(), t.shape.begin(), t.shape.end());
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  for (const char* name : {"time", "?"}) {
    for (int64_t size : sizes) {
      Symbols s{CodesOf(sample), {}};
      for (auto& axes : s.codes) {
        for (int64_t& d : axes) d = d == size ? SymbolFor(name, size, &s.sizes) : d;
      }
      result.push_back(std::move(s));
    }
  }
  Symbols all{CodesOf(sample), {}};
  for (size_t i = 0; i < sample.inputs.size(); ++i) {
    for (int a = 0; a < sample.inputs[i].shape.rank(); ++a) {
      Symbols one{CodesOf(sample), {}};
      one.codes[i][a] = SymbolFor("time", one.codes[i][a], &one.sizes);
      result.push_back(std::move(one));
      all.codes[i][a] = SymbolFor(absl::StrCat("d", i, "_", a), all.codes[i][a], &all.sizes);
    }
  }
  result.push_back(std::move(all));
  return result;
}

// The sample's attributes with the symbols in the place of their sizes, where a shape among them says so.
Attrs SymbolicAttrs(const OpSample& sample, const Symbols& symbols) {
  AttrList list = sample.attrs.list();
  for (Attr& attr : list) {
    auto* shape = std::get_if<Shape>(&attr.value);
    for (int a = 0; shape != nullptr && a < shape->rank(); ++a) {
      for (const auto& [symbol, size] : symbols.sizes.entries()) {
        if ((*shape)[a] == size) shape->set(a, Dim(SymbolName(symbol)));
      }
    }
  }
  const absl::StatusOr<Attrs> attrs = sample.op->parse_attrs(list, MissingAttrs::kError);
  return attrs.ok() ? *attrs : sample.attrs;
}

struct Count {
  int built = 0, ran = 0, refused = 0;
};

bool SameBits(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && (a.num_bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.num_bytes()) == 0);
}

// Runs the node of `graph` at these sizes, and the op alone with numbers in the place of symbols.
void CompareAt(const DimSizes& sizes, Graph* graph, NodeId id, const Executor& executor, Count* count) {
  const Node& node = graph->node(id);
  Feeds feeds;
  Types types;
  std::vector<Tensor> tensors;
  Dice dice(7, 0);
  for (ValueId v : node.inputs) {
    const Type type{graph->type(v).dtype, graph->type(v).shape.With(sizes)};
    if (type.shape.num_elements() > kMostElements) return;
    types.push_back(type);
    tensors.push_back(RandomTensor(type, &dice));
    feeds.emplace_back(Value(graph, v), tensors.back());
  }
  State state;
  const auto found = executor.Run(feeds, &state);
  const absl::StatusOr<ConcreteOp> op = AtSizes(*node.op, node.attrs, types, sizes);
  if (!op.ok()) {
    EXPECT_FALSE(found.ok()) << "with " << sizes.ToString() << " the op refuses what the plan does: " << op.status();
    ++count->refused;
    return;
  }
  const auto expected = RunOp(*node.op, op->attrs, types, op->outputs, tensors);
  ASSERT_EQ(found.ok(), expected.ok()) << sizes.ToString() << ": " << found.status() << " " << expected.status();
  if (!found.ok()) return;
  ++count->ran;
  for (size_t k = 0; k < found->size(); ++k) {
    EXPECT_EQ((*found)[k].type(), op->outputs[k]) << sizes.ToString();
    EXPECT_TRUE(SameBits((*found)[k], (*expected)[k])) << sizes.ToString() << ", output " << k;
  }
}

void Check(const OpSample& sample, const Symbols& symbols, Count* count) {
  Graph graph;
  absl::InlinedVector<ValueId, 3> inputs;
  for (size_t i = 0; i < sample.inputs.size(); ++i) {
    const Value x =
        graph.Input(absl::StrCat("x", i), sample.inputs[i].dtype, Shape(absl::MakeConstSpan(symbols.codes[i])));
    inputs.push_back(x.id());
  }
  const NodeId id = graph.AddNode(*sample.op, inputs, SymbolicAttrs(sample, symbols), std::source_location::current());
  if (id < 0) {
    // Refused, with a sentence that speaks of dimensions by their names, and not by their codes.
    EXPECT_EQ(std::string(graph.status().message()).find("-4611686018427"), std::string::npos) << graph.status();
    return;
  }
  ++count->built;
  Values fetches;
  for (size_t k = 0; k < graph.node(id).outputs.size(); ++k)
    fetches.emplace_back(&graph, ValueId{id, static_cast<int>(k)});
  SCOPED_TRACE(absl::StrCat(sample.op->name, " ", ToString(graph.node(id).attrs.list()), " ",
                            inputs.empty() ? "" : graph.type(inputs[0]).ToString(), " -> ",
                            fetches[0].type().ToString()));
  const auto executor = Executor::Create(fetches, {}, {.threads = 1});
  ASSERT_TRUE(executor.ok()) << executor.status();
  CompareAt(symbols.sizes, &graph, id, *executor, count);
  for (int64_t size : {0, 1, 2, 5, 8}) {
    DimSizes other;
    for (const auto& [symbol, was] : symbols.sizes.entries()) other.Set(symbol, size);
    CompareAt(other, &graph, id, *executor, count);
  }
}

TEST(SymbolicTest, EveryOpDoesWithSymbolsWhatItDoesWithNumbers) {
  Count count;
  int64_t choices = 0;
  for (const OpSamples& op : AllOpSamples()) {
    if (op.op->traits.random || HasFailure()) continue;
    int tried = 0;
    for (const OpSample& sample : op.samples) {
      if (++tried > kSamplesOfEachOp) break;
      for (const Symbols& symbols : Choices(sample)) Check(sample, symbols, &count), ++choices;
    }
  }
  RecordProperty("ran", count.ran);
  EXPECT_GT(count.built, choices / 3);
  EXPECT_GT(count.ran, choices);
  EXPECT_GT(count.refused, 100);
}

}  // namespace
}  // namespace adret::fuzz
