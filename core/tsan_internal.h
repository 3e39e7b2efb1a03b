// Tells ThreadSanitizer how data passes between threads where it cannot see: TBB's compiled library is not
// instrumented. Whatever a thread did before Release(p) is visible to threads after their Acquire(p). Builds without
// ADRET_TSAN do nothing of it.
#ifndef ADRET_CORE_TSAN_INTERNAL_H_
#define ADRET_CORE_TSAN_INTERNAL_H_

#ifdef ADRET_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace adret::tsan {

#ifdef ADRET_TSAN
inline void Release(void* p) { __tsan_release(p); }
inline void Acquire(void* p) { __tsan_acquire(p); }
#else
inline void Release(void*) {}
inline void Acquire(void*) {}
#endif

}  // namespace adret::tsan

#endif  // ADRET_CORE_TSAN_INTERNAL_H_
