// Attention over blocks of queries and keys: softmax(scale q k^T + mask) v and its gradients, without the matrix of
// scores as a whole (FlashAttention, Dao et al. 2022). Work is cut by sizes only and sums run over blocks in order, so
// the bits do not depend on the number of threads.
#ifndef ADRET_OPS_KERNELS_ATTENTION_H_
#define ADRET_OPS_KERNELS_ATTENTION_H_

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"

namespace adret::kernels {

// Where the number for a query and a key of a head is in a mask that is repeated along some axes.
struct MaskLayout {
  bool additive = false;                          // numbers are added to scores; else true says: takes part
  absl::InlinedVector<int64_t, 4> dims, strides;  // of the axes that heads count, the outermost first
  int64_t query_stride = 0, key_stride = 0;       // 0: the same number for all
  int64_t HeadOffset(int64_t head) const;
};

// q [heads, queries, features], k [heads, keys, features], v [heads, keys, values]. causal: query i sees keys 0 .. i.
struct AttentionShape {
  int64_t heads = 1, queries = 1, keys = 1, features = 1, values = 1;
  double scale = 1;
  bool causal = false;
  MaskLayout mask = {};
};

template <class T>
class Attention {
 public:
  struct Inputs {
    const T *q, *k, *v;
    const void* mask;  // bools, or T where it is additive
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
  int64_t scratch_bytes() const;
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
  };
  struct HeadCotangents {
    const T *lse, *delta, *dy;
  };

  Head HeadOf(const Inputs& in, int64_t head) const;
  Range QueryBlock(int64_t block) const;
  Range KeyBlock(int64_t block) const;
  // How many keys of a block a query sees.
  int64_t Seen(int64_t query, const Range& keys) const;
  // The scores of a block, [queries, keys]. Returns what they must still be multiplied by.
  T Scores(const Head& h, const Range& queries, const Range& keys, T* s) const;
  T Score(const Head& h, int64_t query, int64_t key) const;

  void ForwardBlock(const Head& h, const Range& queries, T* y, T* lse, T* s) const;
  void ForwardExactly(const Head& h, int64_t query, T* y, T* lse) const;
  // Adds what a block gives to gradients, those that are wanted (not nullptr).
  void AddBlock(const Head& h, const HeadCotangents& at, const Range& queries, const Range& keys, const Gradients& g,
                T* scratch) const;
  void AddBlockExactly(const Head& h, const HeadCotangents& at, const Range& queries, const Range& keys,
                       const Gradients& g) const;
  // The gradients of some queries, or of some keys, or of all.
  void BackwardBlocks(const Head& h, const HeadCotangents& at, const Range& query_blocks, const Range& key_blocks,
                      const Gradients& g, T* scratch) const;

  AttentionShape s_;
  int64_t query_rows_, key_rows_;  // of a block
  int64_t query_blocks_, key_blocks_;
};

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_ATTENTION_H_
