#include "adret/ops/kernels/blas.h"

#include <cblas.h>
#include <dlfcn.h>

#include <atomic>
#include <cstdint>
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

// Calls of OpenBLAS that are in progress, and the number of threads that it had before the first of them.
struct Calls {
  std::atomic<int64_t> count = 0;
  std::mutex mutex;
  int threads_before = 0;  // 0: nothing was changed
};
Calls& TheCalls() {
  static Calls* calls = new Calls;
  return *calls;
}

}  // namespace

OneBlasThread::OneBlasThread() {
  static std::once_flag once;
  std::call_once(once, SwitchCore);
  Calls& calls = TheCalls();
  for (int64_t n = calls.count.load(); n > 0;) {
    if (calls.count.compare_exchange_weak(n, n + 1)) return;
  }
  const std::lock_guard lock(calls.mutex);
  if (calls.threads_before == 0) {
    calls.threads_before = openblas_get_num_threads();
    if (calls.threads_before != 1) openblas_set_num_threads(1);
  }
  ++calls.count;
}

OneBlasThread::~OneBlasThread() {
  Calls& calls = TheCalls();
  if (--calls.count > 0) return;
  const std::lock_guard lock(calls.mutex);
  if (calls.count > 0 || calls.threads_before == 0) return;  // somebody came, or has done this already
  if (calls.threads_before != 1) openblas_set_num_threads(calls.threads_before);
  calls.threads_before = 0;
}

bool BlasMultipliesUnpacked() {
  static const bool unpacked = IsAvx512Core(openblas_get_corename());
  return unpacked;
}

}  // namespace adret::kernels
