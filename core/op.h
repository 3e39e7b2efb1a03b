// Op: what an operation is. An op is a constant, registered once: data, not a class hierarchy.
//
//   const OpRegistration kSquare({
//       .name = "square", .doc = "y = x * x.", .inputs = {"x"},
//       .type = SameTypeFloating, .kernel = SquareKernel, .gradient = [](const GradientContext& c) {
//         return Values{c.dy() * (2.0 * c.x(0))};
//       }});
//
// Everything else that adret knows of an op (printing, files, docs/ops.md, gradient tests) is derived from its entry.
#ifndef ADRET_CORE_OP_H_
#define ADRET_CORE_OP_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/attrs.h"
#include "adret/core/random.h"
#include "adret/core/shape.h"
#include "adret/core/status.h"

namespace adret {

struct AxisRules;  // core/axis_rules.h
struct Op;
class Value;
class GradientContext;
class BatchContext;  // core/batch.h
using Values = std::vector<Value>;
using Types = absl::InlinedVector<Type, 2>;

// ---- Type rule -------------------------------------------------------------------------------------------------

// What a type rule sees: the types of the inputs and the attributes. Shapes may be symbolic. The number of inputs has
// been checked already.
class TypeContext {
 public:
  TypeContext(const Op& op, absl::Span<const Type> inputs, const Attrs& attrs)
      : op_(op), inputs_(inputs), attrs_(attrs) {}

  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  const Type& type(int i) const { return inputs_[i]; }
  DType dtype(int i) const { return inputs_[i].dtype; }
  const Shape& shape(int i) const { return inputs_[i].shape; }
  template <class T>
  const T& attrs() const {
    return attrs_.As<T>();
  }

  // "conv2d: <message> (x f32[?,3,28,28], w f32[25,1,3,3])"
  template <class... Parts>
  absl::Status Error(const Parts&... parts) const {
    return ErrorText(absl::StrCat(parts...));
  }
  // Fails unless input i is f32 or f64.
  absl::Status RequireFloating(int i) const;
  // Fails unless ops have arithmetic for the dtype of input i (HasArithmetic()).
  absl::Status RequireArithmetic(int i) const;
  // Fails unless all inputs have one dtype.
  absl::Status RequireSameDType() const;
  // Fails unless input i has this rank.
  absl::Status RequireRank(int i, int rank) const;

 private:
  absl::Status ErrorText(absl::string_view message) const;
  absl::string_view InputName(int i) const;

  const Op& op_;
  absl::Span<const Type> inputs_;
  const Attrs& attrs_;
};

// Types of the outputs, or an error made by TypeContext::Error. Must refuse every attribute value that the kernel could
// not survive: files are validated by replaying this rule.
using TypeRule = absl::StatusOr<Types> (*)(const TypeContext&);

// Input 0's type; the op must have the same dtype and shape in every input (graph builders insert broadcasts).
absl::StatusOr<Types> SameType(const TypeContext& c);
// SameType, for f32 and f64 only.
absl::StatusOr<Types> SameTypeFloating(const TypeContext& c);
// The inputs' common shape with dtype bool.
absl::StatusOr<Types> SameShapeBool(const TypeContext& c);

// ---- Kernels ----------------------------------------------------------------------------------------------------

// Element-wise ops give a loop over spans; the executor strings loops together block by block, so that chains make one
// pass over memory. The loop computes out[i] = f(in[0][i], in[1][i], ...) for i < n, single-threaded. Blocks may start
// at any element; out may equal one of the inputs (never overlap it otherwise).
struct SpanKernel {
  using Fn = void (*)(const void* const* in, void* out, int64_t n, const double* params);
  Fn fn = nullptr;
  std::array<double, 3> params{};  // e.g. slope, lower and upper bound
};

// One body of a node (Op::bodies), planned and ready to run.
class Body {
 public:
  virtual ~Body() = default;
  // The memory that one run needs, aligned to kAlignment; the same memory serves run after run.
  virtual int64_t memory_bytes() const = 0;
  virtual double flops() const = 0;
  // Runs the body on its inputs, in order, and writes its outputs, in order, none of which overlaps an input. Allocates
  // nothing. Thread-safe where each run has memory of its own.
  virtual absl::Status Run(absl::Span<const void* const> inputs, absl::Span<void* const> outputs,
                           void* memory) const = 0;
};

// What a kernel is specialised for: everything is concrete.
struct KernelSpec {
  const Op* op = nullptr;
  const Attrs* attrs = nullptr;
  absl::Span<const Type> inputs;
  absl::Span<const Type> outputs;
  bool strict = false;                                        // see ExecutorOptions::strict
  absl::Span<const std::shared_ptr<const Body>> bodies = {};  // those of Op::bodies, planned

