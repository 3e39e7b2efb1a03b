// Status macros, and the one check that ends a program.
//
// Everything that comes from outside the program (files, feeds, flags, graphs that a user builds) is answered with an
// absl::Status. AD_CHECK is for broken invariants of adret itself: it prints where and why, and aborts.
#ifndef ADRET_CORE_STATUS_H_
#define ADRET_CORE_STATUS_H_

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace adret::internal {

[[noreturn]] inline void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: internal error: %s does not hold\n", file, line, condition);
  std::abort();
}

}  // namespace adret::internal

#define AD_CHECK(condition)                                           \
  do {                                                                \
    if (ABSL_PREDICT_FALSE(!(condition))) {                           \
      ::adret::internal::CheckFailed(#condition, __FILE__, __LINE__); \
    }                                                                 \
  } while (false)

#define AD_RETURN_IF_ERROR(expression)                                                \
  do {                                                                                \
    if (absl::Status ad_status = (expression); ABSL_PREDICT_FALSE(!ad_status.ok())) { \
      return ad_status;                                                               \
    }                                                                                 \
  } while (false)

#define AD_CONCAT_INNER(a, b) a##b
#define AD_CONCAT(a, b) AD_CONCAT_INNER(a, b)

// AD_ASSIGN_OR_RETURN(Tensor t, Read(path)): declares t, or returns the error of Read from the enclosing function.
#define AD_ASSIGN_OR_RETURN(declaration, ...) \
  AD_ASSIGN_OR_RETURN_INNER(AD_CONCAT(ad_statusor_, __LINE__), declaration, __VA_ARGS__)
#define AD_ASSIGN_OR_RETURN_INNER(result, declaration, ...)                \
  auto result = (__VA_ARGS__);                                             \
  if (ABSL_PREDICT_FALSE(!result.ok())) return std::move(result).status(); \
  declaration = *std::move(result)

#endif  // ADRET_CORE_STATUS_H_
