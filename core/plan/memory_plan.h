// Placing buffers with known lifetimes in one arena.
#ifndef ADRET_CORE_PLAN_MEMORY_PLAN_H_
#define ADRET_CORE_PLAN_MEMORY_PLAN_H_

#include <cstdint>
#include <vector>

namespace adret {

// A buffer that is in use during levels first .. last, both included.
struct Buffer {
  int64_t bytes = 0;
  int first = 0;
  int last = 0;
  int64_t offset = -1;  // the result, a multiple of kAlignment
};

// Chooses offsets so that buffers whose lifetimes meet do not overlap. Returns the size of the arena.
int64_t PlaceBuffers(std::vector<Buffer>* buffers);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_MEMORY_PLAN_H_
