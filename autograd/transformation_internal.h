// What the functions that transform graphs (Gradients, Jvp, Vmap, ...) ask of the values that they are given.
#ifndef ADRET_AUTOGRAD_TRANSFORMATION_INTERNAL_H_
#define ADRET_AUTOGRAD_TRANSFORMATION_INTERNAL_H_

#include <initializer_list>
#include <source_location>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

// Returns the graph that keeps the errors of a call with these values: theirs; of several graphs, which is an error,
// one with an error of its own, since that explains more. nullptr when no value has a graph.
Graph* GraphOf(std::initializer_list<absl::Span<const Value>> values);

// Returns whether one of ys depends on x through floating-point values.
bool Reaches(const Value& x, absl::Span<const Value> ys);

// One call of a transformation: its name, for errors, the graph and the place of the call.
class Transformation {
 public:
  Transformation(absl::string_view name, Graph* graph, std::source_location location)
      : name_(name), graph_(graph), location_(location) {}

  Graph* graph() const { return graph_; }
  std::source_location location() const { return location_; }
  bool ok() const { return graph_->status().ok(); }

  // Makes "<name>: <message>" the graph's error. Returns false.
  bool Fail(absl::string_view message) const;
  // Returns whether these are floating-point values of the graph; fails otherwise. what: "y", "x".
  bool CheckValues(absl::Span<const Value> values, absl::string_view what) const;
  // Returns whether each value has the type of its like; fails otherwise. what: "tangent".
  bool CheckLike(absl::Span<const Value> values, absl::Span<const Value> likes, absl::string_view what) const;
  // Returns whether a y depends on each x through floating-point values; fails, naming an x, otherwise.
  bool CheckReached(absl::Span<const Value> ys, absl::Span<const Value> xs) const;
  // Returns whether it is a number; fails otherwise.
  bool CheckScalar(const Value& y, absl::string_view what) const;

  // Returns values that lead to the graph's error.
  Values Invalid(size_t count) const { return Values(count, Value(graph_, {-1, 0})); }

 private:
  std::string name_;
  Graph* graph_;
  std::source_location location_;
};

}  // namespace adret

#endif  // ADRET_AUTOGRAD_TRANSFORMATION_INTERNAL_H_
