#include "adret/ops/tile.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/reshape.h"

namespace adret {

Value Tile(Operand x, const std::vector<int64_t>& repeats) {
  if (!x->valid()) return Reshape(x, {});
  LocationScope scope(x.graph(), x.location());
  const auto fail = [&](absl::string_view what) {
    x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat("tile: ", what, " (x ", x->type().ToString(), ", repeats ",
                                                            absl::StrJoin(repeats, ","), ")")),
                    x.location());
    return Value(x.graph(), {});
  };
  const Shape& from = x->shape();
  if (repeats.size() != static_cast<size_t>(from.rank())) return fail("expects one number of repeats per axis");
  // An axis n repeated r times: [n] -> [1,n] -> [r,n] -> [r*n].
  Shape single, repeated, result;
  for (int a = 0; a < from.rank(); ++a) {
    if (repeats[a] < 1) return fail("repeats must be positive");
    const int64_t size = from.dim(a) * repeats[a];
    if (size == kNoDim) return fail("the result has too many elements");
    if (repeats[a] > 1) {
      single.push_back(1);
      repeated.push_back(repeats[a]);
    }
    single.push_back(from[a]);
    repeated.push_back(from[a]);
    result.push_back(size);
  }
  if (result == from) return x;
  if (absl::Status status = repeated.Validate(); !status.ok()) return fail(status.message());
  return Reshape(BroadcastTo(Reshape(x, single), repeated), result);
}

}  // namespace adret
