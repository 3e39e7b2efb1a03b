// Attention over blocks of queries and keys: softmax(scale q k^T + mask) v and its gradients, without the matrix of
// scores as a whole (FlashAttention, Dao et al. 2022). Work is cut by sizes only and sums run over blocks in order, so
// the bits do not depend on the number of threads.
#ifndef ADRET_OPS_KERNELS_ATTENTION_H_
#define ADRET_OPS_KERNELS_ATTENTION_H_

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "adret/core/random.h"
#include "adret/ops/kernels/attention_rows.h"

namespace adret::kernels {

// Axes along some of which an array is repeated, the outermost first.
struct RepeatedAxes {
  absl::InlinedVector<int64_t, 4> dims, strides;  // a stride of 0: the same number for all
  void Add(int64_t dim, int64_t stride) { dims.push_back(dim), strides.push_back(stride); }
  // Returns where the number is for place i, counted along all axes.
  int64_t Offset(int64_t i) const;
};

// Where the number for a query and a key of a head is in a mask that is repeated along some axes.
struct MaskLayout {
  bool additive = false;  // numbers are added to scores; else true says: takes part
  RepeatedAxes heads;
  int64_t query_stride = 0, key_stride = 0;  // 0: the same number for all
};

// q [heads, queries, features], k [heads, keys, features], v [heads, keys, values]. causal: query i sees keys 0 .. i.
struct AttentionShape {
  int64_t heads = 1, queries = 1, keys = 1, features = 1, values = 1;
  double scale = 1;
  bool causal = false;
  MaskLayout mask = {};
  // In [0, 1): each weight is 0 with this probability, else divided by 1 - dropout. A head is one of an example's, and
  // each example has a key, which it may share with others.
  double dropout = 0;
  int64_t heads_of_example = 1;
  RepeatedAxes examples = {};
};

template <class T>
class Attention {
 public:
  struct Inputs {
    const T *q, *k, *v;
    const void* mask;  // bools, or T where it is additive
    // Of dropout: whether a weight stays is decided by word (head queries + query) keys + key of the example's
    // sequence, as FillBernoulli() draws it. So the gradients drop what the forward pass has dropped.
    const int64_t* seeds = nullptr;
  };
  // lse: the logarithm of the sum of a row's exponentials; +infinity where no key takes part, so that exp(score - lse)
  // are always the weights.
  struct Results {
    T *y, *lse;
  };
  // delta: what is taken from dy v^T, sum(dy y) for each query.
  struct Cotangents {
    const T *lse, *delta, *dy;
  };
  struct Gradients {
    T *dq, *dk, *dv;
  };
  using Scratch = absl::FunctionRef<void*()>;  // scratch_bytes() of the calling thread

  explicit Attention(const AttentionShape& shape);

  double products() const;  // of queries with keys
  int64_t scratch_bytes(bool gradients) const;
  void Forward(const Inputs& in, const Results& out, Scratch scratch) const;
  void Backward(const Inputs& in, const Cotangents& at, const Gradients& out, Scratch scratch) const;

 private:
  struct Range {
    int64_t begin, end;
    int64_t size() const { return end - begin; }
  };
  // One head: pointers to its first numbers.
  struct Head {
    const T *q, *k, *v;
    const uint8_t* keep;  // nullptr: no such mask
    const T* add;
    RandomKey random;
    uint64_t first_word;  // of the words that decide what is dropped
  };
  struct HeadCotangents {
    const T *lse, *delta, *dy;
  };

  Head HeadOf(const Inputs& in, int64_t head) const;
  Range QueryBlock(int64_t block) const;
  Range KeyBlock(int64_t block) const;
  // How many keys of a block a query sees.
  int64_t Seen(int64_t query, const Range& keys) const;
  // Scratch memory: bits, a block of [queries, keys], the keys of a block transposed; for gradients a block more, and
  // the values transposed.
  struct Blocks {
    uint32_t* bits;  // nullptr where nothing is dropped
    T *s, *keys;     // the transposed ones have rows of key_rows_
    T *ds, *values;
  };
  Blocks BlocksIn(void* scratch) const;
  int64_t bits_bytes() const;
  // Transposes the rows of a block: [keys, width] to [width, key_rows_].
  void Transpose(const T* from, const Range& keys, int64_t width, T* to) const;
  // The product of rows [n, width] with the transposed keys or values of a block: [n, keys].
  void TimesTransposed(const T* rows, int64_t n, int64_t width, const T* transposed, const Range& keys, T* y) const;
  // The scores of a block, [queries, keys], into blocks.s. Returns what they must still be multiplied by.
  T Scores(const Head& h, const Range& queries, const Range& keys, const Blocks& blocks) const;
  T Score(const Head& h, int64_t query, int64_t key) const;
  // Whether anything is dropped, and then: what a weight is multiplied by (0: it is dropped), and dropping from n
  // weights of a query, from a key on. bits: a row of them, in scratch memory.
  bool drops() const { return s_.dropout > 0; }
  T KeptShare(const Head& h, int64_t query, int64_t key) const;
  const uint32_t* DrawBits(const Head& h, int64_t query, int64_t key, int64_t n, uint32_t* bits) const;

  // The results of some blocks of queries.
  void ForwardBlocks(const Head& h, const Range& query_blocks, T* y, T* lse, const Blocks& blocks) const;
  // Adds to y what a block of keys gives to one of queries.
  void ForwardBlock(const Head& h, const Range& queries, const Range& keys, T* y, ScoreSum<T>* sums,
                    const Blocks& blocks) const;
  // Divides the rows of a block by their sums.
  void FinishBlock(const Head& h, const Range& queries, const ScoreSum<T>* sums, T* y, T* lse) const;
  void ForwardExactly(const Head& h, int64_t query, T* y, T* lse) const;
  // Adds what a block gives to gradients, those that are wanted (not nullptr).
  void AddBlock(const Head& h, const HeadCotangents& at, const Range& queries, const Range& keys, const Gradients& g,
                const Blocks& blocks) const;
  void AddBlockExactly(const Head& h, const HeadCotangents& at, const Range& queries, const Range& keys,
                       const Gradients& g) const;
  // The gradients of some queries, or of some keys, or of all.
  void BackwardBlocks(const Head& h, const HeadCotangents& at, const Range& query_blocks, const Range& key_blocks,
                      const Gradients& g, const Blocks& blocks) const;

  AttentionShape s_;
  DropRule<T> drop_;
  int64_t query_rows_, key_rows_;  // of a block
  int64_t query_blocks_, key_blocks_;
};

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_ATTENTION_H_
