#include "adret/ops/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "adret/core/parallel.h"
#include "adret/core/rounding.h"
#include "adret/core/tensor.h"
#include "adret/ops/kernels/attention_rows.h"
#include "adret/ops/kernels/random.h"
#include "adret/ops/kernels/tile_gemm.h"

namespace adret::kernels {
namespace {

// Blocks of scores are at most this large, so that they and what they are multiplied with stay in the second-level
// cache.
constexpr int64_t kQueryRows = 64, kKeyRows = 192;
// Queries or keys of one head share a task until it is worth its overhead.
constexpr double kProductsPerTask = 5e5;
// With fewer heads than that, gradients of queries and of keys are separate tasks for each block: scores are computed
// twice, but there is work for all threads.
constexpr int64_t kFewHeads = 8;
// Blocks of queries that go through the keys together where there are this many in all.
constexpr int64_t kBlocksTogether = 8, kManyTasks = 64;

// Blocks of equal size, but for the last: at most `most` rows each, whole tiles of the products of matrices.
constexpr int64_t kTileRows = 64;
int64_t RowsOfBlocks(int64_t n, int64_t most) {
  return n <= most ? std::max<int64_t>(n, 1) : RoundUp(CeilDiv(n, CeilDiv(n, most)), kTileRows);
}

}  // namespace

int64_t RepeatedAxes::Offset(int64_t i) const {
  int64_t offset = 0;
  for (size_t a = dims.size(); a-- > 0;) {
    offset += i % dims[a] * strides[a];
    i /= dims[a];
  }
  return offset;
}

template <class T>
Attention<T>::Attention(const AttentionShape& shape)
    : s_(shape),
      query_rows_(RowsOfBlocks(shape.queries, kQueryRows)),
      key_rows_(RowsOfBlocks(shape.keys, kKeyRows)),
      query_blocks_(CeilDiv(shape.queries, query_rows_)),
      key_blocks_(CeilDiv(shape.keys, key_rows_)) {
  drop_.threshold = static_cast<uint32_t>(std::lround((1 - shape.dropout) * 0x1p24));
  drop_.factor = static_cast<T>(1 / (1 - shape.dropout));
}

template <class T>
double Attention<T>::products() const {
  return static_cast<double>(s_.heads) * static_cast<double>(s_.queries) * static_cast<double>(s_.keys);
}

template <class T>
int64_t Attention<T>::scratch_bytes(bool gradients) const {
  const int64_t rows = query_rows_ + s_.features + (gradients ? query_rows_ + s_.values : 0);
  return bits_bytes() + rows * key_rows_ * static_cast<int64_t>(sizeof(T));
}

template <class T>
int64_t Attention<T>::bits_bytes() const {
  if (!drops()) return 0;
  return RoundUp((key_rows_ + 8 + kDropPadding) * static_cast<int64_t>(sizeof(uint32_t)), int64_t{kAlignment});
}

template <class T>
typename Attention<T>::Blocks Attention<T>::BlocksIn(void* scratch) const {
  Blocks b{};
  if (drops()) b.bits = static_cast<uint32_t*>(scratch);
  b.s = reinterpret_cast<T*>(static_cast<char*>(scratch) + bits_bytes());
  b.keys = b.s + query_rows_ * key_rows_;
  b.ds = b.keys + s_.features * key_rows_, b.values = b.ds + query_rows_ * key_rows_;
  return b;
}

template <class T>
void Attention<T>::Transpose(const T* from, const Range& keys, int64_t width, T* to) const {
  TransposeTile(keys.size(), width, from + keys.begin * width, width, to, key_rows_);
}

template <class T>
void Attention<T>::TimesTransposed(const T* rows, int64_t n, int64_t width, const T* transposed, const Range& keys,
                                   T* y) const {
  TileGemm<T> g{.m = n, .n = keys.size(), .k = width, .a = rows, .row = width, .b = transposed, .ldb = key_rows_};
  g.c = y, g.ldc = keys.size();
  g.Run();
}

template <class T>
const uint32_t* Attention<T>::DrawBits(const Head& h, int64_t query, int64_t key, int64_t n, uint32_t* bits) const {
  const uint64_t word = h.first_word + static_cast<uint64_t>(query * s_.keys + key), skipped = word % 4;
  RandomWords(h.random, word / 4, CeilDiv(n + static_cast<int64_t>(skipped), 4), bits);
  return bits + skipped;
}

template <class T>
T Attention<T>::KeptShare(const Head& h, int64_t query, int64_t key) const {
  if (!drops()) return 1;
  const uint64_t word = h.first_word + static_cast<uint64_t>(query * s_.keys + key);
  return h.random.Block(word / 4)[word % 4] >> 8 < drop_.threshold ? drop_.factor : T{0};
}

template <class T>
typename Attention<T>::Head Attention<T>::HeadOf(const Inputs& in, int64_t head) const {
  Head h{};
  h.q = in.q + head * s_.queries * s_.features, h.k = in.k + head * s_.keys * s_.features;
  h.v = in.v + head * s_.keys * s_.values;
  if (drops()) {
    h.random.seed = static_cast<uint64_t>(in.seeds[s_.examples.Offset(head / s_.heads_of_example)]);
    h.first_word = static_cast<uint64_t>(head % s_.heads_of_example * s_.queries * s_.keys);
  }
  const int64_t offset = s_.mask.heads.Offset(head);
  if (s_.mask.additive) {
    h.add = static_cast<const T*>(in.mask) + offset;
  } else {
    const uint8_t* keep = static_cast<const uint8_t*>(in.mask) + offset;
    const bool one = s_.mask.query_stride == 0 && s_.mask.key_stride == 0;
    if (!one || *keep == 0) h.keep = keep;
  }
  return h;
}

template <class T>
typename Attention<T>::Range Attention<T>::QueryBlock(int64_t block) const {
  return {block * query_rows_, std::min(s_.queries, (block + 1) * query_rows_)};
}

template <class T>
typename Attention<T>::Range Attention<T>::KeyBlock(int64_t block) const {
  return {block * key_rows_, std::min(s_.keys, (block + 1) * key_rows_)};
}

template <class T>
int64_t Attention<T>::Seen(int64_t query, const Range& keys) const {
  return s_.causal ? std::clamp<int64_t>(query + 1 - keys.begin, 0, keys.size()) : keys.size();
}

template <class T>
T Attention<T>::Scores(const Head& h, const Range& queries, const Range& keys, const Blocks& blocks) const {
  const T scale = static_cast<T>(s_.scale);
  T* s = blocks.s;
  TimesTransposed(h.q + queries.begin * s_.features, queries.size(), s_.features, blocks.keys, keys, s);
  if (h.keep == nullptr && h.add == nullptr) return scale;
  const int64_t step = s_.mask.key_stride;
  for (int64_t i = queries.begin; i < queries.end; ++i, s += keys.size()) {
    const int64_t seen = Seen(i, keys), first = i * s_.mask.query_stride + keys.begin * step;
    if (h.add != nullptr) {
      for (int64_t j = 0; j < seen; ++j) s[j] = s[j] * scale + h.add[first + j * step];
    } else {
      for (int64_t j = 0; j < seen; ++j) {
        s[j] = h.keep[first + j * step] != 0 ? s[j] * scale : -std::numeric_limits<T>::infinity();
      }
    }
  }
  return 1;
}

template <class T>
T Attention<T>::Score(const Head& h, int64_t query, int64_t key) const {
  const T *q = h.q + query * s_.features, *k = h.k + key * s_.features;
  const int64_t place = query * s_.mask.query_stride + key * s_.mask.key_stride;
  if (h.keep != nullptr && h.keep[place] == 0) return -std::numeric_limits<T>::infinity();
  T sum = 0;
  for (int64_t e = 0; e < s_.features; ++e) sum += q[e] * k[e];
  sum *= static_cast<T>(s_.scale);
  return h.add == nullptr ? sum : sum + h.add[place];
}

// ---- Forward ----------------------------------------------------------------------------------------------------

template <class T>
void Attention<T>::Forward(const Inputs& in, const Results& out, Scratch scratch) const {
  // Blocks of queries that share the transposed keys, as long as there is work for all threads.
  const int64_t together = s_.heads * query_blocks_ >= kManyTasks ? kBlocksTogether : 1;
  const int64_t groups = CeilDiv(query_blocks_, together);
  const double products = static_cast<double>(together * query_rows_ * s_.keys) * (s_.features + s_.values);
  const int64_t grain = std::clamp<int64_t>(static_cast<int64_t>(kProductsPerTask / std::max(products, 1.0)), 1, 4096);
  ParallelFor(s_.heads * groups, grain, [&](int64_t begin, int64_t end) {
    const Blocks blocks = BlocksIn(scratch());
    for (int64_t task = begin; task < end; ++task) {
      const int64_t head = task / groups, first = task % groups * together;
      ForwardBlocks(HeadOf(in, head), {first, std::min(first + together, query_blocks_)},
                    out.y + head * s_.queries * s_.values, out.lse + head * s_.queries, blocks);
    }
  });
}

template <class T>
void Attention<T>::ForwardBlocks(const Head& h, const Range& query_blocks, T* y, T* lse, const Blocks& blocks) const {
  ScoreSum<T> sums[kBlocksTogether * kQueryRows];
  const int64_t first = QueryBlock(query_blocks.begin).begin, last = QueryBlock(query_blocks.end - 1).end - 1;
  for (int64_t block = 0; block < key_blocks_; ++block) {
    const Range keys = KeyBlock(block);
    if (Seen(last, keys) == 0) break;
    Transpose(h.k, keys, s_.features, blocks.keys);
    for (int64_t q = query_blocks.begin; q < query_blocks.end; ++q) {
      const Range queries = QueryBlock(q);
      if (Seen(queries.end - 1, keys) == 0) continue;
      ForwardBlock(h, queries, keys, y, sums + (queries.begin - first), blocks);
    }
  }
  for (int64_t q = query_blocks.begin; q < query_blocks.end; ++q) {
    FinishBlock(h, QueryBlock(q), sums + (QueryBlock(q).begin - first), y, lse);
  }
}

template <class T>
void Attention<T>::ForwardBlock(const Head& h, const Range& queries, const Range& keys, T* y, ScoreSum<T>* sums,
                                const Blocks& blocks) const {
  const int64_t values = s_.values;
  T* const rows = y + queries.begin * values;
  const T scale = Scores(h, queries, keys, blocks);
  for (int64_t i = 0; i < queries.size(); ++i) {
    T* const row = blocks.s + i * keys.size();
    const int64_t seen = Seen(queries.begin + i, keys);
    const T factor = WeighScores(seen, scale, row, &sums[i]);
    if (drops()) DropWeights(seen, drop_, DrawBits(h, queries.begin + i, keys.begin, seen, blocks.bits), row);
    std::fill(row + seen, row + keys.size(), T{0});
    if (keys.begin > 0 && factor != 1) ScaleRow(values, factor, rows + i * values);
  }
  TileGemm<T> g{.m = queries.size(), .n = values, .k = keys.size(), .a = blocks.s, .row = keys.size()};
  g.b = h.v + keys.begin * values, g.ldb = values;
  g.c = rows, g.ldc = values, g.add = keys.begin > 0;
  g.Run();
}

template <class T>
void Attention<T>::FinishBlock(const Head& h, const Range& queries, const ScoreSum<T>* sums, T* y, T* lse) const {
  const int64_t values = s_.values;
  T* const rows = y + queries.begin * values;
  for (int64_t i = 0; i < queries.size(); ++i) {
    T* const row = rows + i * values;
    const bool nothing = sums[i].sum == 0;
    if (nothing) std::fill(row, row + values, T{0});
    if (!nothing) ScaleRow(values, static_cast<T>(1 / sums[i].sum), row);
    lse[queries.begin + i] =
        nothing ? std::numeric_limits<T>::infinity() : static_cast<T>(sums[i].max + std::log(sums[i].sum));
  }
  // Products with whole blocks let an infinite or NaN value of v reach queries for which its weight is 0.
  if (!HasNan(queries.size() * values, rows)) return;
  for (int64_t i = queries.begin; i < queries.end; ++i) ForwardExactly(h, i, y + i * values, lse + i);
}

template <class T>
void Attention<T>::ForwardExactly(const Head& h, int64_t query, T* y, T* lse) const {
  constexpr T kInfinity = std::numeric_limits<T>::infinity(), kNan = std::numeric_limits<T>::quiet_NaN();
  const int64_t seen = Seen(query, {0, s_.keys});
  T max = -kInfinity;
  for (int64_t j = 0; j < seen; ++j) {
    const T score = Score(h, query, j);
    max = std::isnan(score) || score == kInfinity ? kNan : std::isnan(max) ? max : std::max(max, score);
  }
  std::fill(y, y + s_.values, std::isnan(max) ? kNan : T{0});
  *lse = max == -kInfinity ? kInfinity : max;
  if (!std::isfinite(max)) return;
  double sum = 0;
  for (int64_t j = 0; j < seen; ++j) sum += std::exp(Score(h, query, j) - max);
  *lse = static_cast<T>(max + std::log(sum));
  for (int64_t j = 0; j < seen; ++j) {
    const T score = Score(h, query, j);
    const T kept = KeptShare(h, query, j);
    if (score == -kInfinity || kept == 0) continue;
    const T weight = static_cast<T>(std::exp(score - max) / sum) * kept;
    for (int64_t e = 0; e < s_.values; ++e) y[e] += weight * h.v[j * s_.values + e];
  }
}

// ---- Gradients --------------------------------------------------------------------------------------------------

template <class T>
void Attention<T>::Backward(const Inputs& in, const Cotangents& at, const Gradients& out, Scratch scratch) const {
  const auto run = [&](int64_t head, const Range& query_blocks, const Range& key_blocks, bool queries, bool keys) {
    const HeadCotangents c{at.lse + head * s_.queries, at.delta + head * s_.queries,
                           at.dy + head * s_.queries * s_.values};
    const Gradients g{queries ? out.dq + head * s_.queries * s_.features : nullptr,
                      keys ? out.dk + head * s_.keys * s_.features : nullptr,
                      keys ? out.dv + head * s_.keys * s_.values : nullptr};
    BackwardBlocks(HeadOf(in, head), c, query_blocks, key_blocks, g, BlocksIn(scratch()));
  };
  const Range all_queries{0, query_blocks_}, all_keys{0, key_blocks_};
  if (s_.heads < kFewHeads && query_blocks_ * key_blocks_ > 1) {
    const int64_t blocks = query_blocks_ + key_blocks_;
    ParallelFor(s_.heads * blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t head = task / blocks, block = task % blocks, key = block - query_blocks_;
        if (key < 0) run(head, {block, block + 1}, all_keys, true, false);
        if (key >= 0) run(head, all_queries, {key, key + 1}, false, true);
      }
    });
    return;
  }
  const double products = static_cast<double>(s_.queries * s_.keys) * static_cast<double>(s_.features + s_.values);
  const int64_t grain = std::clamp<int64_t>(static_cast<int64_t>(kProductsPerTask / std::max(products, 1.0)), 1, 4096);
  ParallelFor(s_.heads, grain, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) run(head, all_queries, all_keys, true, true);
  });
}

