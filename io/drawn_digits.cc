#include "adret/io/drawn_digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/parallel.h"
#include "adret/core/random.h"
#include "adret/core/status.h"
#include "adret/io/digit_strokes_internal.h"

namespace adret::io {
namespace {

constexpr int kSide = 28;
constexpr int kPixels = kSide * kSide;
constexpr int kClasses = 10;
constexpr int64_t kMaxImages = 10'000'000;

// Streams of random numbers, apart from each other and from those of graphs, which count from 0.
enum Stream : uint32_t { kTrainStream = 0xD1610001, kTestStream = 0xD1610002, kNoise = 0x10 };

struct Point {
  float x = 0;
  float y = 0;
};

using Way = std::vector<Point>;  // one line, pen down
using Ways = std::vector<Way>;

// A smooth random field of displacements over the picture: uniform cubic B-splines over random numbers on a lattice.
// Its smoothness is that of Simard's Gaussian with a standard deviation of 4 pixels, at a hundredth of the cost.
class ElasticField {
 public:
  // strength: the standard deviation of the displacement, in pixels.
  ElasticField(float strength, RandomStream* random) {
    constexpr float kSplineGain = 0.479f * 0.577f;  // sum of squared spline weights, deviation of a number in [-1, 1]
    for (Point& p : lattice_) {
      p.x = static_cast<float>(random->Uniform(-1, 1)) * strength / kSplineGain;
      p.y = static_cast<float>(random->Uniform(-1, 1)) * strength / kSplineGain;
    }
  }

  Point At(Point p) const {
    const Weights x(p.x), y(p.y);
    Point sum;
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) {
        const Point& node = lattice_[(y.first + i) * kNodes + x.first + j];
        sum.x += y.w[i] * x.w[j] * node.x;
        sum.y += y.w[i] * x.w[j] * node.y;
      }
    }
    return sum;
  }

 private:
  static constexpr int kSpacing = 7;
  static constexpr int kNodes = kSide / kSpacing + 3;

  struct Weights {
    explicit Weights(float position) {
      const float u = std::clamp(position / kSpacing, 0.0f, kSide / kSpacing - 1e-3f);
      first = static_cast<int>(u);
      const float t = u - first, s = 1 - t;
      w = {s * s * s / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * s * s * s - 6 * s * s + 4) / 6, t * t * t / 6};
    }
    int first;
    std::array<float, 4> w;
  };

  std::array<Point, kNodes * kNodes> lattice_;
};

// Rotation, slant, stretch and shift, from the unit box to pixels.
class Affine {
 public:
  explicit Affine(RandomStream* random) {
    const double angle = 0.12 * random->Normal();
    const double slant = 0.12 + 0.22 * random->Normal();
    const double height = random->Uniform(16, 21), width = height * random->Uniform(0.55, 0.95);
    const double c = std::cos(angle), s = std::sin(angle);
    xx_ = static_cast<float>(c * width), xy_ = static_cast<float>((-c * slant - s) * height);
    yx_ = static_cast<float>(s * width), yy_ = static_cast<float>((-s * slant + c) * height);
    x0_ = static_cast<float>(kSide * 0.5 + std::clamp(0.9 * random->Normal(), -2.0, 2.0));
    y0_ = static_cast<float>(kSide * 0.5 + std::clamp(0.9 * random->Normal(), -2.0, 2.0));
  }

  Point operator()(Point p) const {
    const float x = p.x - 0.5f, y = p.y - 0.5f;
    return {x0_ + xx_ * x + xy_ * y, y0_ + yx_ * x + yy_ * y};
  }

 private:
  float xx_, xy_, yx_, yy_, x0_, y0_;
};

// The lines of a pen's way, split at corners and where the pen is up, every point shaken. A corner's two points move
// together.
Ways Shake(PenWay way, RandomStream* random) {
  constexpr double kShake = 0.028;
  Ways ways(1);
  for (size_t i = 0; i < way.size(); ++i) {
    if (way[i] == kPenUp) {
      ways.emplace_back();
    } else if (i > 0 && way[i] == way[i - 1]) {
      ways.push_back({ways.back().back()});
    } else {
      ways.back().push_back({way[i].x + static_cast<float>(kShake * random->Normal()),
                             way[i].y + static_cast<float>(kShake * random->Normal())});
    }
  }
  return ways;
}

// A Catmull-Rom spline through the points, as a fine polyline.
Way Smooth(const Way& way) {
  constexpr int kPieces = 6;
  const int n = static_cast<int>(way.size());
  Way fine{way[0]};
  for (int i = 0; i + 1 < n; ++i) {
    const Point &b = way[i], &c = way[i + 1];
    const Point a = i > 0 ? way[i - 1] : Point{2 * b.x - c.x, 2 * b.y - c.y};
    const Point d = i + 2 < n ? way[i + 2] : Point{2 * c.x - b.x, 2 * c.y - b.y};
    for (int k = 1; k <= kPieces; ++k) {
      const float t = static_cast<float>(k) / kPieces, t2 = t * t, t3 = t2 * t;
      const float wa = -t3 + 2 * t2 - t, wb = 3 * t3 - 5 * t2 + 2, wc = -3 * t3 + 4 * t2 + t, wd = t3 - t2;
      fine.push_back(
          {(wa * a.x + wb * b.x + wc * c.x + wd * d.x) / 2, (wa * a.y + wb * b.y + wc * c.y + wd * d.y) / 2});
    }
  }
  return fine;
}

struct Pen {
  float radius;    // pixels
  float softness;  // width of its edge in pixels
  float pressure;  // how much the radius varies along the way, relative
  float phase;
};

