// Random numbers as nodes, and dropout.
//
//   Value noise = RandomNormal(&graph, DType::kFloat32, {kAnyBatch, 10}, {.stddev = 0.1});
//   Value y = Dropout(x, {.rate = 0.5});
//   Value key = DrawKey(&graph), drawn = BernoulliOf(key, {.p = 0.1, .shape = {10}});   // the same for the same key
//
// The numbers are a pure function of the run's seed and step, the node's stream (each node has its own) and the
// element's index: the same for any number of threads, different in every step. Shapes may be symbolic. No gradient
// flows into them.
#ifndef ADRET_OPS_RANDOM_H_
#define ADRET_OPS_RANDOM_H_

#include <source_location>

#include "adret/core/graph.h"

namespace adret {

// What the attributes of all random nodes begin with. Filled in by the builders.
struct RandomAttrs {
  DType dtype = DType::kFloat32;
  Shape shape;
  int64_t stream = 0;
  template <class V>
  void Fields(V&& v) {
    v("dtype", dtype), v("shape", shape), v("stream", stream);
  }
};

struct RandomUniformAttrs {
  double lo = 0, hi = 1;  // finite, lo < hi
  RandomAttrs random = {};
  template <class V>
  void Fields(V&& v) {
    v("lo", lo), v("hi", hi), random.Fields(v);
  }
};
// Draws numbers uniformly from [lo, hi); f32 or f64.
Value RandomUniform(Graph* graph, DType dtype, const Shape& shape, RandomUniformAttrs attrs = {},
                    std::source_location location = std::source_location::current());
// Draws numbers for x's dtype and shape.
Value RandomUniformLike(Operand x, RandomUniformAttrs attrs = {});

struct RandomNormalAttrs {
  double mean = 0, stddev = 1;  // finite, stddev >= 0
  RandomAttrs random = {};
  template <class V>
  void Fields(V&& v) {
    v("mean", mean), v("stddev", stddev), random.Fields(v);
  }
};
// Draws normal (Gaussian) numbers; f32 or f64.
Value RandomNormal(Graph* graph, DType dtype, const Shape& shape, RandomNormalAttrs attrs = {},
                   std::source_location location = std::source_location::current());
Value RandomNormalLike(Operand x, RandomNormalAttrs attrs = {});

struct RandomBernoulliAttrs {
  double p = 0.5;  // in [0, 1]; to 24 bits
  RandomAttrs random = {};
  template <class V>
  void Fields(V&& v) {
    v("p", p), random.Fields(v);
  }
};
// Draws 1 with probability p, else 0; any dtype.
Value RandomBernoulli(Graph* graph, DType dtype, const Shape& shape, RandomBernoulliAttrs attrs = {},
                      std::source_location location = std::source_location::current());
Value RandomBernoulliLike(Operand x, RandomBernoulliAttrs attrs = {});

// Draws a key, i64[]: a number that other random numbers are a function of, so that several nodes can draw the same
// ones.
Value DrawKey(Graph* graph, std::source_location location = std::source_location::current());

struct BernoulliOfAttrs {
  double p = 0.5;  // in [0, 1]; to 24 bits
  DType dtype = DType::kFloat32;
  Shape shape;
  template <class V>
  void Fields(V&& v) {
    v("p", p), v("dtype", dtype), v("shape", shape);
  }
};
// Computes 1 with probability p, else 0, for each element of the shape: a function of the key and the element's place.
// key is i64; several keys, of any shape, give one after the other.
Value BernoulliOf(Operand key, const BernoulliOfAttrs& attrs);

struct DropoutOptions {
  double rate = 0.5;  // in [0, 1]
};
// Applies inverted dropout (Srivastava et al. 2014), as in training: each element is 0 with probability rate, else
// divided by 1 - rate. In inference leave it out. x is f32 or f64.
Value Dropout(Operand x, DropoutOptions options = {});

}  // namespace adret

#endif  // ADRET_OPS_RANDOM_H_
