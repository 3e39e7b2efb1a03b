// Counts what kernels report to their epilogues: every op with OpTraits::epilogue, by the rows of the op suite, with
// random sizes and attributes in their place, and every method of convolution.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/op.h"
#include "adret/core/parallel.h"
#include "adret/core/plan/run_op.h"
#include "adret/core/random.h"
#include "adret/core/tensor.h"
#include "adret/ops/kernels/conv/conv2d.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret {

std::vector<OpCase>& AllCases();  // in op_suite.cc

namespace {

constexpr int64_t kMaxElements = 1 << 14;  // of a value
constexpr int kThreads = 2;
constexpr int kVariants = 6;  // of each op among the rows' nodes

// A node without its graph.
struct Specimen {
  const Op* op;
  AttrList attrs;
  std::vector<Type> inputs;
};

// Nodes of the rows' graphs and of their gradients of order 1 and 2, a few of each op.
std::vector<Specimen> Specimens() {
  std::map<std::string, int> count;
  std::vector<Specimen> result;
  for (const OpCase& c : AllCases()) {
    Graph graph;
    Values x, xs, ys;
    for (const InputSpec& input : c.inputs) {
      x.push_back(graph.Input(absl::StrCat("x", x.size()), input.dtype, input.shape));
      if (IsFloating(input.dtype)) xs.push_back(x.back());
    }
    for (const Value& y : c.build(x)) {
      if (IsFloating(y.dtype())) ys.push_back(y);
    }
    if (c.differentiable) Gradients(Gradients(ys, xs), xs);
    for (NodeId id = 0; id < graph.num_nodes(); ++id) {
      const Node& node = graph.node(id);
      if (node.op->traits.leaf || ++count[node.op->name] > kVariants) continue;
      Specimen s{node.op, node.attrs.list(), {}};
      for (ValueId input : node.inputs) s.inputs.push_back(graph.type(input));
      result.push_back(std::move(s));
    }
  }
  return result;
}

// Draws other sizes and attributes for a specimen: equal sizes stay equal, so that most of them still fit together.
class Mutation {
 public:
  Mutation(RandomStream* random, bool keep_attrs) : random_(*random), keep_attrs_(keep_attrs) {}

  Specimen operator()(Specimen s) {
    const DType floating = Chance(2) ? DType::kFloat32 : DType::kFloat64;
    for (Type& type : s.inputs) {
      if (IsFloating(type.dtype)) type.dtype = floating;
      type.shape = Changed(type.shape);
    }
    for (Attr& attr : s.attrs) Change(&attr.value);
    return s;
  }

 private:
  bool Chance(uint32_t n) { return random_.Below(n) == 0; }
  int64_t Size(int64_t size) {
    static constexpr int64_t kSizes[] = {0, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 9, 16, 17, 33};
    const auto [it, inserted] = sizes_.try_emplace(size, size);
    if (inserted && !Chance(3)) it->second = kSizes[random_.Below(std::size(kSizes))];
    return it->second;
  }
  Shape Changed(const Shape& shape) {
    Shape changed;
    for (int64_t size : shape) changed.push_back(Size(size));
    return changed;
  }
  void Change(AttrValue* value) {
    if (auto* shape = std::get_if<Shape>(value)) *shape = Changed(*shape);
    if (keep_attrs_ || Chance(2)) return;
    if (auto* b = std::get_if<bool>(value)) *b = Chance(2);
    if (auto* i = std::get_if<int64_t>(value)) *i = random_.Below(5);
    if (auto* list = std::get_if<std::vector<int64_t>>(value)) {
      for (int64_t& i : *list) i = Chance(2) ? Size(i) : random_.Below(5);
    }
  }

  RandomStream& random_;
  const bool keep_attrs_;
  std::map<int64_t, int64_t> sizes_;
};

Tensor RandomTensor(const Type& type, RandomStream* random) {
  Tensor t(DType::kFloat64, type.shape);
  for (double& v : t.mutable_data<double>()) v = IsFloating(type.dtype) ? random->Uniform(-1, 1) : random->Below(2);
  return t.Cast(type.dtype);
}

// An epilogue that counts how often each element is reported, takes a copy of it at that time, and notes what breaks
// the kernel's promises.
class Counter : public Epilogue {
 public:
  // tiles: ranges go to memory of the thread's own, and the output does not exist.
  Counter(const Kernel& kernel, const Type& type, const void* out, bool tiles)
      : unit_(kernel.finished_unit),
        tile_(kernel.tile_elements),
        size_(type.shape.num_elements()),
        element_(static_cast<int64_t>(SizeOf(type.dtype))),
        out_(static_cast<const char*>(out)),
        counts_(size_),
        copy_(type.dtype, type.shape) {
    if (tiles) memory_.resize(kThreads, std::vector<char>(tile_ * element_ + 64));
    for (std::vector<char>& m : memory_) std::fill(m.begin(), m.end(), char(0x7f));
  }

