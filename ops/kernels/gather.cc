#include "adret/ops/kernels/gather.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "adret/core/dtype.h"
#include "adret/core/parallel.h"
#include "adret/ops/kernels/copy.h"

namespace adret::kernels {
namespace {

constexpr int64_t kGrain = 32768;  // elements per parallel chunk
constexpr int64_t kLanes = 128;    // inner elements that one thread adds into, so that narrow problems split too

// Sum without undefined overflow.
template <class T>
T Add(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
  } else {
    return a + b;
  }
}

// Calls body(o, begin, end) for every outer o and every range of inner elements, in parallel. Nothing but one call
// touches y[o, :, begin..end), so additions keep their order.
template <class Body>
void ForEachLane(const GatherPlan& plan, const Body& body) {
  const int64_t lanes = (plan.inner + kLanes - 1) / kLanes;
  const int64_t work = std::max<int64_t>(1, plan.n * std::min(plan.inner, kLanes));
  ParallelFor(plan.outer * lanes, std::max<int64_t>(1, kGrain / work), [&](int64_t first, int64_t last) {
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t begin = unit % lanes * kLanes;
      body(unit / lanes, begin, std::min(plan.inner, begin + kLanes));
    }
  });
}

}  // namespace

template <class Index>
int64_t FirstOutOfRange(const Index* indices, int64_t count, int64_t extent) {
  std::atomic<int64_t> found{std::numeric_limits<int64_t>::max()};
  ParallelFor(count, kGrain, [&](int64_t begin, int64_t end) {
    bool bad = false;
    for (int64_t k = begin; k < end; ++k) bad |= indices[k] < 0 || indices[k] >= extent;
    if (!bad) return;
    int64_t k = begin;
    while (indices[k] >= 0 && indices[k] < extent) ++k;
    int64_t known = found.load();
    while (k < known && !found.compare_exchange_weak(known, k)) {
    }
  });
  return found.load() == std::numeric_limits<int64_t>::max() ? -1 : found.load();
}

template <class Index>
void Gather(const GatherPlan& plan, const void* x, const Index* indices, void* y, size_t element_size) {
  const int64_t row = plan.inner * static_cast<int64_t>(element_size);
  if (row == 0) return;
  if (plan.inner == 1) {  // single elements: loads and stores instead of calls
    VisitElementSize(element_size, [&](auto element) {
      using T = decltype(element);
      const T* from = static_cast<const T*>(x);
      T* to = static_cast<T*>(y);
      ParallelFor(plan.outer * plan.n, kGrain, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) to[r] = from[r / plan.n * plan.extent + indices[r % plan.n]];
      });
    });
    return;
  }
  ParallelFor(plan.outer * plan.n, std::max<int64_t>(1, kGrain / plan.inner), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t from = r / plan.n * plan.extent + indices[r % plan.n];
      std::memcpy(static_cast<char*>(y) + r * row, static_cast<const char*>(x) + from * row, row);
    }
  });
}

template <class T, class Index>
void ScatterAdd(const GatherPlan& plan, const Index* indices, const T* updates, T* y) {
  ForEachLane(plan, [&](int64_t o, int64_t begin, int64_t end) {
    for (int64_t k = 0; k < plan.n; ++k) {
      T* to = y + (o * plan.extent + indices[k]) * plan.inner;
      const T* from = updates + (o * plan.n + k) * plan.inner;
      for (int64_t i = begin; i < end; ++i) to[i] = Add(to[i], from[i]);
    }
  });
}

template <class Index>
void Scatter(const GatherPlan& plan, const Index* indices, const void* updates, void* y, size_t element_size) {
  const int64_t size = static_cast<int64_t>(element_size), row = plan.inner * size;
  ForEachLane(plan, [&](int64_t o, int64_t begin, int64_t end) {
    for (int64_t k = 0; k < plan.n; ++k) {
      char* to = static_cast<char*>(y) + (o * plan.extent + indices[k]) * row;
      const char* from = static_cast<const char*>(updates) + (o * plan.n + k) * row;
      std::memcpy(to + begin * size, from + begin * size, (end - begin) * size);
    }
  });
}

int64_t LastOccurrenceWorkspace(int64_t n) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(2 * n + 1)) * sizeof(int64_t));
}

// A hash table of places, at most half full, with open addressing. Numbers go in from the last to the first, so that
// the place found in it is the last one.
template <class Index>
void LastOccurrence(const Index* x, int64_t n, int64_t* table, int64_t* y) {
  const uint64_t slots = std::bit_ceil(static_cast<uint64_t>(2 * n + 1));
  const int shift = 64 - std::countr_zero(slots);
  std::fill_n(table, slots, -1);
  for (int64_t k = n; k-- > 0;) {
    constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;  // 2^64 by the golden ratio: spreads runs of numbers
    uint64_t slot = static_cast<uint64_t>(x[k]) * kGolden >> shift;
    while (table[slot] >= 0 && x[table[slot]] != x[k]) slot = (slot + 1) & (slots - 1);
    if (table[slot] < 0) table[slot] = k;
    y[k] = table[slot];
  }
}

template <class Index>
void GatherElements(const GatherPlan& plan, const void* x, const Index* indices, void* y, size_t element_size) {
  VisitElementSize(element_size, [&](auto element) {
    using T = decltype(element);
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    ForEachLane(plan, [&](int64_t o, int64_t begin, int64_t end) {
      for (int64_t k = 0; k < plan.n; ++k) {
        const int64_t row = (o * plan.n + k) * plan.inner;
        for (int64_t i = begin; i < end; ++i) {
          to[row + i] = from[(o * plan.extent + indices[row + i]) * plan.inner + i];
        }
      }
    });
  });
}

template <class T, class Index>
void ScatterElementsAdd(const GatherPlan& plan, const Index* indices, const T* updates, T* y) {
  ForEachLane(plan, [&](int64_t o, int64_t begin, int64_t end) {
    for (int64_t k = 0; k < plan.n; ++k) {
      const int64_t row = (o * plan.n + k) * plan.inner;
      for (int64_t i = begin; i < end; ++i) {
        T& to = y[(o * plan.extent + indices[row + i]) * plan.inner + i];
        to = Add(to, updates[row + i]);
      }
    }
  });
}

#define ADRET_INSTANTIATE_GATHER(Index)                                                             \
  template int64_t FirstOutOfRange<Index>(const Index*, int64_t, int64_t);                          \
  template void Gather<Index>(const GatherPlan&, const void*, const Index*, void*, size_t);         \
  template void GatherElements<Index>(const GatherPlan&, const void*, const Index*, void*, size_t); \
  template void Scatter<Index>(const GatherPlan&, const Index*, const void*, void*, size_t);        \
  template void LastOccurrence<Index>(const Index*, int64_t, int64_t*, int64_t*);

ADRET_INSTANTIATE_GATHER(int32_t)
ADRET_INSTANTIATE_GATHER(int64_t)
#undef ADRET_INSTANTIATE_GATHER

#define ADRET_INSTANTIATE_SCATTER(T)                                                 \
  template void ScatterAdd(const GatherPlan&, const int32_t*, const T*, T*);         \
  template void ScatterAdd(const GatherPlan&, const int64_t*, const T*, T*);         \
  template void ScatterElementsAdd(const GatherPlan&, const int32_t*, const T*, T*); \
  template void ScatterElementsAdd(const GatherPlan&, const int64_t*, const T*, T*);
ADRET_ARITHMETIC_TYPES(ADRET_INSTANTIATE_SCATTER)
#undef ADRET_INSTANTIATE_SCATTER

}  // namespace adret::kernels
