#include "adret/core/plan/memory_plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>

#include "adret/core/rounding.h"
#include "adret/core/tensor.h"

namespace adret {
namespace {

// Up to this many buffers, offsets are searched for each buffer among all others.
constexpr size_t kExhaustive = 2000;

// Largest first, each at the lowest offset that is free during its life (Pisarchyk and Lee, "Efficient memory
// management for deep neural net inference", 2020). Quadratic, close to the lower bound.
int64_t PlaceBySize(std::vector<Buffer>* buffers) {
  std::vector<int> order(buffers->size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return (*buffers)[a].bytes > (*buffers)[b].bytes; });
  std::vector<int> placed;  // by offset
  int64_t total = 0;
  for (int i : order) {
    Buffer& buffer = (*buffers)[i];
    const int64_t bytes = RoundUp(buffer.bytes, kAlignment);
    int64_t offset = 0, best = -1, best_gap = 0;
    for (int j : placed) {
      const Buffer& other = (*buffers)[j];
      if (other.last < buffer.first || other.first > buffer.last) continue;
      const int64_t gap = other.offset - offset;
      if (gap >= bytes && (best < 0 || gap < best_gap)) best = offset, best_gap = gap;
      offset = std::max(offset, other.offset + RoundUp(other.bytes, kAlignment));
    }
    buffer.offset = best >= 0 ? best : offset;
    total = std::max(total, buffer.offset + bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), buffer.offset,
                                   [&](int64_t o, int j) { return o < (*buffers)[j].offset; }),
                  i);
  }
  return total;
}

// One pass over time with a best-fit free list: n log n.
int64_t PlaceByTime(std::vector<Buffer>* buffers) {
  std::vector<int> starts(buffers->size());
  std::iota(starts.begin(), starts.end(), 0);
  std::vector<int> ends = starts;
  std::stable_sort(starts.begin(), starts.end(),
                   [&](int a, int b) { return (*buffers)[a].first < (*buffers)[b].first; });
  std::stable_sort(ends.begin(), ends.end(), [&](int a, int b) { return (*buffers)[a].last < (*buffers)[b].last; });
  std::map<int64_t, int64_t> by_offset;     // free: offset -> size
  std::multimap<int64_t, int64_t> by_size;  // the same: size -> offset
  int64_t total = 0;
  auto erase = [&](std::map<int64_t, int64_t>::iterator it) {
    for (auto [s, e] = by_size.equal_range(it->second); s != e; ++s) {
      if (s->second == it->first) {
        by_size.erase(s);
        break;
      }
    }
    return by_offset.erase(it);
  };
  auto release = [&](int64_t offset, int64_t size) {
    auto next = by_offset.lower_bound(offset);
    if (next != by_offset.end() && offset + size == next->first) {
      size += next->second;
      next = erase(next);
    }
    if (next != by_offset.begin()) {
      auto before = std::prev(next);
      if (before->first + before->second == offset) {
        offset = before->first;
        size += before->second;
        erase(before);
      }
    }
    by_offset[offset] = size;
    by_size.emplace(size, offset);
  };
  size_t ended = 0;
  for (int i : starts) {
    Buffer& buffer = (*buffers)[i];
    for (; ended < ends.size() && (*buffers)[ends[ended]].last < buffer.first; ++ended) {
      const Buffer& dead = (*buffers)[ends[ended]];
      release(dead.offset, RoundUp(dead.bytes, kAlignment));
    }
    const int64_t bytes = RoundUp(buffer.bytes, kAlignment);
    auto fit = by_size.lower_bound(bytes);
    if (fit == by_size.end()) {
      buffer.offset = total;
      total += bytes;
      continue;
    }
    const int64_t offset = fit->second, size = fit->first;
    erase(by_offset.find(offset));
    buffer.offset = offset;
    if (size > bytes) release(offset + bytes, size - bytes);
  }
  return total;
}

}  // namespace

int64_t PlaceBuffers(std::vector<Buffer>* buffers) {
  for (Buffer& b : *buffers) b.bytes = std::max<int64_t>(b.bytes, 1);
  return buffers->size() <= kExhaustive ? PlaceBySize(buffers) : PlaceByTime(buffers);
}

}  // namespace adret