  void Run(int64_t begin, int64_t n) const override {
    if (begin < 0 || n < 0 || begin + n > size_) return Complain("a range outside of the output");
    if (unit_ > 0 && (begin % unit_ != 0 || n % unit_ != 0)) Complain("a range that is no whole number of units");
    if (!memory_.empty() && n > tile_) return Complain("a range larger than a tile");
    const char* from = memory_.empty() ? out_ + begin * element_ : memory_[ThreadSlot()].data();
    if (n > 0)
      std::memcpy(const_cast<char*>(static_cast<const char*>(copy_.raw())) + begin * element_, from, n * element_);
    for (int64_t i = begin; i < begin + n; ++i) counts_[i].fetch_add(1);
  }
  void* Tile() const override { return memory_.empty() ? nullptr : memory_[ThreadSlot()].data(); }

  // "" or what went wrong.
  std::string Problem(const Tensor& expected) const {
    if (const char* complaint = complaint_.load()) return complaint;
    for (int64_t i = 0; i < size_; ++i) {
      if (counts_[i] != 1) return absl::StrCat("element ", i, " is reported ", counts_[i].load(), " times");
    }
    return copy_.BitEqual(expected) ? "" : "elements are reported before they are final";
  }

 private:
  void Complain(const char* what) const { complaint_.store(what); }

