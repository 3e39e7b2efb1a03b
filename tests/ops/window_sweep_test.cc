// Ten thousand random shapes of every op that slides a window, with its gradients and with what is fused to it, against
// loops that follow the definitions.
//
// Numbers are quarters of small integers, so that sums are exact in any order and results must equal the loops' bit by
// bit; only averages and Winograd's tiles are compared with a tolerance. A part of the rounds has one number that is
// not finite, which must reach the results that read it and no others. Padding is read as zeros.
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/kernels/conv/conv2d.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kShare = 20;
#else
constexpr int kShare = 1;
#endif

struct Array {
  Shape shape;
  std::vector<double> data;
  explicit Array(const Shape& s) : shape(s), data(s.num_elements()) {}
  double& at(int64_t n, int64_t c, int64_t h, int64_t w) {
    return data[((n * shape[1] + c) * shape[2] + h) * shape[3] + w];
  }
  double at(int64_t n, int64_t c, int64_t h, int64_t w) const { return const_cast<Array*>(this)->at(n, c, h, w); }
  Tensor As(DType dtype) const {
    Tensor t(DType::kFloat64, shape);
    std::copy(data.begin(), data.end(), t.mutable_data<double>().begin());
    return t.Cast(dtype);
  }
};

// ---- The definitions -----------------------------------------------------------------------------------------------

// Calls f(n, k, i, j, c, h, w, group channel, r, s) for every product of a convolution; (h, w) may lie outside of x.
template <class F>
void ForEachProduct(const Shape& w, const Shape& y, const Conv2dAttrs& a, F&& f) {
  for (int64_t n = 0; n < y[0]; ++n) {
    for (int64_t k = 0; k < y[1]; ++k) {
      const int64_t first = k / (y[1] / a.groups) * w[1];
      for (int64_t i = 0; i < y[2]; ++i) {
        for (int64_t j = 0; j < y[3]; ++j) {
          for (int64_t c = 0; c < w[1]; ++c) {
            for (int64_t r = 0; r < w[2]; ++r) {
              for (int64_t s = 0; s < w[3]; ++s) {
                f(n, k, i, j, first + c, i * a.stride[0] + r * a.dilation[0] - a.padding.top,
                  j * a.stride[1] + s * a.dilation[1] - a.padding.left, c, r, s);
              }
            }
          }
        }
      }
    }
  }
}
bool Inside(const Shape& x, int64_t h, int64_t w) { return h >= 0 && w >= 0 && h < x[2] && w < x[3]; }

Array ConvY(const Array& x, const Array& w, const Shape& y_shape, const Conv2dAttrs& a) {
  Array y(y_shape);
  ForEachProduct(w.shape, y_shape, a,
                 [&](auto n, auto k, auto i, auto j, auto c, auto h, auto v, auto g, auto r, auto s) {
                   if (Inside(x.shape, h, v)) y.at(n, k, i, j) += x.at(n, c, h, v) * w.at(k, g, r, s);
                 });
  return y;
}
Array ConvDx(const Array& dy, const Array& w, const Shape& x_shape, const Conv2dAttrs& a) {
  Array dx(x_shape);
  ForEachProduct(w.shape, dy.shape, a,
                 [&](auto n, auto k, auto i, auto j, auto c, auto h, auto v, auto g, auto r, auto s) {
                   if (Inside(x_shape, h, v)) dx.at(n, c, h, v) += dy.at(n, k, i, j) * w.at(k, g, r, s);
                 });
  return dx;
}
Array ConvDw(const Array& x, const Array& dy, const Shape& w_shape, const Conv2dAttrs& a) {
  Array dw(w_shape);
  ForEachProduct(w_shape, dy.shape, a,
                 [&](auto n, auto k, auto i, auto j, auto c, auto h, auto v, auto g, auto r, auto s) {
                   dw.at(k, g, r, s) += dy.at(n, k, i, j) * (Inside(x.shape, h, v) ? x.at(n, c, h, v) : 0.0);
                 });
  return dw;
}

