#include "adret/nn/initializers.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "adret/core/random.h"

namespace adret::nn {
namespace {

// A tensor whose elements are draw(stream), one after the other.
template <class Draw>
Tensor Filled(const Type& type, RandomKey key, Draw draw) {
  RandomStream stream(key);
  Tensor result(type.dtype, type.shape);
  VisitDType(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& x : result.mutable_data<T>()) x = static_cast<T>(draw(stream));
  });
  return result;
}

// An initialiser that is uniform in +-bound(fans).
template <class Bound>
Initializer UniformByFans(Bound bound) {
  return [bound](const Type& type, RandomKey key) {
    const double b = bound(FansOf(type.shape));
    return Uniform(-b, b)(type, key);
  };
}

template <class Stddev>
Initializer NormalByFans(Stddev stddev) {
  return [stddev](const Type& type, RandomKey key) { return Normal(0, stddev(FansOf(type.shape)))(type, key); };
}

double Dot(const double* a, const double* b, int64_t n) { return std::inner_product(a, a + n, b, 0.0); }

// Makes `count` vectors of `length` >= count numbers orthonormal (modified Gram-Schmidt, twice: "twice is enough",
// Giraud et al. 2005).
void Orthonormalize(int64_t count, int64_t length, std::vector<double>& v) {
  for (int64_t i = 0; i < count; ++i) {
    double* vi = v.data() + i * length;
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t j = 0; j < i; ++j) {
        const double* vj = v.data() + j * length;
        const double along = Dot(vi, vj, length);
        for (int64_t k = 0; k < length; ++k) vi[k] -= along * vj[k];
      }
    }
    const double norm = std::sqrt(Dot(vi, vi, length));
    for (int64_t k = 0; k < length; ++k) vi[k] /= norm;
  }
}

}  // namespace

Fans FansOf(const Shape& shape) {
  const double out = shape.rank() > 0 ? static_cast<double>(shape[0]) : 1;
  const double in = shape.rank() > 1 ? static_cast<double>(shape[1]) : 1;
  double receptive = 1;
  for (int axis = 2; axis < shape.rank(); ++axis) receptive *= static_cast<double>(shape[axis]);
  return {std::max(1.0, in * receptive), std::max(1.0, out * receptive)};
}

Initializer Constant(double value) {
  return [value](const Type& type, RandomKey) { return Tensor::Full(type.dtype, type.shape, value); };
}
Initializer Zeros() { return Constant(0); }
Initializer Ones() { return Constant(1); }

Initializer Uniform(double lo, double hi) {
  return [lo, hi](const Type& type, RandomKey key) {
    return Filled(type, key, [&](RandomStream& stream) { return stream.Uniform(lo, hi); });
  };
}

Initializer Normal(double mean, double stddev) {
  return [mean, stddev](const Type& type, RandomKey key) {
    return Filled(type, key, [&](RandomStream& stream) { return mean + stddev * stream.Normal(); });
  };
}

Initializer TruncatedNormal(double mean, double stddev) {
  return [mean, stddev](const Type& type, RandomKey key) {
    return Filled(type, key, [&](RandomStream& stream) {
      double z = stream.Normal();
      while (std::abs(z) > 2) z = stream.Normal();
      return mean + stddev * z;
    });
  };
}

Initializer GlorotUniform(double gain) {
  return UniformByFans([gain](const Fans& fans) { return gain * std::sqrt(6 / (fans.in + fans.out)); });
}
Initializer GlorotNormal(double gain) {
  return NormalByFans([gain](const Fans& fans) { return gain * std::sqrt(2 / (fans.in + fans.out)); });
}
Initializer HeUniform(double fan_in) {
  return UniformByFans([fan_in](const Fans& fans) { return std::sqrt(6 / (fan_in > 0 ? fan_in : fans.in)); });
}
Initializer HeNormal(double fan_in) {
  return NormalByFans([fan_in](const Fans& fans) { return std::sqrt(2 / (fan_in > 0 ? fan_in : fans.in)); });
}
Initializer LeCunUniform() {
  return UniformByFans([](const Fans& fans) { return std::sqrt(1 / fans.in); });
}

Initializer Orthogonal(double gain) {
  return [gain](const Type& type, RandomKey key) {
    const int64_t elements = type.shape.num_elements();
    const int64_t rows = type.shape.rank() > 0 ? type.shape[0] : 1;
    const int64_t columns = rows > 0 ? elements / rows : 0;
    const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
    RandomStream stream(key);
    std::vector<double> v(elements);
    for (double& x : v) x = stream.Normal();
    Orthonormalize(count, length, v);
    Tensor result(type.dtype, type.shape);
    VisitDType(type.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      absl::Span<T> out = result.mutable_data<T>();
      for (int64_t i = 0; i < count; ++i) {
        for (int64_t k = 0; k < length; ++k) {
          out[rows <= columns ? i * length + k : k * count + i] = static_cast<T>(gain * v[i * length + k]);
        }
      }
    });
    return result;
  };
}

}  // namespace adret::nn
