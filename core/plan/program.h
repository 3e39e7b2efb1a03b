// Program: what a chain of element-wise nodes is compiled into. It runs block by block, so that results in between stay
// in the first-level cache.
//
// The operands of a program are flat arrays of n elements, or smaller arrays that are broadcast to n while they are
// loaded. Every instruction is one op's SpanKernel over a block of a few hundred elements. Its result goes to a
// register (a block-sized buffer in scratch memory) or, if it is an output, straight to memory.
//
// The chain of the example in core/plan/plan_graph.h is relu alone. With a scale s and a bias b for each of four maps,
// relu(conv2d * s + b), it would be
//   slot 0   input 0: conv2d's result, flat
//   slot 1   input 1: s, one number: copied into register 0 once, since every block reads it
//   slot 2   input 2: b [4,1,1]: copied into register 2, block by block
//   slot 3 = mul(0, 1)   register 1
//   slot 4 = add(3, 2)   register 2 again: slot 2 dies here
//   slot 5 = relu(4)     output 0
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
// Returns how `from` is repeated to fill `to`, to which it must broadcast. Both are concrete.
BroadcastPattern MakeBroadcastPattern(const Shape& from, const Shape& to);

// Writes elements [begin, begin + n) of the broadcast array to out. element_size is 1, 2, 4 or 8.
void LoadBroadcast(const BroadcastPattern& pattern, const void* source, size_t element_size, int64_t begin, int64_t n,
                   void* out);

class Program {
 public:
  // Operands and results are called slots.
  using Slot = int32_t;

  // ---- Building, in order: inputs and instructions, outputs, Finish.
  // Adds an input: number k, in order of these calls. A flat array of n elements ...
  Slot AddInput(DType dtype);
  // ... or a smaller one to be broadcast.
  Slot AddBroadcastInput(DType dtype, BroadcastPattern pattern);
  // Adds the instruction result = kernel(operands), and returns the result's slot.
  Slot AddInstruction(const SpanKernel& kernel, absl::Span<const Slot> operands, DType dtype);
  // Makes the result of an instruction an output: number k, in order of these calls.
  void AddOutput(Slot slot);
  // Ends the building: n is the number of elements of every flat array. Chooses registers and the size of blocks.
  void Finish(int64_t n);

  // ---- Facts.
  int64_t n() const { return n_; }
  int num_instructions() const { return static_cast<int>(instructions_.size()); }
  // Returns the scratch memory that one Run() needs.
  int64_t scratch_bytes() const { return scratch_bytes_; }
  // Returns whether an output may share memory with a flat input: no instruction reads the input after the one that
  // writes the output, and their elements have one size.
  bool CanOverwrite(int output, int input) const;
  // Returns how many elements make a task worth starting. It depends on the program only, not on the number of threads.
  int64_t grain() const;

  // ---- Running.
  // Computes elements [begin, begin + count) of all outputs. Single-threaded; several threads may run parts at once,
  // each with scratch of its own.
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