// A pooling: the mean where attributes of averages are given, otherwise the maximum.
struct Pool {
  MaxPool2dAttrs max;
  std::optional<AvgPool2dAttrs> avg;

  Value Build(Value x) const { return avg.has_value() ? AvgPool2d(x, *avg) : MaxPool2d(x, max); }
  // Calls f(n, c, i, j, h, w) for every pixel of every window, in order, and `window` before those of each.
  template <class W, class F>
  void ForEach(const Shape& x, const Shape& y, W&& window, F&& f) const {
    for (int64_t n = 0; n < y[0]; ++n) {
      for (int64_t c = 0; c < y[1]; ++c) {
        for (int64_t i = 0; i < y[2]; ++i) {
          for (int64_t j = 0; j < y[3]; ++j) {
            window(n, c, i, j);
            for (int64_t r = 0; r < max.kernel[0]; ++r) {
              for (int64_t s = 0; s < max.kernel[1]; ++s) {
                const int64_t h = i * max.stride[0] + r * max.dilation[0] - max.padding.top;
                const int64_t w = j * max.stride[1] + s * max.dilation[1] - max.padding.left;
                if (Inside(x, h, w)) f(n, c, i, j, h, w);
              }
            }
          }
        }
      }
    }
  }
  // What pixels of a window are divided by.
  double Divisor(const Shape& x, int64_t i, int64_t j) const {
    double count = 0;
    for (int64_t r = 0; r < max.kernel[0]; ++r) {
      for (int64_t s = 0; s < max.kernel[1]; ++s) {
        const int64_t h = i * max.stride[0] + r - max.padding.top, w = j * max.stride[1] + s - max.padding.left;
        count +=
            avg->count_include_pad ? h < x[2] + max.padding.bottom && w < x[3] + max.padding.right : Inside(x, h, w);
      }
    }
    return count;
  }
  // y of x, and as linear maps that x determines: y of another, and its transpose.
  Array Y(const Array& x, const Array& other, const Shape& y_shape) const {
    Array y(y_shape), best(y_shape);
    const auto start = [&](auto n, auto c, auto i, auto j) { best.at(n, c, i, j) = std::nan("1"), first_ = true; };
    ForEach(x.shape, y_shape, start, [&](auto n, auto c, auto i, auto j, auto h, auto w) {
      if (avg.has_value()) {
        y.at(n, c, i, j) += other.at(n, c, h, w) / Divisor(x.shape, i, j);
      } else if (Takes(x.at(n, c, h, w), &best.at(n, c, i, j))) {
        y.at(n, c, i, j) = other.at(n, c, h, w);
      }
    });
    return y;
  }
  Array Dx(const Array& x, const Array& dy) const {
    Array dx(x.shape), best(dy.shape), at_h(dy.shape), at_w(dy.shape);
    const auto start = [&](auto n, auto c, auto i, auto j) { best.at(n, c, i, j) = std::nan("1"), first_ = true; };
    ForEach(x.shape, dy.shape, start, [&](auto n, auto c, auto i, auto j, auto h, auto w) {
      if (avg.has_value()) {
        dx.at(n, c, h, w) += dy.at(n, c, i, j) / Divisor(x.shape, i, j);
      } else if (Takes(x.at(n, c, h, w), &best.at(n, c, i, j))) {
        at_h.at(n, c, i, j) = h, at_w.at(n, c, i, j) = w;
      }
    });
    for (int64_t n = 0; !avg.has_value() && n < dy.shape[0]; ++n) {
      for (int64_t c = 0; c < dy.shape[1]; ++c) {
        for (int64_t i = 0; i < dy.shape[2]; ++i) {
          for (int64_t j = 0; j < dy.shape[3]; ++j) {
            dx.at(n, c, at_h.at(n, c, i, j), at_w.at(n, c, i, j)) += dy.at(n, c, i, j);
          }
        }
      }
    }
    return dx;
  }

 private:
  // The first of equal maxima; the first NaN, if there is one.
  bool Takes(double v, double* best) const {
    const bool better = first_ || v > *best || (std::isnan(v) && !std::isnan(*best));
    if (better) *best = v;
    first_ = false;
    return better;
  }
  mutable bool first_ = true;
};

