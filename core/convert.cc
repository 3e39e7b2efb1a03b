#include "adret/core/convert.h"

namespace adret {
namespace {

template <class From, class To>
void Convert(const void* const* in, void* out, int64_t n, const double*) {
  To* y = static_cast<To*>(out);
  for (int64_t i = 0; i < n; ++i) y[i] = ConvertTo<To>(LoadElement<From>(in[0], i));
}

}  // namespace

ConvertFn FindConversion(DType from, DType to) {
  return VisitDType(from, [to](auto from_tag) {
    return VisitDType(to, [](auto to_tag) -> ConvertFn {
      return &Convert<typename decltype(from_tag)::type, typename decltype(to_tag)::type>;
    });
  });
}

}  // namespace adret
