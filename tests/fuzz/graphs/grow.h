// Grower: adds random nodes to a graph, or to the body of a loop, or to a function of one example.
//
//   Grower grower(&graph, setting, &dice, leaf);
//   grower.AddLeaf({DType::kFloat64, {3}});
//   grower.AddStep();                          // a node, or several, of values in the pool
//
// A node's op and attributes come from a sample (op_samples.h), its sizes are replaced by others, and its inputs are
// values of the pool, where some fit, or new leaves. The op's type rule decides what can be built. Each node is run as
// it is added, and stays only where its numbers are ordinary.
#ifndef ADRET_TESTS_FUZZ_GRAPHS_GROW_H_
#define ADRET_TESTS_FUZZ_GRAPHS_GROW_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "adret/tests/fuzz/graphs/generate.h"
#include "adret/tests/fuzz/graphs/graph_case.h"
#include "adret/tests/fuzz/graphs/op_samples.h"

namespace adret::fuzz {

// What is the same in all parts of a case.
struct Setting {
  DType floating = DType::kFloat64;
  std::vector<int64_t> sizes;
  std::vector<int64_t> symbols;  // codes of dimensions that leaves may have
  DimSizes run;                  // the symbols' sizes in the first run
  uint64_t seed = 1;
  bool large = false, special = false;  // special: infinities and NaN are ordinary
  bool random = true;                   // whether nodes may draw random numbers
  bool data_only = true;                // whether nodes may have dtypes that only hold data
  bool parts = true;     // whether nodes may be what only rules build, and which expect inputs that go together
  double functions = 0;  // how often a step is a loop, a branch or a Vmap()

  Shape RandomShape(Dice* dice) const;
  bool Fits(const Shape& shape) const;
};

class Grower {
 public:
  struct Item {
    Value value;
    Tensor tensor;  // for the first run
  };
  // Adds a leaf of the type with these numbers. Invalid where that cannot be: for a symbolic shape.
  using LeafMaker = std::function<Value(const Type&, const Tensor&)>;

  // The setting, the dice and the graph must outlive the grower.
  Grower(Graph* graph, const Setting& setting, Dice* dice, LeafMaker leaf)
      : graph_(graph), setting_(setting), dice_(*dice), leaf_(std::move(leaf)) {}

  // The values there are. Items stay where they are.
  const std::deque<Item>& pool() const { return pool_; }
  // Takes in a value of the graph whose numbers are known.
  void Add(const Value& value, const Tensor& tensor) { pool_.push_back({value, tensor}); }
  // Adds a leaf of this type, or of another where it is too large.
  const Item& AddLeaf(Type type);
  // Adds one more node, or the nodes of a loop, a branch or a Vmap(), unless nothing fitted several times.
  void AddStep();

 private:
  using Dims = std::map<int64_t, int64_t>;  // a sample's dimension -> the one in its place

  bool AddNodeLike(const OpSample& sample);
  Item ItemFor(const Type& type, const Shape& like);
  Item ItemOf(const Type& type);
  Shape Replaced(const Shape& shape, Dims* dims);
  Attrs ChangedAttrs(const OpSample& sample, const Dims& dims);
  bool Append(const Op& op, const Attrs& attrs, const std::vector<Item>& inputs);
  bool IsOrdinary(const Tensor& t) const;

  // grow_functions.cc: nodes that hold functions of values, and functions applied to examples.
  bool AddFunction();
  bool AddScan();
  bool AddIf();
  bool AddWhile();
  bool AddVmap();
  // Adds values that new nodes compute from the pool to it, where their numbers are ordinary.
  bool AddComputed(const Values& values);
  // A grower of a part, which adds to another graph or takes its values from elsewhere: leaves are constants.
  Grower Part(Graph* graph, const Setting& setting) const;
  // A setting for bodies, and a grower of the body that is being written, which sees these items.
  Setting BodySetting() const;
  Grower BodyPart(const Setting& setting, const std::vector<Item>& captured) const;
  std::vector<Item> SomeItems(std::initializer_list<int> counts);
  Value Condition();
  Values NextCarry(const Values& carry);
  Value ValueLike(const Value& like);
  Value ValueOf(const Type& type);
  Values SomeValues(int n);
  Item ItemWithRank();

  Graph* graph_;
  const Setting& setting_;
  Dice& dice_;
  LeafMaker leaf_;
  std::deque<Item> pool_;
};

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_GROW_H_