// ---- Random cases --------------------------------------------------------------------------------------------------

class Sweep {
 public:
  Sweep(uint64_t seed, int round) : random_(seed, static_cast<uint32_t>(round)), round_(round) {
    dtype_ = round % 2 == 0 ? DType::kFloat32 : DType::kFloat64;
  }

  int64_t In(int64_t low, int64_t high) { return low + random_.Below(static_cast<uint32_t>(high - low + 1)); }
  bool Chance(uint32_t n) { return random_.Below(n) == 0; }

  Array Numbers(const Shape& shape) {
    Array a(shape);
    for (double& v : a.data) v = static_cast<double>(In(-8, 8)) / 4;
    return a;
  }
  // One number that is not finite, in one of the arrays.
  void Plant(std::vector<Array*> arrays) {
    Array& a = *arrays[random_.Below(arrays.size())];
    if (a.data.empty()) return;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double kNumbers[] = {std::nan(""), kInfinity, -kInfinity};
    a.data[random_.Below(a.data.size())] = kNumbers[random_.Below(3)];
  }

  // A convolution that is possible, of x and w.
  struct Convolution {
    Shape x, w, y;
    Conv2dAttrs attrs;
  };
  Convolution DrawConvolution(int64_t window) {
    Convolution c;
    Conv2dAttrs& a = c.attrs;
    a.groups = Chance(4) ? In(2, 3) : 1;
    const int64_t most = Chance(8) ? 18 : 4;
    c.x = {Chance(12) ? 0 : In(1, 3), a.groups * In(1, most), 0, 0};
    c.w = {a.groups * In(1, most), c.x[1] / a.groups, 0, 0};
    c.y = {c.x[0], c.w[0], 0, 0};
    std::array<int64_t, 4> pads{};  // top, left, bottom, right
    for (int64_t& pad : pads) pad = Chance(2) ? 0 : In(0, 3);
    const bool plain = window == 3 || window == 1;  // for methods that know no others
    if (window == 1) pads = {};
    for (int i = 0; i < 2; ++i) {
      c.w.set(2 + i, window > 0 ? window : Chance(8) ? In(5, 7) : In(1, 4));
      a.stride[i] = plain || Chance(2) ? 1 : Chance(6) ? In(4, 9) : In(2, 3);
      a.dilation[i] = plain || !Chance(4) ? 1 : In(2, 3);
      const int64_t extent = (c.w[2 + i] - 1) * a.dilation[i] + 1, padded = pads[i] + pads[2 + i];
      const int64_t least = std::max<int64_t>(extent - padded, window == 1 ? 1 : 0);
      c.x.set(2 + i, least + (Chance(4) ? 0 : In(0, i == 1 && Chance(5) ? 40 : 7)));
      c.y.set(2 + i, (c.x[2 + i] + padded - extent) / a.stride[i] + 1);
    }
    a.padding = Padding::Explicit(pads[0], pads[1], pads[2], pads[3]);
    return c;
  }

  // A pooling of images of this size; nullopt where the draw does not fit.
  std::optional<Pool> DrawPool(const Shape& x, Shape* y) {
    Pool pool;
    MaxPool2dAttrs& a = pool.max;
    const bool mean = Chance(2);
    std::array<int64_t, 4> pads{};
    *y = x;
    a.ceil_mode = Chance(3);
    for (int i = 0; i < 2; ++i) {
      a.kernel[i] = i == 1 && Chance(2) ? a.kernel[0] : In(1, 4);
      a.stride[i] = Chance(2) ? In(1, 2) : In(1, 5);
      a.dilation[i] = mean || !Chance(4) ? 1 : In(2, 3);
      if (Chance(2)) pads[i] = In(0, a.kernel[i] - 1), pads[2 + i] = In(0, a.kernel[i] - 1);
      const int64_t room = x[2 + i] + pads[i] + pads[2 + i] - (a.kernel[i] - 1) * a.dilation[i] - 1;
      if (room < 0) return std::nullopt;
      int64_t n = (a.ceil_mode ? room + a.stride[i] - 1 : room) / a.stride[i] + 1;
      if (a.ceil_mode && (n - 1) * a.stride[i] >= x[2 + i] + pads[i]) --n;
      y->set(2 + i, n);
      // A window without pixels is refused.
      for (int64_t o = 0; o < n; ++o) {
        bool pixels = false;
        for (int64_t r = 0; r < a.kernel[i]; ++r) {
          const int64_t at = o * a.stride[i] + r * a.dilation[i] - pads[i];
          pixels |= at >= 0 && at < x[2 + i];
        }
        if (!pixels) return std::nullopt;
      }
    }
    a.padding = Padding::Explicit(pads[0], pads[1], pads[2], pads[3]);
    if (mean) pool.avg = AvgPool2dAttrs{a.kernel, a.stride, a.padding, a.ceil_mode, Chance(2)};
    return pool;
  }

