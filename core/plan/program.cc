#include "adret/core/plan/program.h"

#include <algorithm>
#include <cstring>

#include "adret/core/fill.h"
#include "adret/core/rounding.h"
#include "adret/core/status.h"
#include "adret/core/tensor.h"

namespace adret {
namespace {

// Registers of a program share this much memory: half of a small L1 data cache.
constexpr int64_t kRegisterBytes = 24 * 1024;
constexpr int64_t kMinBlock = 128, kMaxBlock = 1024;
// Scalars that keep a register for a whole run; more are loaded per block.
constexpr size_t kMaxScalars = 16;

// LoadBroadcast() for elements of one size: copies or fills one run along the innermost dimension after the other, and
// carries an index through the outer ones.
template <class T>
void LoadTyped(const BroadcastPattern& p, const T* source, int64_t begin, int64_t n, T* out) {
  const int rank = static_cast<int>(p.sizes.size());
  // Position of `begin` in the larger shape, and the source offset of its row.
  absl::InlinedVector<int64_t, 8> index(rank);
  int64_t rest = begin, offset = 0;
  for (int d = rank - 1; d >= 0; --d) {
    index[d] = rest % p.sizes[d];
    rest /= p.sizes[d];
    offset += index[d] * p.strides[d];
  }
  const int inner = rank - 1;
  while (n > 0) {
    const int64_t run = std::min(n, p.sizes[inner] - index[inner]);
    if (p.strides[inner] == 0) {
      Fill(out, run, source[offset]);
    } else {
      std::copy_n(source + offset, run, out);
    }
    out += run;
    n -= run;
    offset -= index[inner] * p.strides[inner];
    index[inner] = 0;
    for (int d = inner - 1; d >= 0; --d) {
      offset += p.strides[d];
      if (++index[d] < p.sizes[d]) break;
      offset -= p.sizes[d] * p.strides[d];
      index[d] = 0;
    }
  }
}

}  // namespace

BroadcastPattern MakeBroadcastPattern(const Shape& from, const Shape& to) {
  const auto strides = Strides(from);
  const int lead = to.rank() - from.rank();
  AD_CHECK(lead >= 0);
  BroadcastPattern p;
  for (int d = 0; d < to.rank(); ++d) {
    const int64_t size = to[d];
    const int64_t stride = d < lead || from[d - lead] == 1 ? 0 : strides[d - lead];
    if (size == 1) continue;
    // Merge with the dimension outside when one step there equals size steps here.
    if (!p.sizes.empty() && p.strides.back() == stride * size) {
      p.sizes.back() *= size;
      p.strides.back() = stride;
    } else {
      p.sizes.push_back(size);
      p.strides.push_back(stride);
    }
  }
  if (p.sizes.empty()) {
    p.sizes.push_back(1);
    p.strides.push_back(0);
  }
  return p;
}

void LoadBroadcast(const BroadcastPattern& pattern, const void* source, size_t element_size, int64_t begin, int64_t n,
                   void* out) {
  switch (element_size) {
    case 1:
      return LoadTyped(pattern, static_cast<const uint8_t*>(source), begin, n, static_cast<uint8_t*>(out));
    case 2:
      return LoadTyped(pattern, static_cast<const uint16_t*>(source), begin, n, static_cast<uint16_t*>(out));
    case 4:
      return LoadTyped(pattern, static_cast<const uint32_t*>(source), begin, n, static_cast<uint32_t*>(out));
    default:
      return LoadTyped(pattern, static_cast<const uint64_t*>(source), begin, n, static_cast<uint64_t*>(out));
  }
}

Program::Slot Program::AddInput(DType dtype) {
  const Slot slot = static_cast<Slot>(slots_.size());
  slots_.push_back({.dtype = dtype, .storage = Storage::kInput, .index = static_cast<int32_t>(input_slots_.size())});
  input_slots_.push_back(slot);
  return slot;
}

Program::Slot Program::AddBroadcastInput(DType dtype, BroadcastPattern pattern) {
  const Slot slot = static_cast<Slot>(slots_.size());
  slots_.push_back({.dtype = dtype,
                    .storage = Storage::kLoaded,
                    .index = static_cast<int32_t>(input_slots_.size()),
                    .pattern = static_cast<int32_t>(patterns_.size())});
  input_slots_.push_back(slot);
  patterns_.push_back(std::move(pattern));
  return slot;
}

Program::Slot Program::AddInstruction(const SpanKernel& kernel, absl::Span<const Slot> operands, DType dtype) {
  const int32_t at = num_instructions();
  for (Slot s : operands) {
    if (slots_[s].first_use < 0) slots_[s].first_use = at;
    slots_[s].last_use = at;
  }
  const Slot result = static_cast<Slot>(slots_.size());
  slots_.push_back({.dtype = dtype, .storage = Storage::kRegister, .first_use = at, .last_use = at});
  instructions_.push_back({kernel, {operands.begin(), operands.end()}, result});
  return result;
}

void Program::AddOutput(Slot slot) {
  AD_CHECK(slots_[slot].storage == Storage::kRegister);
  slots_[slot].storage = Storage::kOutput;
  slots_[slot].index = static_cast<int32_t>(output_slots_.size());
  output_slots_.push_back(slot);
}

void Program::Finish(int64_t n) {
  n_ = n;
  for (const SlotInfo& s : slots_) element_size_ = std::max(element_size_, SizeOf(s.dtype));
  AssignRegisters();
  // Blocks as large as the registers' memory allows: fewer calls for each instruction.
  const int64_t fit = kRegisterBytes / (std::max(num_registers_, 1) * static_cast<int64_t>(element_size_));
  block_ = std::min(RoundUp(std::clamp(fit, kMinBlock, kMaxBlock), kAlignment),
                    RoundUp(std::max<int64_t>(n, 1), kAlignment));
  scratch_bytes_ = RoundUp(static_cast<int64_t>(slots_.size() * sizeof(void*)), kAlignment) +
                   num_registers_ * block_ * static_cast<int64_t>(element_size_);
}

// Gives registers to loaded operands and to results that are no outputs. One pass over the instructions: a register is
// free again after the last instruction that reads it. Numbers that are broadcast everywhere keep theirs for the whole
// run.
void Program::AssignRegisters() {
  std::vector<int32_t> free;
  auto take = [&] {
    if (free.empty()) return num_registers_++;
    const int32_t reg = free.back();
    free.pop_back();
    return reg;
  };
  std::vector<bool> keeps(slots_.size());
  for (Slot s = 0; s < static_cast<Slot>(slots_.size()); ++s) {
    SlotInfo& slot = slots_[s];
    if (slot.storage == Storage::kInput || slot.storage == Storage::kOutput) flat_slots_.push_back(s);
    if (slot.storage != Storage::kLoaded || slot.first_use < 0) continue;
    if (patterns_[slot.pattern].is_scalar() && scalar_loads_.size() < kMaxScalars) {
      scalar_loads_.push_back(s);
      slot.reg = take();
      keeps[s] = true;
    } else {
      loads_.push_back(s);
    }
  }
  std::sort(loads_.begin(), loads_.end(),
            [&](Slot a, Slot b) { return std::pair(slots_[a].first_use, a) < std::pair(slots_[b].first_use, b); });
  size_t next_load = 0;
  for (int32_t at = 0; at < num_instructions(); ++at) {
    Instruction& instruction = instructions_[at];
    instruction.first_load = static_cast<int32_t>(next_load);
    for (; next_load < loads_.size() && slots_[loads_[next_load]].first_use == at; ++next_load) {
      slots_[loads_[next_load]].reg = take();
    }
    instruction.num_loads = static_cast<int32_t>(next_load) - instruction.first_load;
    SlotInfo& result = slots_[instruction.result];
    // Operands that die here give their registers to the result: kernels may write over an operand whose elements are
    // of the same size (results of another size would run ahead of what is still to be read).
    absl::InlinedVector<int32_t, 4> free_after;
    for (size_t k = 0; k < instruction.operands.size(); ++k) {
      const Slot s = instruction.operands[k];
      const bool seen = std::find(instruction.operands.begin(), instruction.operands.begin() + k, s) !=
                        instruction.operands.begin() + k;
      if (seen || slots_[s].reg < 0 || slots_[s].last_use != at || keeps[s]) continue;
      const bool same_size = SizeOf(slots_[s].dtype) == SizeOf(result.dtype);
      same_size ? free.push_back(slots_[s].reg) : free_after.push_back(slots_[s].reg);
    }
    if (result.storage == Storage::kRegister) {
      result.reg = take();
      if (result.last_use == at) free.push_back(result.reg);  // nobody reads it
    }
    free.insert(free.end(), free_after.begin(), free_after.end());
  }
}

bool Program::CanOverwrite(int output, int input) const {
  const SlotInfo& in = slots_[input_slots_[input]];
  const SlotInfo& out = slots_[output_slots_[output]];
  return in.storage == Storage::kInput && SizeOf(in.dtype) == SizeOf(out.dtype) && in.last_use <= out.first_use;
}

int64_t Program::grain() const {
  // About 2^18 element-instructions: tens of microseconds.
  const int64_t elements = (int64_t{1} << 18) / (num_instructions() + 1);
  return RoundUp(std::max(elements, block_), block_);
}

// Runs all instructions over one block. `pointers` has an entry for each slot: where its block is.
void Program::RunBlock(int64_t begin, int64_t count, absl::Span<const void* const> inputs, void** pointers) const {
  for (const Instruction& instruction : instructions_) {
    for (int32_t k = 0; k < instruction.num_loads; ++k) {
      const Slot s = loads_[instruction.first_load + k];
      const SlotInfo& slot = slots_[s];
      LoadBroadcast(patterns_[slot.pattern], inputs[slot.index], SizeOf(slot.dtype), begin, count, pointers[s]);
    }
    const void* operands[4];
    const size_t arity = instruction.operands.size();
    AD_CHECK(arity <= 4);
    for (size_t k = 0; k < arity; ++k) operands[k] = pointers[instruction.operands[k]];
    instruction.kernel.fn(operands, pointers[instruction.result], count, instruction.kernel.params.data());
  }
}

void Program::Run(int64_t begin, int64_t count, absl::Span<const void* const> inputs, absl::Span<void* const> outputs,
                  void* scratch) const {
  if (count == 0) return;
  void** pointers = static_cast<void**>(scratch);
  char* registers =
      static_cast<char*>(scratch) + RoundUp(static_cast<int64_t>(slots_.size() * sizeof(void*)), kAlignment);
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].reg >= 0) pointers[s] = registers + slots_[s].reg * block_ * static_cast<int64_t>(element_size_);
  }
  for (Slot s : scalar_loads_) {
    const SlotInfo& slot = slots_[s];
    LoadBroadcast(patterns_[slot.pattern], inputs[slot.index], SizeOf(slot.dtype), begin, std::min(count, block_),
                  pointers[s]);
  }
  for (int64_t at = begin; at < begin + count; at += block_) {
    for (Slot s : flat_slots_) {
      const SlotInfo& slot = slots_[s];
      const char* base =
          static_cast<const char*>(slot.storage == Storage::kInput ? inputs[slot.index] : outputs[slot.index]);
      pointers[s] = const_cast<char*>(base) + at * static_cast<int64_t>(SizeOf(slot.dtype));
    }
    RunBlock(at, std::min(block_, begin + count - at), inputs, pointers);
  }
}

}  // namespace adret
