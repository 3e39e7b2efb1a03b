#include "adret/nn/embedding.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "adret/nn/options_internal.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/reshape.h"
#include "adret/ops/sparse_gradient.h"
#include "adret/ops/where.h"

namespace adret::nn {
namespace {

// Draws as `initializer`, then clears a row.
Initializer WithZeroRow(Initializer initializer, int64_t row) {
  return [initializer = std::move(initializer), row](const Type& type, RandomKey key) {
    Tensor w = initializer(type, key);
    const size_t bytes = w.num_bytes() / static_cast<size_t>(type.shape[0]);
    std::memset(static_cast<char*>(w.mutable_raw()) + static_cast<size_t>(row) * bytes, 0, bytes);
    return w;
  };
}

}  // namespace

Layer Embedding(int64_t count, int64_t width, const EmbeddingOptions& o) {
  const OptionCheck check =
      OptionCheck("")
          .Count("count", count)
          .Count("width", width)
          .That(o.padding_index >= -1 && o.padding_index < count,
                absl::StrCat("padding_index must be in [-1, ", count, "), but is ", o.padding_index))
          .That(IsFloating(o.dtype), "the dtype must be f32 or f64");
  return Layer("embedding", [count, width, o, check](LayerCall& call, Value x) -> Value {
    if (!check.status().ok()) return call.Fail(check.status().message());
    if (!IsInteger(x.dtype())) {
      return call.Fail(absl::StrCat("expects indices, integers, but x is ", x.type().ToString()));
    }
    x = AsIndices(x).value();
    const bool padded = o.padding_index >= 0;
    const Value w = call.Variable("w", {o.dtype, {count, width}},
                                  padded ? WithZeroRow(o.initializer, o.padding_index) : o.initializer);
    const Value y = Gather(o.sparse ? SparseGradient(w) : w, x);
    if (!padded) return y;
    return Where(Unsqueeze(Equal(x, o.padding_index), {-1}), StopGradient(y), y);
  });
}

}  // namespace adret::nn