  // Runs the fetches, or some of them, and compares.
  struct Fetch {
    Value value;
    const Array* expected;
    const char* what;
  };
  void Compare(Graph* graph, const Feeds& feeds, std::vector<Fetch> fetches, double tolerance,
               const std::string& about) {
    if (Chance(3)) fetches = {fetches[random_.Below(fetches.size())]};
    Values values;
    for (const Fetch& f : fetches) values.push_back(f.value);
    ASSERT_TRUE(graph->status().ok()) << graph->status() << about;
    auto executor = Executor::Create(values, {}, {.threads = 1 + round_ / 2 % 2, .strict = Chance(8)});
    ASSERT_TRUE(executor.ok()) << executor.status() << about;
    const auto results = executor->Run(feeds);
    ASSERT_TRUE(results.ok()) << results.status() << about;
    for (size_t k = 0; k < fetches.size(); ++k) {
      const Array& expected = *fetches[k].expected;
      ASSERT_EQ((*results)[k].shape(), expected.shape) << about;
      for (size_t i = 0; i < expected.data.size(); ++i) {
        const double found = (*results)[k].At(i), e = expected.data[i];
        if (found == e || (std::isnan(found) && std::isnan(e))) continue;
        ASSERT_LE(std::abs(found - e), tolerance * std::max(1.0, std::abs(e)))
            << fetches[k].what << "[" << i << "] is " << found << " and not " << e << " in round " << round_ << about
            << "\n"
            << *executor->Explain();
      }
    }
  }

  double Tolerance(double factor) const { return factor * (dtype_ == DType::kFloat32 ? 1e-6 : 1e-14); }
  DType dtype() const { return dtype_; }
  int round() const { return round_; }

 private:
  RandomStream random_;
  const int round_;
  DType dtype_;
};

Array Map(Array a, double (*f)(double)) {
  for (double& v : a.data) v = f(v);
  return a;
}
Array Masked(Array d, const Array& y) {
  for (size_t i = 0; i < d.data.size(); ++i) d.data[i] = y.data[i] > 0 ? d.data[i] : 0;
  return d;
}
double Positive(double v) { return v > 0 ? v : 0; }