template <class T>
void Attention<T>::BackwardBlocks(const Head& h, const HeadCotangents& at, const Range& query_blocks,
                                  const Range& key_blocks, const Gradients& g, const Blocks& blocks) const {
  // The rows of each gradient that these blocks give.
  const auto rows = [](T* x, const Range& range, int64_t block_rows, int64_t all_rows, int64_t width, auto&& f) {
    const int64_t first = std::min(all_rows, range.begin * block_rows),
                  last = std::min(all_rows, range.end * block_rows);
    return x != nullptr && f(x + first * width, (last - first) * width);
  };
  const auto any = [&](auto&& f) {
    const bool q = rows(g.dq, query_blocks, query_rows_, s_.queries, s_.features, f);
    const bool k = rows(g.dk, key_blocks, key_rows_, s_.keys, s_.features, f);
    return rows(g.dv, key_blocks, key_rows_, s_.keys, s_.values, f) || k || q;
  };
  const auto clear = [&] {
    any([](T* x, int64_t n) {
      std::fill(x, x + n, T{0});
      return false;
    });
  };
  const auto for_each = [&](auto&& begin, auto&& add) {
    for (int64_t key = key_blocks.begin; key < key_blocks.end; ++key) {
      begin(KeyBlock(key));
      for (int64_t query = query_blocks.begin; query < query_blocks.end; ++query) {
        if (Seen(QueryBlock(query).end - 1, KeyBlock(key)) > 0) add(QueryBlock(query), KeyBlock(key));
      }
    }
  };
  clear();
  for_each(
      [&](const Range& keys) {
        Transpose(h.k, keys, s_.features, blocks.keys);
        Transpose(h.v, keys, s_.values, blocks.values);
      },
      [&](const Range& queries, const Range& keys) { AddBlock(h, at, queries, keys, g, blocks); });
  // As in ForwardBlock(): what has weight 0 does not count, whatever it is.
  if (!any([](const T* x, int64_t n) { return HasNan(n, x); })) return;
  clear();
  for_each([](const Range&) {},
           [&](const Range& queries, const Range& keys) { AddBlockExactly(h, at, queries, keys, g); });
}

