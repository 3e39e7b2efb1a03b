#include "adret/ops/kernels/blas.h"

#include <cblas.h>
#include <dlfcn.h>

#include <cstdlib>
#include <initializer_list>
#include <mutex>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "hwy/targets.h"

namespace adret::kernels {
namespace {

constexpr char kCoreVariable[] = "OPENBLAS_CORETYPE";

bool IsOneOf(absl::string_view name, std::initializer_list<absl::string_view> names) {
  for (absl::string_view n : names) {
    if (absl::EqualsIgnoreCase(n, name)) return true;
  }
  return false;
}

bool IsAvx512Core(absl::string_view core) { return IsOneOf(core, {"SkylakeX", "Cooperlake", "SapphireRapids"}); }

// The core type whose kernels use the instructions that our own use, or nullptr when OpenBLAS has chosen well.
const char* BetterCore([[maybe_unused]] absl::string_view chosen) {
#if HWY_ARCH_X86
  const int64_t targets = hwy::SupportedTargets();
  hwy::GetChosenTarget().Update(targets);  // asking made it forget what hwy::DisableTargets had ruled out
  if ((targets & HWY_AVX3) != 0) {
    return IsAvx512Core(chosen) ? nullptr : "SkylakeX";
  }
  if ((targets & HWY_AVX2) != 0) return IsOneOf(chosen, {"Haswell", "Zen"}) ? nullptr : "Haswell";
#endif
  return nullptr;
}

void SwitchCore() {
  if (std::getenv(kCoreVariable) != nullptr) return;
  const char* core = BetterCore(openblas_get_corename());
  if (core == nullptr) return;
  // Not in any header, and absent from builds for one fixed CPU.
  auto* quit = reinterpret_cast<void (*)()>(dlsym(RTLD_DEFAULT, "gotoblas_dynamic_quit"));
  auto* init = reinterpret_cast<void (*)()>(dlsym(RTLD_DEFAULT, "gotoblas_dynamic_init"));
  if (quit == nullptr || init == nullptr) return;
  setenv(kCoreVariable, core, /*overwrite=*/1);
  quit();
  init();
  unsetenv(kCoreVariable);
}

// OpenBLAS starts a thread per core when it is loaded, and these look for work for a while (25 ms): time that ours
// would need. With one thread allowed it never asks for them.
void EndThreads() {
  auto* shutdown = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "blas_thread_shutdown_"));  // in no header
  if (shutdown != nullptr) shutdown();
}

}  // namespace

void PrepareBlas() {
  static std::once_flag once;
  std::call_once(once, [] {
    SwitchCore();
    openblas_set_num_threads(1);
    EndThreads();
  });
}

bool BlasMultipliesUnpacked() {
  static const bool unpacked = IsAvx512Core(openblas_get_corename());
  return unpacked;
}

}  // namespace adret::kernels