  const int64_t unit_, tile_, size_, element_;
  const char* out_;
  mutable std::vector<std::atomic<int>> counts_;
  Tensor copy_;
  mutable std::vector<std::vector<char>> memory_;  // of each thread
  mutable std::atomic<const char*> complaint_ = nullptr;
};

// What a kernel reports wrongly: "" when nothing, nullopt when it refuses these numbers.
std::optional<std::string> Report(const KernelSpec& spec, absl::Span<const Tensor> inputs, bool tiles) {
  auto kernel = spec.op->kernel(spec);
  if (!kernel.ok()) return std::nullopt;
  std::vector<const void*> in;
  std::vector<void*> out, expected;
  std::vector<Tensor> outputs, references;
  for (const Tensor& t : inputs) in.push_back(t.raw());
  for (const Type& type : spec.outputs) {
    outputs.emplace_back(type.dtype, type.shape), references.emplace_back(type.dtype, type.shape);
    for (Tensor* t : {&outputs.back(), &references.back()}) std::memset(t->mutable_raw(), 0x7f, type.bytes());
  }
  for (Tensor& t : outputs) out.push_back(t.mutable_raw());
  for (Tensor& t : references) expected.push_back(t.mutable_raw());
  if (tiles) out[0] = nullptr;
  const Counter counter(*kernel, spec.outputs[0], out[0], tiles);
  const int64_t stride = (kernel->scratch_bytes + 63) / 64 * 64;
  const auto workspace = AllocateAligned(kernel->workspace_bytes), scratch = AllocateAligned(kThreads * stride);
  static const ThreadPool& pool = *new ThreadPool(*ThreadPool::Create(kThreads));
  if (!workspace.ok() || !scratch.ok()) return "no memory";
  KernelArgs args;
  args.inputs = in, args.outputs = out, args.epilogue = &counter;
  args.workspace = workspace->get(), args.scratch = scratch->get(), args.scratch_stride = stride;
  KernelArgs plain = args;
  plain.outputs = expected, plain.epilogue = nullptr;
  absl::Status status;
  pool.Run([&] {
    status = kernel->run(plain);
    if (status.ok()) status = kernel->run(args);
  });
  if (!status.ok()) return std::nullopt;
  return counter.Problem(references[0]);
}

using Counts = std::map<std::string, int>;

// Runs the node and its gradients of order 1 and 2 one by one, and checks each that has an epilogue. False when it
// cannot be built.
bool Check(const Specimen& s, RandomStream* random, Counts* counts, int64_t* tiled) {
  const auto attrs = s.op->parse_attrs(s.attrs, MissingAttrs::kError);
  if (!attrs.ok()) return false;
  Graph graph;
  std::vector<ValueId> inputs;
  Values xs, ys, seeds;
  for (const Type& type : s.inputs) {
    const Value x = graph.Input(absl::StrCat("x", inputs.size()), type.dtype, type.shape);
    inputs.push_back(x.id());
    if (IsFloating(type.dtype)) xs.push_back(x);
  }
  const NodeId id = graph.AddNode(*s.op, inputs, *attrs, {});
  if (id < 0) return false;
  for (int k = 0; k < static_cast<int>(s.op->outputs.size()); ++k) {
    const Value y(&graph, {id, k});
    if (!IsFloating(y.dtype())) continue;
    ys.push_back(y), seeds.push_back(graph.Input(absl::StrCat("dy", k), y.dtype(), y.shape()));
  }
  if (s.op->gradient != nullptr && !xs.empty() && !ys.empty()) {
    const Values dx = Gradients(ys, xs, {.seeds = seeds});
    xs.insert(xs.end(), seeds.begin(), seeds.end());
    if (graph.status().ok()) Gradients(dx, xs);
  }
  std::vector<std::vector<Tensor>> results;
  for (NodeId i = 0; i < graph.num_nodes(); ++i) {
    const Node& node = graph.node(i);
    for (const Type& type : node.outputs) {
      if (type.shape.num_elements() > kMaxElements) return false;
    }
    std::vector<Tensor> in;
    Types in_types;
    for (ValueId v : node.inputs) in.push_back(results[v.node][v.output]), in_types.push_back(graph.type(v));
    if (node.op->traits.leaf) {
      results.push_back({RandomTensor(node.outputs[0], random)});
      if (node.op->name == "constant") results.back()[0] = node.attrs.As<ConstantAttrs>().value;
      continue;
    }
    auto result = RunOp(*node.op, node.attrs, in_types, node.outputs, in);
    if (!result.ok()) return false;  // numbers that the op refuses
    results.push_back(*std::move(result));
    if (!node.op->traits.epilogue) continue;
    const KernelSpec spec{node.op, &node.attrs, in_types, node.outputs};
    const auto kernel = node.op->kernel(spec);
    for (bool tiles : {false, true}) {
      if (tiles && (!kernel.ok() || kernel->tile_elements == 0)) continue;
      const auto problem = Report(spec, in, tiles);
      if (!problem.has_value()) continue;
      ++(*counts)[node.op->name];
      *tiled += tiles;
      if (problem->empty()) continue;
      std::string types;
      for (const Type& type : in_types) absl::StrAppend(&types, type.ToString(), " ");
      ADD_FAILURE() << node.op->name << ": " << *problem << (tiles ? ", in tiles: " : ": ") << types << "-> "
                    << node.outputs[0].ToString() << " " << ToString(node.attrs.list());
      return true;
    }
  }
  return true;
}

void CheckAll(const std::vector<Specimen>& specimens, uint64_t seed, int rounds, Counts* counts) {
  RandomStream random(seed);
  int64_t tiled = 0;
  for (const Specimen& specimen : specimens) {
    for (int i = 0; i < rounds && !::testing::Test::HasFailure(); ++i) {
      Check(Mutation(&random, /*keep_attrs=*/i % 3 == 0)(specimen), &random, counts, &tiled);
    }
  }
  ::testing::Test::RecordProperty("tiled", absl::StrCat(tiled));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 30;
#else
constexpr int kRounds = 300;
#endif

// Ops whose gradients may have epilogues lead to these, so all are tried once.
std::vector<Specimen> Interesting(std::vector<Specimen> specimens) {
  std::erase_if(specimens, [](const Specimen& s) {
    RandomStream random(1);
    Counts counts;
    int64_t tiled;
    Check(s, &random, &counts, &tiled);
    return counts.empty();
  });
  return specimens;
}

TEST(EpilogueTest, EveryElementIsReportedOnce) {
  Counts counts;
  CheckAll(Interesting(Specimens()), /*seed=*/3, kRounds, &counts);
  if (HasFailure()) return;
  for (const Op* op : AllOps()) {
    if (!op->traits.epilogue) continue;
    EXPECT_GE(counts[op->name], kRounds / 2) << op->name << " was hardly ever run";
  }
}

class EpilogueOfConvolutions : public ::testing::TestWithParam<kernels::Conv2dMethod> {};

TEST_P(EpilogueOfConvolutions, EveryElementIsReportedOnce) {
  std::vector<Specimen> specimens = Specimens();
  std::erase_if(specimens, [](const Specimen& s) { return !s.op->name.starts_with("conv2d"); });
  const kernels::ScopedConv2dMethod forced(GetParam());
  Counts counts;
  CheckAll(specimens, /*seed=*/4 + static_cast<int>(GetParam()), kRounds, &counts);
}

std::string MethodName(const testing::TestParamInfo<kernels::Conv2dMethod>& info) {
  static constexpr const char* kNames[] = {"taps", "one_by_one", "winograd", "columns"};
  return kNames[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Methods, EpilogueOfConvolutions,
                         ::testing::Values(kernels::Conv2dMethod::kTaps, kernels::Conv2dMethod::k1x1,
                                           kernels::Conv2dMethod::kWinograd, kernels::Conv2dMethod::kColumns),
                         MethodName);

}  // namespace
}  // namespace adret