template <class T>
void Attention<T>::AddBlock(const Head& h, const HeadCotangents& at, const Range& queries, const Range& keys,
                            const Gradients& g, const Blocks& blocks) const {
  const int64_t m = queries.size(), n = keys.size(), features = s_.features, values = s_.values;
  T *const p = blocks.s, *const ds = blocks.ds;
  const T *const q = h.q + queries.begin * features, *const k = h.k + keys.begin * features;
  const T* const dy = at.dy + queries.begin * values;
  const T scale = Scores(h, queries, keys, blocks);
  TimesTransposed(dy, m, values, blocks.values, keys, ds);
  for (int64_t i = 0; i < m; ++i) {
    const int64_t query = queries.begin + i, seen = Seen(query, keys);
    const ScoreGrad<T> at_row{scale, static_cast<T>(s_.scale), at.lse[query], at.delta[query]};
    const uint32_t* const bits = drops() ? DrawBits(h, query, keys.begin, seen, blocks.bits) : nullptr;
    if (drops()) DropWeights(seen, drop_, bits, ds + i * n);
    WeighScoresGrad(seen, at_row, p + i * n, ds + i * n);
    if (drops()) DropWeights(seen, drop_, bits, p + i * n);
    std::fill(p + i * n + seen, p + (i + 1) * n, T{0});
    std::fill(ds + i * n + seen, ds + (i + 1) * n, T{0});
  }
  // For each key, the sum over queries of their weights times rows.
  const auto add_to_keys = [&](const T* weights, const T* rows, int64_t width, T* y) {
    TileGemm<T> t{.m = n, .n = width, .k = m, .a = weights, .row = 1, .term = n, .b = rows, .ldb = width};
    t.c = y + keys.begin * width, t.ldc = width, t.add = true;
    t.Run();
  };
  if (g.dv != nullptr) add_to_keys(p, dy, values, g.dv);
  if (g.dk != nullptr) add_to_keys(ds, q, features, g.dk);
  if (g.dq != nullptr) {
    TileGemm<T> dq{.m = m, .n = features, .k = n, .a = ds, .row = n, .b = k, .ldb = features};
    dq.c = g.dq + queries.begin * features, dq.ldc = features, dq.add = true;
    dq.Run();
  }
}