// (relu ->) convolution (+ bias (-> relu) (-> pooling)) with all gradients. linear: no relu, and no maximum.
void CheckConvolution(Sweep* s, int64_t window, bool linear, double tolerance) {
  const auto c = s->DrawConvolution(window);
  const Conv2dAttrs& a = c.attrs;
  const bool broken = s->Chance(4), relu_before = !linear && !broken && s->Chance(2);
  const bool bias = s->Chance(2), relu_after = bias && !linear && !broken && s->Chance(2);
  Shape z_shape = c.y;
  std::optional<Pool> pool;
  if (bias && s->Chance(2)) pool = s->DrawPool(c.y, &z_shape);
  if (pool.has_value() && linear && !pool->avg.has_value()) pool.reset();
  if (!pool.has_value()) z_shape = c.y;

  Array x = s->Numbers(c.x), w = s->Numbers(c.w), b = s->Numbers({1, c.w[0], 1, 1}), dz = s->Numbers(z_shape);
  if (broken) s->Plant({&x, &dz});
  // Forward.
  const Array h = relu_before ? Map(x, Positive) : x;
  Array u = ConvY(h, w, c.y, a);
  const int64_t plane = c.y[2] * c.y[3];
  for (size_t i = 0; bias && i < u.data.size(); ++i) u.data[i] += b.data[i / plane % c.w[0]];
  const Array y = relu_after ? Map(u, Positive) : u;
  const Array z = pool.has_value() ? pool->Y(y, y, z_shape) : y;
  // Backward.
  Array du = pool.has_value() ? pool->Dx(y, dz) : dz;
  if (relu_after) du = Masked(du, y);
  const Array dw = ConvDw(h, du, c.w, a);
  Array dx = ConvDx(du, w, c.x, a);
  if (relu_before) dx = Masked(dx, h);

  Graph graph;
  const Value vx = graph.Input("x", s->dtype(), c.x), vw = graph.Input("w", s->dtype(), c.w);
  const Value vb = graph.Input("b", s->dtype(), b.shape), vdz = graph.Input("dz", s->dtype(), z_shape);
  Value v = Conv2d(relu_before ? Relu(vx) : vx, vw, a);
  if (bias) v = v + vb;
  if (relu_after) v = Relu(v);
  if (pool.has_value()) v = pool->Build(v);
  const Values d = Gradients(v, {vx, vw}, {.seeds = {vdz}});
  Feeds feeds = {{vx, x.As(s->dtype())}, {vw, w.As(s->dtype())}, {vdz, dz.As(s->dtype())}};
  if (bias) feeds.emplace_back(vb, b.As(s->dtype()));
  // Every fetch needs the same feeds only where all are wanted; unread ones are left out by the executor's check.
  const double average = pool.has_value() && pool->avg.has_value() ? s->Tolerance(4) : 0;
  s->Compare(
      &graph, feeds, {{v, &z, "y"}, {d[0], &dx, "dx"}, {d[1], &dw, "dw"}}, std::max(average, tolerance),
      absl::StrCat(
          ": x ", c.x.ToString(), ", w ", c.w.ToString(), ", ", ToString(Attrs(a).list()),
          relu_before ? ", relu before" : "", bias ? ", bias" : "", relu_after ? ", relu" : "",
          pool.has_value() ? absl::StrCat(pool->avg ? ", avg " : ", max ", ToString(Attrs(pool->max).list())) : ""));
}

void SweepConvolutions(int rounds, uint64_t seed, int64_t window, std::optional<kernels::Conv2dMethod> method) {
  std::optional<kernels::ScopedConv2dMethod> forced;
  if (method.has_value()) forced.emplace(*method);
  const bool winograd = method == kernels::Conv2dMethod::kWinograd;
  for (int i = 0; i < rounds / kShare && !testing::Test::HasFatalFailure(); ++i) {
    Sweep sweep(seed, i);
    CheckConvolution(&sweep, window, winograd, winograd ? sweep.Tolerance(300) : 0);
  }
}

TEST(WindowSweep, Convolutions) { SweepConvolutions(2500, 1, 0, std::nullopt); }
TEST(WindowSweep, ConvolutionsByTaps) { SweepConvolutions(1500, 2, 0, kernels::Conv2dMethod::kTaps); }
TEST(WindowSweep, ConvolutionsByColumns) { SweepConvolutions(1500, 3, 0, kernels::Conv2dMethod::kColumns); }
TEST(WindowSweep, ConvolutionsOfOnePixel) { SweepConvolutions(500, 4, 1, kernels::Conv2dMethod::k1x1); }
TEST(WindowSweep, ConvolutionsByWinograd) { SweepConvolutions(1000, 5, 3, kernels::Conv2dMethod::kWinograd); }

