// tile: a tensor repeated along its axes.
//
//   Value wall = Tile(brick, {2, 3});      // [4,5] -> [8,15]
#ifndef ADRET_OPS_TILE_H_
#define ADRET_OPS_TILE_H_

#include <cstdint>
#include <vector>

#include "adret/core/graph.h"

namespace adret {

// Computes y[.., i, ..] = x[.., i mod n, ..] along each axis of size n, for i < repeats * n: one positive number of
// repeats per axis. Any dtype; the batch may be repeated ([?] becomes [2*?]). A composition of broadcast_to and
// reshape.
Value Tile(Operand x, const std::vector<int64_t>& repeats);

}  // namespace adret

#endif  // ADRET_OPS_TILE_H_
