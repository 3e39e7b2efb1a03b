// Program: a fused chain of element-wise ops, run block by block so that intermediate results stay in the L1 cache.
//
// The operands of a program are flat arrays of n elements, or smaller arrays that are broadcast to n while they are
// loaded. Every instruction is one op's SpanKernel over a block of a few hundred elements; its result goes to a
// register (a block-sized buffer in scratch memory) or, if it is an output, straight to memory.
#ifndef ADRET_CORE_PLAN_PROGRAM_H_
#define ADRET_CORE_PLAN_PROGRAM_H_

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "adret/core/op.h"
#include "adret/core/shape.h"

namespace adret {

// How an array is repeated to fill a larger shape: sizes and source strides of the larger shape, outermost first, with
// adjacent dimensions merged. The innermost stride is 0 or 1.
struct BroadcastPattern {
  absl::InlinedVector<int64_t, 4> sizes;
  absl::InlinedVector<int64_t, 4> strides;
  bool is_scalar() const { return sizes.size() == 1 && strides[0] == 0; }
};
// from must broadcast to `to`; both concrete.
BroadcastPattern MakeBroadcastPattern(const Shape& from, const Shape& to);

// Writes elements [begin, begin + n) of the broadcast array to out. element_size is 1, 4 or 8.
void LoadBroadcast(const BroadcastPattern& pattern, const void* source, size_t element_size, int64_t begin, int64_t n,
                   void* out);

class Program {
 public:
  // Operands and results are called slots.
  using Slot = int32_t;

  // ---- Building, in order: inputs and instructions, outputs, Finish.
  // Input number k (in order of these calls) is a flat array of n elements ...
  Slot AddInput(DType dtype);
  // ... or a smaller one to be broadcast.
  Slot AddBroadcastInput(DType dtype, BroadcastPattern pattern);
  Slot AddInstruction(const SpanKernel& kernel, absl::Span<const Slot> operands, DType dtype);
  // Output number k (in order of these calls) is this result of an instruction.
  void AddOutput(Slot slot);
  // n: elements of every flat array.
  void Finish(int64_t n);

  // ---- Facts.
  int64_t n() const { return n_; }
  int num_instructions() const { return static_cast<int>(instructions_.size()); }
  // Scratch memory that one Run needs.
  int64_t scratch_bytes() const { return scratch_bytes_; }
  // Whether output j may share memory with flat input i: the input is not read after the output is written.
  bool CanOverwrite(int output, int input) const;
  // Elements per task that make the task worth its while; depends on the program only.
  int64_t grain() const;

  // ---- Running: elements [begin, begin + count). Single-threaded and re-entrant.
  void Run(int64_t begin, int64_t count, absl::Span<const void* const> inputs, absl::Span<void* const> outputs,
           void* scratch) const;

 private:
  enum class Storage : uint8_t { kInput, kLoaded, kRegister, kOutput };
  struct SlotInfo {
    DType dtype;
    Storage storage;
    int32_t index = -1;      // of the input, or the output
    int32_t reg = -1;        // for kLoaded and kRegister
    int32_t first_use = -1;  // instruction that makes or first reads it
    int32_t last_use = -1;
    int32_t pattern = -1;  // for kLoaded
  };
  struct Instruction {
    SpanKernel kernel;
    absl::InlinedVector<Slot, 3> operands;
    Slot result;
    int32_t first_load = 0, num_loads = 0;  // slots of loads_ that are first needed here
  };

  void AssignRegisters();
  void RunBlock(int64_t begin, int64_t count, absl::Span<const void* const> inputs, void** pointers) const;

  int64_t n_ = 0;
  int64_t block_ = 0;
  int num_registers_ = 0;
  int64_t scratch_bytes_ = 0;
  size_t element_size_ = 1;  // the largest
  std::vector<Slot> input_slots_, output_slots_;
  std::vector<SlotInfo> slots_;
  std::vector<Instruction> instructions_;
  std::vector<BroadcastPattern> patterns_;
  std::vector<Slot> loads_;         // in order of first use, except:
  std::vector<Slot> scalar_loads_;  // loaded once per Run
  std::vector<Slot> flat_slots_;    // kInput and kOutput: pointers move with the block
};

}  // namespace adret

#endif  // ADRET_CORE_PLAN_PROGRAM_H_