TEST(WindowSweep, TransposedConvolutions) {
  for (int i = 0; i < 1000 / kShare && !HasFatalFailure(); ++i) {
    Sweep s(6, i);
    auto c = s.DrawConvolution(0);
    ConvTranspose2dAttrs t{c.attrs.stride, c.attrs.padding, {}, c.attrs.dilation, c.attrs.groups};
    bool possible = c.y[2] > 0 && c.y[3] > 0;
    for (int k = 0; k < 2; ++k) {
      t.output_padding[k] = s.In(0, t.stride[k] - 1);
      const int64_t cut = k == 0 ? t.padding.top + t.padding.bottom : t.padding.left + t.padding.right;
      const int64_t size = (c.y[2 + k] - 1) * t.stride[k] - cut + (c.w[2 + k] - 1) * t.dilation[k] + 1;
      c.x.set(2 + k, size + t.output_padding[k]);
      possible &= size >= 0;
    }
    if (!possible) continue;
    Array x = s.Numbers(c.y), w = s.Numbers(c.w), dz = s.Numbers(c.x);
    const bool broken = s.Chance(4), relu = !broken && s.Chance(2);
    if (broken) s.Plant({&x, &dz});
    const Array y = ConvDx(x, w, c.x, c.attrs), z = relu ? Map(y, Positive) : y, dy = relu ? Masked(dz, y) : dz;
    const Array dx = ConvY(dy, w, c.y, c.attrs), dw = ConvDw(dy, x, c.w, c.attrs);
    Graph graph;
    const Value vx = graph.Input("x", s.dtype(), c.y), vw = graph.Input("w", s.dtype(), c.w);
    const Value vdz = graph.Input("dz", s.dtype(), c.x);
    const Value conv = ConvTranspose2d(vx, vw, t), vz = relu ? Relu(conv) : conv;
    const Values d = Gradients(vz, {vx, vw}, {.seeds = {vdz}});
    s.Compare(&graph, {{vx, x.As(s.dtype())}, {vw, w.As(s.dtype())}, {vdz, dz.As(s.dtype())}},
              {{vz, &z, "y"}, {d[0], &dx, "dx"}, {d[1], &dw, "dw"}}, 0,
              absl::StrCat(": x ", c.y.ToString(), ", w ", c.w.ToString(), ", ", ToString(Attrs(c.attrs).list()),
                           relu ? ", relu" : ""));
  }
}

TEST(WindowSweep, Poolings) {
  int tried = 0;
  for (int i = 0; tried < 2000 / kShare && !HasFatalFailure(); ++i) {
    Sweep s(7, i);
    const Shape x_shape{s.In(0, 2), s.In(1, 3), s.In(1, 9), s.In(1, s.Chance(4) ? 40 : 9)};
    Shape y_shape;
    const auto pool = s.DrawPool(x_shape, &y_shape);
    if (!pool.has_value()) continue;
    ++tried;
    Array x = s.Numbers(x_shape), dy = s.Numbers(y_shape), v = s.Numbers(x_shape);
    if (s.Chance(3)) s.Plant({&x, &dy, &v});
    if (s.Chance(10)) std::fill(x.data.begin(), x.data.end(), -std::numeric_limits<double>::infinity());
    const Array y = pool->Y(x, x, y_shape), dx = pool->Dx(x, dy), ddy = pool->Y(x, v, y_shape);
    Graph graph;
    const Value vx = graph.Input("x", s.dtype(), x_shape), vdy = graph.Input("dy", s.dtype(), y_shape);
    const Value vv = graph.Input("v", s.dtype(), x_shape), vy = pool->Build(vx);
    const Value vdx = Gradients(vy, {vx}, {.seeds = {vdy}})[0];
    const Value vddy = Gradients(vdx, {vdy}, {.seeds = {vv}})[0];
    s.Compare(
        &graph, {{vx, x.As(s.dtype())}, {vdy, dy.As(s.dtype())}, {vv, v.As(s.dtype())}},
        {{vy, &y, "y"}, {vdx, &dx, "dx"}, {vddy, &ddy, "ddy"}}, pool->avg.has_value() ? s.Tolerance(2) : 0,
        absl::StrCat(": x ", x_shape.ToString(), pool->avg ? ", avg " : ", max ", ToString(Attrs(pool->max).list())));
  }
}

}  // namespace
}  // namespace adret