  const Shape& x(int i) const { return inputs[i].shape; }
  const Shape& y(int i = 0) const { return outputs[i].shape; }
  DType dtype() const { return inputs.empty() ? outputs[0].dtype : inputs[0].dtype; }
  template <class T>
  const T& As() const {
    return attrs->As<T>();
  }
};

// Runs what follows a kernel on parts of its output 0 while they are still in cache. The kernel (with
// OpTraits::epilogue) and its epilogue keep the tile protocol. For each range [begin, begin + n) of output 0, in
// row-major order, the kernel
//   1. asks KernelArgs::Tile(begin) where to write the range, and writes it there. A kernel with tile_elements = 0 has
//      no tiles: it writes to the output.
//   2. calls KernelArgs::Finished(begin, n): the range is final, and the epilogue runs on it. This happens in the
//      thread of step 1, before that thread's next Tile().
// Ranges may come in any order and from several threads. Each element of output 0 is in exactly one of them.
//
//   output 0   |-- unit --|-- unit --|-- unit --|-- unit --|     Kernel::finished_unit: ranges begin and end at a bar
//                         |<----- one range ---->|               at most Kernel::tile_elements long
//                                    |
//              tile of thread 1:  [######]  -- Finished() -->  bias, relu, pooling  -->  stored for later steps
//              tile of thread 2:  [######]                     A tile is reused for the next range: output 0 need not
//                                                              exist as a whole when nothing else reads it.
class Epilogue {
 public:
  virtual ~Epilogue() = default;
  // Runs on elements [begin, begin + n) of output 0, which are final. Thread-safe.
  virtual void Run(int64_t begin, int64_t n) const = 0;
  // Returns the calling thread's tile, or nullptr where ranges are written to their place in the output.
  virtual void* Tile() const = 0;
};

// One execution of a kernel.
struct KernelArgs {
  absl::Span<const void* const> inputs;
  absl::Span<void* const> outputs;
  void* workspace = nullptr;  // Kernel::workspace_bytes, aligned, uninitialised
  void* scratch = nullptr;    // Kernel::scratch_bytes for each thread slot; see ThreadScratch()
  int64_t scratch_stride = 0;
  RandomKey random;                    // for random ops: seed and step of the run (the stream is the op's attribute)
  const Epilogue* epilogue = nullptr;  // see OpTraits::epilogue

  template <class T>
  const T* in(int i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <class T>
  T* out(int i = 0) const {
    return static_cast<T*>(outputs[i]);
  }
  // Kernel::scratch_bytes of memory that only the calling thread uses; for the body of a ParallelFor that starts no
  // parallel loop itself.
  void* ThreadScratch() const;
  // Step 2 of the tile protocol (see Epilogue): tells the epilogue, if there is one, that [begin, begin + n) of output
  // 0 is final.
  void Finished(int64_t begin, int64_t n) const {
    if (epilogue != nullptr) epilogue->Run(begin, n);
  }
  // Step 1 of the tile protocol (see Epilogue): returns where to write the range of output 0 that begins there.
  template <class T>
  T* Tile(int64_t begin) const {
    void* tile = epilogue == nullptr ? nullptr : epilogue->Tile();
    return tile == nullptr ? out<T>() + begin : static_cast<T*>(tile);
  }
};

// Some planes of an op with OpTraits::planes; pointers to the first of them, nullptr for outputs that nobody reads.
struct PlaneArgs {
  const void* x = nullptr;
  absl::Span<void* const> outputs;
  int64_t planes = 0;
};

// A kernel specialised for concrete shapes.
struct Kernel {
  // Writes every element of every output (which start uninitialised). Outputs never overlap inputs, except as
  // check_in_place says. Fails only for data errors (an index out of range); the op's name and the node's are added by
  // the caller.
  std::function<absl::Status(const KernelArgs&)> run;
  // Given by kernels whose output 0 may be input 0's memory, so that they change a few elements of a large array and
  // move none of the others. Fails where `run` would fail and writes nothing: `run` on the same inputs succeeds after
  // it. So the executor can ask all kernels that update a variable in place before the first of them writes.
  std::function<absl::Status(const KernelArgs&)> check_in_place = nullptr;
  int64_t workspace_bytes = 0;
  int64_t scratch_bytes = 0;  // per thread slot
  double flops = 0;           // arithmetic of one run, for plans and summaries

  // What the kernel promises of the ranges of the tile protocol (see Epilogue). finished_unit > 0: each begins at a
  // multiple of that many elements and has a multiple of it. tile_elements > 0, too: the kernel takes step 1, and no
  // range has more elements than that.
  int64_t finished_unit = 0, tile_elements = 0;

