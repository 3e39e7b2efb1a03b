// Gradients of tables of which a step looks up a few rows: what it takes to move those rows and no others.
//
//   Value y = Gather(SparseGradient(table), tokens);                            // as nn::Embedding with sparse = true
//   Value dtable = Gradients(loss, {table})[0];                                 // of the table's size, where it is run
//   std::optional<SparseRows> rows = SparseRowsOf(dtable);                      // the same, a row for each token
//   Value next = Scatter(table, rows->indices, Gather(table, rows->indices) - 0.1 * rows->rows);
//
// Only what is fetched or stored runs. So the table's own gradient never exists, and where `next` updates the table,
// its rows are written in place (Kernel::check_in_place).
#ifndef ADRET_OPS_SPARSE_GRADIENT_H_
#define ADRET_OPS_SPARSE_GRADIENT_H_

#include <optional>

#include "adret/core/graph.h"

namespace adret {

// Returns x. Its gradient says that it is to be taken row by row, if it consists of rows: SparseRowsOf() does so.
Value SparseGradient(Operand x);

// Computes y[.., k] = the largest j with x[.., j] = x[.., k], i64: the place where the number stands for the last time
// on its line along the last axis. x is i32 or i64.
Value LastOccurrence(Operand x);

// A tensor that is zero but for rows: row indices[k] is rows[k], for the last k with that index. At earlier ones
// rows[k] is zero: so every number of the tensor is in `rows` once.
struct SparseRows {
  Value indices;  // i64[n]
  Value rows;     // [n, ...]: a row of the tensor has the shape behind the n
};

// Returns the rows of a gradient. There are none (nullopt) unless it is a sum of what Gather(SparseGradient(x),
// indices) gives back to x: a sum with the gradient of something else (a product with the same table) has no rows, and
// neither has what other ops made of a gradient. Rows of equal index are added up in order.
std::optional<SparseRows> SparseRowsOf(const Value& gradient);

}  // namespace adret

#endif  // ADRET_OPS_SPARSE_GRADIENT_H_