template <class T>
void Attention<T>::AddBlockExactly(const Head& h, const HeadCotangents& at, const Range& queries, const Range& keys,
                                   const Gradients& g) const {
  const int64_t features = s_.features, values = s_.values;
  const auto add = [](T factor, const T* from, int64_t n, T* to) {
    for (int64_t e = 0; e < n; ++e) to[e] += factor * from[e];
  };
  for (int64_t i = queries.begin; i < queries.end; ++i) {
    const T *const dy = at.dy + i * values, *const q = h.q + i * features;
    for (int64_t j = keys.begin, end = keys.begin + Seen(i, keys); j < end; ++j) {
      const T score = Score(h, i, j);
      if (score == -std::numeric_limits<T>::infinity()) continue;
      const T p = std::exp(score - at.lse[i]), kept = KeptShare(h, i, j);
      T dp = 0;
      for (int64_t e = 0; kept != 0 && e < values; ++e) dp += kept * dy[e] * h.v[j * values + e];
      const T ds = p * (dp - at.delta[i]) * static_cast<T>(s_.scale);
      if (g.dv != nullptr && kept != 0) add(p * kept, dy, values, g.dv + j * values);
      if (g.dk != nullptr) add(ds, q, features, g.dk + j * features);
      if (g.dq != nullptr) add(ds, h.k + j * features, features, g.dq + i * features);
    }
  }
}

template class Attention<float>;
template class Attention<double>;

}  // namespace adret::kernels