  // With OpTraits::planes: `run` for planes of in_plane elements of the input, out_plane of each output.
  // Single-threaded.
  std::function<void(const PlaneArgs&)> run_planes = nullptr;
  int64_t in_plane = 0, out_plane = 0;
};
using KernelFactory = std::function<absl::StatusOr<Kernel>(const KernelSpec&)>;

// ---- The op itself ----------------------------------------------------------------------------------------------

// Appends nodes that compute the gradient with respect to every input: one Value per input, in order. A
// default-constructed Value says: structurally zero (an index, a condition, a shape-only input).
using GradientRule = std::function<Values(const GradientContext&)>;

// Appends nodes that apply the op to every example of a batch at once. Returns the outputs, each with the axis of
// examples in front; or nothing, to say that the rule has no answer for these inputs and one is to be derived.
using BatchRule = std::function<Values(const BatchContext&)>;

struct OpTraits {
  bool view = false;        // output 0 is input 0's numbers under another shape; no kernel needed
  bool identity = false;    // every output equals the input of its number; the executor drops the node
  bool barrier = false;     // output 0 is input 0, but what reads it runs after the other inputs are there; no kernel
  bool broadcast = false;   // output 0 is input 0 repeated along axes (right-aligned); fused as a loader
  bool random = false;      // depends on KernelArgs::random; never merged or folded
  bool shape_only = false;  // needs the input's shape, not its numbers
  bool epilogue = false;    // calls KernelArgs::Finished once for every element of output 0
  bool planes = false;      // outputs consist of planes that depend on one plane of the only input each: run_planes
  bool leaf = false;        // has no kernel: the executor supplies the value (variable, input, constant)
};

struct Op {
  std::string name;                      // snake_case, the file's name or its family's
  std::string doc;                       // the defining equation, one line; docs/ops.md is made of these
  std::vector<std::string> inputs = {};  // names of the inputs
  std::vector<std::string> outputs = {"y"};
  bool variadic = false;          // the last input may be repeated, at least once
  bool variadic_outputs = false;  // the type rule says how many outputs there are
  AttrsParser parse_attrs = &ParseAttrs<NoAttrs>;
  TypeRule type = nullptr;

  // Exactly one of these, unless the op is a view, an identity, a barrier or a leaf.
  KernelFactory kernel = nullptr;
  std::function<SpanKernel(const KernelSpec&)> span_kernel = nullptr;  // makes the op element-wise

  // Exactly one of these two.
  GradientRule gradient = nullptr;
  std::string no_gradient = "";  // why there is none: asking for it is an error that says so

  // Optional: how the op is applied to a batch of examples (autograd/vmap.h), where that does not follow from what is
  // declared below and in `traits`.
  BatchRule batch = nullptr;

  // Optional: the input that the node equals given its attributes and constant inputs (x + 0, a transpose by the
  // identity), or -1.
  std::function<int(const Attrs& attrs, absl::Span<const Type> types, absl::Span<const Tensor* const> constants)>
      same_as_input = nullptr;
  // Optional: how a shape that a graph computes is known before a run (ops/shape_of.h). `moves` are the inputs (a set
  // of bits, Inputs()) whose elements the outputs consist of, whatever they are; the others have to be constants.
  // `of_dims` is what an element-wise op makes of dimensions.
  uint32_t moves = 0;
  std::optional<Dim> (*of_dims)(absl::Span<const Dim> operands) = nullptr;
  // Optional: multiply-adds as users count them (in `Summary`), for ops with products.
  std::function<int64_t(absl::Span<const Type> inputs, const Type& output)> multiply_adds = nullptr;
  // Optional: how a part of the result follows from parts of the operands, so that plans compute no more than is looked
  // at. Element-wise ops need none.
  std::shared_ptr<const AxisRules> axes = nullptr;

  // Optional: the bodies among the attributes, for ops that run other nodes. The planner makes a plan of each and gives
  // them to the kernel as KernelSpec::bodies.
  std::function<std::vector<std::shared_ptr<const Subgraph>>(const Attrs& attrs)> bodies = nullptr;

  // Optional: whether a node with attributes `longer` computes, as its first outputs, all outputs of a node with
  // attributes `shorter` on the same inputs. Then plans run the longer node alone.
  std::function<bool(const Attrs& longer, const Attrs& shorter)> extends = nullptr;

  OpTraits traits = {};

  bool elementwise() const { return span_kernel != nullptr; }
};

// The registered op of that name, or nullptr. Pointers stay valid for the life of the process. Thread-safe.
const Op* FindOp(absl::string_view name);
// All ops, by name.
std::vector<const Op*> AllOps();
// Fails when the op contradicts itself or its name is taken. Thread-safe.
absl::Status RegisterOp(Op op);

// Registers at start-up; a contradiction ends the program with the reason.
struct OpRegistration {
  explicit OpRegistration(Op op);
  const Op* op;
};

}  // namespace adret

#endif  // ADRET_CORE_OP_H_
