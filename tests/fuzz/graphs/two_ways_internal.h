// TwoWays: the graph in which a function is computed in both ways of a law (laws.h), under construction.
#ifndef ADRET_TESTS_FUZZ_GRAPHS_TWO_WAYS_INTERNAL_H_
#define ADRET_TESTS_FUZZ_GRAPHS_TWO_WAYS_INTERNAL_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adret/core/dim.h"
#include "adret/tests/fuzz/graphs/generate.h"
#include "adret/tests/fuzz/graphs/graph_case.h"

namespace adret::fuzz {

struct Law {
  std::string name;
  std::function<std::optional<GraphCase>(const GraphCase&)> apply;
};
// Vmap(), loops, branches, Recompute(): one function many times, or at another time.
std::vector<Law> LawsOfTransformations();
// Derivatives of one function at one place.
std::vector<Law> LawsOfDerivatives();

// The values that are f32 or f64.
Values Floating(const Values& values);

// A case's fetches as a function of its inputs.
class Function {
 public:
  // gradients: the results are followed by the gradients of their sum.
  Function(const GraphCase& c, bool gradients) : case_(c), gradients_(gradients) {}

  // The function of other values, in their graph.
  Values operator()(Graph* graph, Values args) const;
  bool HasGradient() const;

 private:
  const GraphCase& case_;
  const bool gradients_;
};

class TwoWays {
 public:
  explicit TwoWays(const GraphCase& c);

  // Returns the graph that `build` makes of both ways; nothing where that says, or the function shows, that the law
  // says nothing.
  std::optional<GraphCase> Run(const std::function<bool()>& build);

 protected:
  // An input of the function: in the first way one value, in the second perhaps one for each example or step.
  struct Leaf {
    Value whole;
    Values parts;   // the whole alone where axis is -1
    int axis = -1;  // of the parts in the whole
  };

  Graph* graph() { return both_.graph.get(); }
  bool ok() { return graph()->status().ok(); }

  // Draws that belong to one input of the function.
  Dice DiceOf(const Value& input) const;

  Value AddInput(const std::string& name, const Type& type, const Tensor& numbers);
  // Further inputs of the types of values, which may be symbolic.
  Value AddLike(const Value& like);
  Values AddLike(const Values& likes);
  Leaf AddWhole(const Value& input);
  std::vector<Leaf> AddWholes();
  // dim: `parts`, or a symbol for it.
  Leaf AddParts(const Value& input, int64_t parts, int64_t dim, int axis);
  // How many examples or steps there are: a number, or a symbol that stands for it.
  int64_t DimFor(const char* symbol, int64_t size);

  static Values Wholes(const std::vector<Leaf>& leaves);
  // The function's arguments for part k.
  static Values Part(const std::vector<Leaf>& leaves, int64_t k);

  void Equal(const Values& a, const Values& b);
  // Says that both ways are equal, and asks the same of their gradients, and perhaps of theirs.
  void EqualWithGradients(Values first, Values second, const std::vector<Leaf>& leaves);

  const GraphCase& base_;
  const Values inputs_;
  Dice dice_;
  DimSizes sizes_;
  GraphCase both_;
};

// Returns the law that a member function of a class of laws says.
template <class Laws>
Law LawOf(std::string name, bool (Laws::*build)()) {
  return {std::move(name), [build](const GraphCase& c) {
            Laws laws(c);
            return laws.Run([&] { return (laws.*build)(); });
          }};
}

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_TWO_WAYS_INTERNAL_H_