// Ink on paper: numbers in [0, 1].
class Canvas {
 public:
  // Draws the line from a to b with radii ra and rb; where lines overlap the darker one stays.
  void Line(Point a, Point b, float ra, float rb, float softness) {
    const float reach = std::max(ra, rb) + softness;
    const int x0 = Cell(std::min(a.x, b.x) - reach), x1 = Cell(std::max(a.x, b.x) + reach);
    const int y0 = Cell(std::min(a.y, b.y) - reach), y1 = Cell(std::max(a.y, b.y) + reach);
    const float dx = b.x - a.x, dy = b.y - a.y;
    const float inverse = 1 / std::max(dx * dx + dy * dy, 1e-6f);
    for (int y = y0; y <= y1; ++y) {
      for (int x = x0; x <= x1; ++x) {
        const float px = x + 0.5f - a.x, py = y + 0.5f - a.y;
        const float t = std::clamp((px * dx + py * dy) * inverse, 0.0f, 1.0f);
        const float ex = px - t * dx, ey = py - t * dy;
        const float inside = (ra + t * (rb - ra) - std::sqrt(ex * ex + ey * ey)) / softness + 0.5f;
        const float u = std::clamp(inside, 0.0f, 1.0f);
        float& pixel = ink_[y * kSide + x];
        pixel = std::max(pixel, u * u * (3 - 2 * u));
      }
    }
  }

  const std::array<float, kPixels>& ink() const { return ink_; }

 private:
  static int Cell(float position) { return std::clamp(static_cast<int>(std::floor(position)), 0, kSide - 1); }

  std::array<float, kPixels> ink_{};
};

void Draw(const Way& way, const Pen& pen, Canvas* canvas) {
  const auto radius = [&](size_t i) {
    return pen.radius * (1 + pen.pressure * std::sin(pen.phase + 0.12f * static_cast<float>(i)));
  };
  for (size_t i = 0; i + 1 < way.size(); ++i) {
    canvas->Line(way[i], way[i + 1], radius(i), radius(i + 1), pen.softness);
  }
}

// Ink and noise to bytes. The sum of a random word's four bytes is nearly normal.
void Develop(const std::array<float, kPixels>& ink, float darkness, float noise, RandomKey key, uint8_t* out) {
  constexpr float kMean = 2 * 255.0f, kDeviation = 147.8f;
  for (int i = 0; i < kPixels; i += 4) {
    const std::array<uint32_t, 4> words = key.Block(i / 4);
    for (int j = 0; j < 4; ++j) {
      const uint32_t w = words[j];
      const float sum = static_cast<float>((w & 255) + (w >> 8 & 255) + (w >> 16 & 255) + (w >> 24));
      const float pixel = darkness * ink[i + j] + noise * (sum - kMean) / kDeviation;
      out[i + j] = static_cast<uint8_t>(std::clamp(pixel, 0.0f, 1.0f) * 255 + 0.5f);
    }
  }
}

// Draws image `index` of a part and returns its label.
int DrawDigit(uint64_t seed, uint32_t stream, uint64_t index, uint8_t* out) {
  RandomStream random(RandomKey{seed, stream, index});
  const int digit = static_cast<int>(random.Below(kClasses));
  const absl::Span<const PenWay> styles = StylesOf(digit);
  Ways ways = Shake(styles[random.Below(static_cast<uint32_t>(styles.size()))], &random);
  const Affine affine(&random);
  const ElasticField field(static_cast<float>(random.Uniform(0.3, 1.1)), &random);
  const Pen pen{.radius = static_cast<float>(random.Uniform(0.75, 1.75)),
                .softness = static_cast<float>(random.Uniform(0.9, 1.7)),
                .pressure = static_cast<float>(random.Uniform(0, 0.3)),
                .phase = static_cast<float>(random.Uniform(0, 6.2832))};
  Canvas canvas;
  for (const Way& way : ways) {
    Way fine = Smooth(way);
    for (Point& p : fine) {
      p = affine(p);
      const Point shift = field.At(p);
      p = {p.x + shift.x, p.y + shift.y};
    }
    Draw(fine, pen, &canvas);
  }
  const auto darkness = static_cast<float>(random.Uniform(0.85, 1.05));
  const auto noise = static_cast<float>(random.Uniform(0, 0.05));
  Develop(canvas.ink(), darkness, noise, RandomKey{seed, stream + kNoise, index}, out);
  return digit;
}

Dataset DrawPart(int64_t n, uint64_t seed, uint32_t stream) {
  constexpr int64_t kGrain = 16;
  Dataset part{Tensor(DType::kUint8, {n, 1, kSide, kSide}), Tensor(DType::kInt64, {n})};
  uint8_t* images = part.images.mutable_data<uint8_t>().data();
  int64_t* labels = part.labels.mutable_data<int64_t>().data();
  ParallelFor(n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) labels[i] = DrawDigit(seed, stream, i, images + i * kPixels);
  });
  return part;
}

}  // namespace

absl::StatusOr<TrainAndTest> DrawnDigits(const DrawnDigitsOptions& options) {
  for (const int64_t n : {options.train, options.test}) {
    if (n >= 1 && n <= kMaxImages) continue;
    return absl::InvalidArgumentError(absl::StrCat("cannot draw ", n, " digits; possible are 1 to ", kMaxImages));
  }
  return TrainAndTest{DrawPart(options.train, options.seed, kTrainStream),
                      DrawPart(options.test, options.seed, kTestStream)};
}

}  // namespace adret::io
