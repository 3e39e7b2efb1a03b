// Initialisers: the numbers a variable starts with.
//
//   Value w = graph.Variable("w", DType::kFloat32, {100, 784}, nn::HeUniform());
//   nn::Layer conv = nn::Conv2d(25, 3, {.initializer = nn::Orthogonal()});
//
// The numbers are drawn in f64, in row-major order, from the variable's own random sequence, and rounded to its dtype.
//
// Fans. Weights have their outputs on axis 0: [out, in] for dense layers and OIHW for filters. With r the product of
// the axes after the second, fan_in = dim(1) * r and fan_out = dim(0) * r (PyTorch's rule). A variable of rank 1 or 0
// counts as [n, 1].
#ifndef ADRET_NN_INITIALIZERS_H_
#define ADRET_NN_INITIALIZERS_H_

#include "adret/core/graph.h"

namespace adret::nn {

struct Fans {
  double in = 1;
  double out = 1;
};
Fans FansOf(const Shape& shape);

Initializer Zeros();
Initializer Ones();
Initializer Constant(double value);
// Draws from [lo, hi).
Initializer Uniform(double lo, double hi);
Initializer Normal(double mean, double stddev);
// Draws normal numbers, each again while it is further than two standard deviations from the mean.
Initializer TruncatedNormal(double mean, double stddev);

// Draws as Glorot and Bengio 2010: variance 2 / (fan_in + fan_out). Uniform in +-sqrt(6 / (fan_in + fan_out)).
Initializer GlorotUniform(double gain = 1);
Initializer GlorotNormal(double gain = 1);
// Draws as He et al. 2015, for layers that relu follows: variance 2 / fan_in. Uniform in +-sqrt(6 / fan_in). Weights
// that are laid out in another way than above (those of a transposed convolution) need a fan_in of their own; 0: the
// shape's.
Initializer HeUniform(double fan_in = 0);
Initializer HeNormal(double fan_in = 0);
// Draws as LeCun et al. 1998: uniform in +-1/sqrt(fan_in), variance 1 / (3 fan_in). What PyTorch's dense and
// convolutional layers start with.
Initializer LeCunUniform();

// Draws as Saxe et al. 2014: with the shape seen as a matrix [dim(0), rest], rows (or columns, whichever are fewer) are
// orthogonal and of length gain.
Initializer Orthogonal(double gain = 1);

}  // namespace adret::nn

#endif  // ADRET_NN_INITIALIZERS_H_
