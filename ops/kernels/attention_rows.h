// Loops of attention over single rows of scores and of results. Single-threaded.
#ifndef ADRET_OPS_KERNELS_ATTENTION_ROWS_H_
#define ADRET_OPS_KERNELS_ATTENTION_ROWS_H_

#include <cstdint>
#include <limits>

namespace adret::kernels {

// What is known of a query after some of its keys: the largest score, and the sum of exp(score - max).
template <class T>
struct ScoreSum {
  T max = -std::numeric_limits<T>::infinity();
  double sum = 0;
};

// Replaces n scores by their weights exp(scale s - max), where max is the largest scaled score so far, these included,
// and adds them to the sum. A score of -infinity has weight 0. Returns the factor that brings earlier weights to the
// new max. After a score that is NaN or +infinity everything is NaN.
float WeighScores(int64_t n, float scale, float* s, ScoreSum<float>* sum);
double WeighScores(int64_t n, double scale, double* s, ScoreSum<double>* sum);

// What the gradient of a row of scores is made of: s is scaled, and the score's gradient is multiplied by `gain`.
template <class T>
struct ScoreGrad {
  T scale, gain, lse, delta;
};
// Replaces s by p = exp(scale s - lse), and dp by gain p (dp - delta); both by 0 where a score is -infinity.
void WeighScoresGrad(int64_t n, const ScoreGrad<float>& g, float* s, float* dp);
void WeighScoresGrad(int64_t n, const ScoreGrad<double>& g, double* s, double* dp);

// What becomes of a weight with a word of random bits: w factor where bits >> 8 is below the threshold, else 0,
// whatever w is.
template <class T>
struct DropRule {
  uint32_t threshold = 0;
  T factor = 1;
};
// Drops some of n weights. bits: words as FillBernoulli() draws them, readable up to n + kDropPadding.
constexpr int64_t kDropPadding = 64;
void DropWeights(int64_t n, const DropRule<float>& rule, const uint32_t* bits, float* w);
void DropWeights(int64_t n, const DropRule<double>& rule, const uint32_t* bits, double* w);

// y *= factor
void ScaleRow(int64_t n, float factor, float* y);
void ScaleRow(int64_t n, double factor, double* y);

// Returns whether there is a NaN among n numbers.
bool HasNan(int64_t n, const float* x);
bool HasNan(int64_t n, const double* x);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_ATTENTION_ROWS_H_
