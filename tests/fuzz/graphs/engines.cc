#include "adret/tests/fuzz/graphs/engines.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/io/model.h"
#include "adret/tests/fuzz/graphs/laws.h"
#include "adret/tests/fuzz/graphs/run_nodes.h"
#include "adret/tests/fuzz/graphs/run_plan.h"

namespace adret::fuzz {
namespace {

// What laws say concerns the graph; one plan more finds what is wrong with such graphs.
constexpr Engine kEnginesOfLaws[] = {Engine::kFused};
constexpr double kDifferenceError = 1e-5;   // of difference quotients, relative
constexpr double kLargestDifference = 1e4;  // beyond, a function bends within the difference

const ThreadPool& OneThread() {
  static const ThreadPool* pool = new ThreadPool(*ThreadPool::Create(1));
  return *pool;
}
const ThreadPool& SeveralThreads() {
  static const ThreadPool* pool = new ThreadPool(*ThreadPool::Create(std::max(2, HardwareThreads())));
  return *pool;
}

// Appends what one run gave: its fetches, then the variables that the case updates.
absl::Status Append(const GraphCase& c, std::vector<Tensor> fetched, const State& state, Outcome* outcome) {
  for (Tensor& t : fetched) outcome->values.push_back(std::move(t));
  for (const Update& u : c.updates) {
    AD_ASSIGN_OR_RETURN(Tensor t, state.Get(u.variable.name()));
    outcome->values.push_back(std::move(t));
  }
  return absl::OkStatus();
}

// What the value of that index in an outcome is: "run 0, fetch 1, sum_1 (sum, f64[2])".
std::string Describe(const GraphCase& c, size_t index) {
  const size_t per_run = c.fetches.size() + c.updates.size(), k = index % per_run;
  const bool fetch = k < c.fetches.size();
  const Value v = fetch ? c.fetches[k] : c.updates[k - c.fetches.size()].value;
  return absl::StrCat("run ", index / per_run, fetch ? ", fetch " : ", update ", fetch ? k : k - c.fetches.size(), ", ",
                      v.name(), " (", c.graph->node(v.node()).op->name, ", ", v.type().ToString(), ")");
}

// Whether rewrites may act on the node, or on one in its bodies.
bool IsRewritten(const Node& node) {
  const AxisRules* rules = node.op->axes.get();
  if (rules != nullptr && (rules->window.kind != WindowRules::Kind::kNone || !rules->scatter_of.empty())) return true;
  const std::vector<NamedBody> bodies = BodiesOf(node);
  for (size_t b = 0; b < bodies.size(); ++b) {
    const Subgraph& body = *bodies[b].body;
    if (node.op->bodies(node.attrs)[b].get() != &body) return true;  // it runs in parts, whose products are smaller
    for (NodeId id = 0; id < body.graph().num_nodes(); ++id) {
      if (IsRewritten(body.graph().node(id))) return true;
    }
  }
  return false;
}

// The case's nodes in groups that share no value but leaves, and what is known of each group. Plans of one group do not
// depend on what the others are.
class Groups {
 public:
  explicit Groups(const GraphCase& c) : case_(c), parent_(c.graph->num_nodes()), needed_(NeededNodes(c)) {
    std::iota(parent_.begin(), parent_.end(), 0);
    for (NodeId id = 0; id < c.graph->num_nodes(); ++id) {
      for (ValueId v : c.graph->node(id).inputs) {
        const bool leaf = c.graph->node(v.node).op->traits.leaf;
        if (needed_[id] && (!leaf || IsUpdated(v.node))) Join(id, v.node);
      }
    }
    for (const Update& u : c.updates) Join(u.variable.node(), u.value.node());
    rewritten_.resize(parent_.size());
    infinite_.resize(parent_.size());
    for (NodeId id = 0; id < c.graph->num_nodes(); ++id) {
      if (needed_[id] && IsRewritten(c.graph->node(id))) rewritten_[Find(id)] = true;
    }
  }

  // Notes which groups have a number that is infinite or NaN.
  void Look(const NodeOutputs& outputs) {
    for (NodeId id = 0; id < static_cast<NodeId>(outputs.size()); ++id) {
      for (const Tensor& t : outputs[id]) {
        for (int64_t i = 0; IsAnyFloating(t.dtype()) && i < t.num_elements(); ++i) {
          if (!std::isfinite(t.At(i))) infinite_[Find(id)] = true;
        }
      }
    }
  }

  // Whether rewrites may change the order of sums in the group of a node.
  bool MayBeRewritten(NodeId id) const { return rewritten_[Find(id)]; }
  bool IsFinite(NodeId id) const { return !infinite_[Find(id)]; }

 private:
  bool IsUpdated(NodeId variable) const {
    return std::any_of(case_.updates.begin(), case_.updates.end(),
                       [&](const Update& u) { return u.variable.node() == variable; });
  }
  NodeId Find(NodeId id) const {
    while (parent_[id] != id) id = parent_[id];
    return id;
  }
  void Join(NodeId a, NodeId b) {
    const NodeId root = Find(b);
    parent_[Find(a)] = root;
    parent_[a] = parent_[b] = root;
  }

  const GraphCase& case_;
  std::vector<NodeId> parent_;
  const std::vector<bool> needed_;
  std::vector<bool> rewritten_, infinite_;  // of the groups, by the node that stands for them
};

// The node of the value of that index in an outcome.
NodeId NodeOf(const GraphCase& c, size_t index) {
  const size_t k = index % (c.fetches.size() + c.updates.size());
  return k < c.fetches.size() ? c.fetches[k].node() : c.updates[k - c.fetches.size()].value.node();
}

// `all` receives the outputs of all nodes in all runs.
absl::StatusOr<Outcome> RunNodeByNode(const GraphCase& c, Noise* noise, Groups* groups,
                                      std::vector<NodeOutputs>* all = nullptr) {
  Outcome outcome;
  State state = c.state;
  const std::vector<bool> needed = NeededNodes(c);
  for (const Feeds& feeds : c.runs) {
    AD_ASSIGN_OR_RETURN(const NodeOutputs outputs, RunNodes(*c.graph, needed, feeds, state, noise));
    if (groups != nullptr) groups->Look(outputs);
    std::vector<Tensor> fetched;
    for (const Value& v : c.fetches) fetched.push_back(outputs[v.node()][v.id().output]);
    ApplyUpdates(c.updates, outputs, &state);
    AD_RETURN_IF_ERROR(Append(c, std::move(fetched), state, &outcome));
    if (all != nullptr) all->push_back(outputs);
  }
  return outcome;
}

absl::StatusOr<Outcome> RunPlans(const GraphCase& c, Engine engine, unsigned char poison) {
  PlanOptions options;
  options.fuse = engine != Engine::kUnfused;
  options.profile = engine == Engine::kProfiled;
  Values fetches = c.fetches;
  if (engine == Engine::kEveryValue) {
    const std::vector<bool> needed = NeededNodes(c);
    for (NodeId id = c.graph->num_nodes() - 1; id >= 0; --id) {
      if (!needed[id] || c.graph->node(id).op->traits.leaf) continue;
      for (int k = 0; k < static_cast<int>(c.graph->node(id).outputs.size()); ++k) {
        fetches.emplace_back(c.graph.get(), ValueId{id, k});
      }
    }
  }
  PlanRunner runner(c, fetches, options, engine == Engine::kThreads ? SeveralThreads() : OneThread(), poison);
  Outcome outcome;
  State state = c.state;
  for (const Feeds& feeds : c.runs) {
    AD_ASSIGN_OR_RETURN(std::vector<Tensor> fetched, runner.Run(feeds, &state));
    fetched.resize(c.fetches.size());
    AD_RETURN_IF_ERROR(Append(c, std::move(fetched), state, &outcome));
  }
  return outcome;
}

absl::StatusOr<Outcome> RunExecutor(const GraphCase& c) {
  ExecutorOptions options;
  options.threads = 1;
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create(c.fetches, c.updates, options));
  Outcome outcome;
  State state = c.state;
  for (const Feeds& feeds : c.runs) {
    AD_ASSIGN_OR_RETURN(std::vector<Tensor> fetched, executor.Run(feeds, &state));
    // The executor writes the next run's results over tensors that nobody holds, and these are held.
    AD_RETURN_IF_ERROR(Append(c, std::move(fetched), state, &outcome));
  }
  return outcome;
}

absl::StatusOr<Outcome> RunLoaded(const GraphCase& c) {
  io::ModelContents contents{.graph = c.graph.get(), .state = &c.state, .updates = c.updates};
  for (const Value& v : c.fetches) contents.outputs.push_back({absl::StrCat("fetch", contents.outputs.size()), v});
  AD_ASSIGN_OR_RETURN(const std::string bytes, io::SerializeModel(contents));
  AD_ASSIGN_OR_RETURN(io::Model model, io::ParseModel(bytes));
  GraphCase loaded;
  for (const io::NamedValue& output : model.outputs) loaded.fetches.push_back(output.value);
  loaded.updates = model.updates;
  loaded.state = model.state;
  for (const Feeds& feeds : c.runs) {
    Feeds& copies = loaded.runs.emplace_back();
    for (const auto& [input, tensor] : feeds) {
      AD_ASSIGN_OR_RETURN(const Value copy, model.graph->Find(input.name()));
      copies.emplace_back(copy, tensor);
    }
  }
  loaded.graph = std::move(model.graph);
  return RunExecutor(loaded);
}

// ---- Comparison ----

bool SameNumber(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// The first element from `from` on that differs, or -1.
int64_t FirstDifference(const Tensor& a, const Tensor& b, int64_t from) {
  for (int64_t i = from; i < a.num_elements(); ++i) {
    if (!SameNumber(a.At(i), b.At(i))) return i;
  }
  return -1;
}

// How far each element of the reference may be off, from runs with noise.
class Tolerance {
 public:
  Tolerance(const GraphCase& c, const Outcome& reference) : case_(c), reference_(reference) {}

  // How far element i of value k may be off.
  double Of(size_t k, int64_t i) {
    const double expected = reference_.values[k].At(i);
    if (samples_.empty()) Measure();
    if (jumps_) return std::numeric_limits<double>::infinity();
    double spread = 0;
    for (const Outcome& sample : samples_) {
      const double v = sample.values[k].At(i);
      if (!std::isfinite(v)) return std::numeric_limits<double>::infinity();
      spread = std::max(spread, std::abs(v - expected));
    }
    return kMargin * spread + 64 * Epsilon(k) * std::abs(expected);
  }

  // Whether element i of value k may be `found`.
  bool Allows(size_t k, int64_t i, double found) {
    const double expected = reference_.values[k].At(i), off = std::abs(found - expected);
    const DType dtype = reference_.values[k].dtype();
    // What is next to a tie may be rounded to either of two neighbours.
    const double neighbour = dtype == DType::kBFloat16 ? 0x1p-7 : dtype == DType::kFloat16 ? 0x1p-10 : 0;
    if (off <= neighbour * std::abs(expected)) return true;
    return (IsFloating(dtype) && off <= 16 * Epsilon(k) * std::abs(expected)) || off <= Of(k, i);
  }

 private:
  static constexpr double kMargin = 16;
  static constexpr int kSamples = 32;

  double Epsilon(size_t k) const {
    return reference_.values[k].dtype() == DType::kFloat32 ? std::numeric_limits<float>::epsilon()
                                                           : std::numeric_limits<double>::epsilon();
  }

  void Measure() {
    std::vector<NodeOutputs> exact;
    (void)RunNodeByNode(case_, nullptr, nullptr, &exact);
    for (int s = 0; s < kSamples; ++s) {
      Noise noise{RandomStream(17, s), 4};
      std::vector<NodeOutputs> disturbed;
      absl::StatusOr<Outcome> sample = RunNodeByNode(case_, &noise, nullptr, &disturbed);
      jumps_ |= sample.ok() && Jumps(exact, disturbed);
      // An index that noise carried out of its range says that the place is chosen by rounding.
      if (sample.ok()) samples_.push_back(*std::move(sample));
    }
  }

  // Whether noise carries some number far from where it was. The sign of what is left of a difference of equal numbers
  // is such a number: chosen by rounding, and right where it is 0, too, which noise never makes it.
  static bool Jumps(const std::vector<NodeOutputs>& exact, const std::vector<NodeOutputs>& disturbed) {
    constexpr double kFar = 0.1, kNothing = 1e-3;  // what cancels to nothing may be anything
    for (size_t run = 0; run < exact.size(); ++run) {
      for (size_t node = 0; node < exact[run].size(); ++node) {
        for (size_t k = 0; k < exact[run][node].size(); ++k) {
          const Tensor &a = exact[run][node][k], &b = disturbed[run][node][k];
          double largest = 0, farthest = 0;
          for (int64_t i = 0; i < a.num_elements(); ++i) {
            largest = std::max(largest, std::abs(b.At(i)));
            farthest = std::max(farthest, std::abs(a.At(i) - b.At(i)));
          }
          if (largest > kNothing && farthest > kFar * largest) return true;
        }
      }
    }
    return false;
  }

  const GraphCase& case_;
  const Outcome& reference_;
  std::vector<Outcome> samples_;
  bool jumps_ = false;
};

absl::Status Different(const GraphCase& c, absl::string_view engine, absl::string_view other, size_t k, int64_t i,
                       const Tensor& found, const Tensor& expected) {
  std::string numbers;
  if (found.num_elements() <= 64) {
    numbers = absl::StrCat("\n", engine, ": ", found.ToString(), "\n", other, ": ", expected.ToString());
  }
  return absl::DataLossError(absl::StrCat(engine, " differs from ", other, ": ", Describe(c, k), ": element ", i,
                                          " is ", found.At(i), " instead of ", expected.At(i), numbers));
}

absl::Status CheckTypes(const GraphCase& c, absl::string_view engine, const Outcome& found, const Outcome& expected) {
  if (found.values.size() != expected.values.size()) {
    return absl::DataLossError(
        absl::StrCat(engine, " gives ", found.values.size(), " values instead of ", expected.values.size()));
  }
  for (size_t k = 0; k < found.values.size(); ++k) {
    if (found.values[k].type() == expected.values[k].type()) continue;
    return absl::DataLossError(absl::StrCat(engine, " gives a value of type ", found.values[k].type().ToString(),
                                            " instead of ", expected.values[k].type().ToString(), ": ",
                                            Describe(c, k)));
  }
  return absl::OkStatus();
}

absl::Status CheckSameBits(const GraphCase& c, absl::string_view engine, const Outcome& found, absl::string_view other,
                           const Outcome& expected) {
  AD_RETURN_IF_ERROR(CheckTypes(c, engine, found, expected));
  for (size_t k = 0; k < found.values.size(); ++k) {
    const Tensor &f = found.values[k], &e = expected.values[k];
    const int64_t i = FirstDifference(f, e, 0);
    if (i >= 0) return Different(c, engine, other, k, i, f, e);
  }
  return absl::OkStatus();
}

absl::Status CheckAgainstReference(const GraphCase& c, absl::string_view engine, const Outcome& found,
                                   const Outcome& reference, const Groups& groups, Tolerance* tolerance) {
  AD_RETURN_IF_ERROR(CheckTypes(c, engine, found, reference));
  for (size_t k = 0; k < found.values.size(); ++k) {
    const NodeId node = NodeOf(c, k);
    const Tensor &f = found.values[k], &e = reference.values[k];
    const bool rewritten = groups.MayBeRewritten(node);
    if (rewritten && !groups.IsFinite(node)) continue;
    int64_t i = FirstDifference(f, e, 0);
    while (rewritten && i >= 0 && tolerance->Allows(k, i, f.At(i))) i = FirstDifference(f, e, i + 1);
    if (i >= 0) return Different(c, engine, "node by node", k, i, f, e);
  }
  return absl::OkStatus();
}

// Whether element i of both values is equal, as far as rounding and the margin allow.
bool AreEqual(const Outcome& reference, size_t a, size_t b, double margin, int64_t i, double largest,
              Tolerance* tolerance) {
  const Tensor &found = reference.values[a], &expected = reference.values[b];
  const double off = std::abs(found.At(i) - expected.At(i));
  const bool narrow = expected.dtype() == DType::kFloat32;
  if (off <= (narrow ? 1e-4 : 1e-9) * largest + margin) return true;
  return IsFloating(expected.dtype()) && off <= tolerance->Of(a, i) + tolerance->Of(b, i) + margin;
}

// Whether a node, or one in its bodies, runs a body or does not.
bool Chooses(const Graph& graph) {
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (node.op->name == "if" || node.op->name == "while") return true;
    for (const NamedBody& named : BodiesOf(node)) {
      if (Chooses(named.body->graph())) return true;
    }
  }
  return false;
}

// What a case says of pairs of values, for the reference: plans are compared with it anyway.
absl::Status CheckEqualValues(const GraphCase& c, const Outcome& reference, const Groups& groups,
                              Tolerance* tolerance) {
  const auto place = [&](const Value& v) {
    return std::find(c.fetches.begin(), c.fetches.end(), v) - c.fetches.begin();
  };
  for (const EqualValues& pair : c.equal) {
    const size_t a = place(pair.a), b = place(pair.b);
    const Tensor &found = reference.values[a], &expected = reference.values[b];
    if (!groups.IsFinite(pair.b.node())) continue;
    // A chain of derivatives may be 0 times infinity where the function as a whole has one: sqrt(0 x).
    if (pair.margin.graph() != nullptr && !groups.IsFinite(pair.a.node())) continue;
    // For a batch, what an example does not choose is computed all the same (autograd/if.h).
    if (!groups.IsFinite(pair.a.node()) && Chooses(*c.graph)) continue;
    if (found.type() != expected.type()) {
      return absl::DataLossError(absl::StrCat("not of equal types: ", Describe(c, a), " and ", Describe(c, b)));
    }
    double largest = 0;
    for (int64_t i = 0; i < expected.num_elements(); ++i) largest = std::max(largest, std::abs(expected.At(i)));
    if (pair.margin.graph() != nullptr && largest > kLargestDifference) continue;
    const double margin = pair.margin.graph() == nullptr ? 0
                                                         : 10 * std::abs(reference.values[place(pair.margin)].At(0)) +
                                                               kDifferenceError * (largest + 0.1);
    for (int64_t i = 0; i < expected.num_elements(); ++i) {
      if (AreEqual(reference, a, b, margin, i, largest, tolerance)) continue;
      return Different(c, "one way", "the other, " + Describe(c, b), a, i, found, expected);
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string Name(Engine engine) {
  switch (engine) {
    case Engine::kNodeByNode:
      return "node by node";
    case Engine::kUnfused:
      return "the unfused plan";
    case Engine::kFused:
      return "the fused plan";
    case Engine::kThreads:
      return "the fused plan with several threads";
    case Engine::kProfiled:
      return "the profiled plan";
    case Engine::kExecutor:
      return "the executor";
    case Engine::kSavedAndLoaded:
      return "the saved and loaded graph";
    case Engine::kEveryValue:
      break;
  }
  return "the plan that fetches every value";
}

absl::StatusOr<Outcome> RunEngine(const GraphCase& c, Engine engine, unsigned char poison) {
  if (engine == Engine::kNodeByNode) return RunNodeByNode(c, nullptr, nullptr);
  if (engine == Engine::kExecutor) return RunExecutor(c);
  if (engine == Engine::kSavedAndLoaded) return RunLoaded(c);
  return RunPlans(c, engine, poison);
}

absl::Status CompareEngines(const GraphCase& c, absl::Span<const Engine> engines) {
  AD_RETURN_IF_ERROR(c.graph->status());
  if (!c.law.empty()) {
    const std::optional<GraphCase> both = ApplyLaw(c);
    return both.has_value() ? CompareEngines(*both, kEnginesOfLaws) : absl::OkStatus();
  }
  for (const Value& v : c.fetches) {
    if (!v.valid()) return absl::InvalidArgumentError("a fetch is a Value that was never built");
  }
  Groups groups(c);
  const absl::StatusOr<Outcome> reference = RunNodeByNode(c, nullptr, &groups);
  if (!reference.ok()) return absl::OkStatus();
  Tolerance tolerance(c, *reference);
  AD_RETURN_IF_ERROR(CheckEqualValues(c, *reference, groups, &tolerance));
  std::string first_name;
  Outcome first;
  unsigned char poison = 0xff;
  for (Engine engine : engines) {
    if (engine == Engine::kNodeByNode) continue;
    const std::string name = Name(engine);
    absl::StatusOr<Outcome> found = RunEngine(c, engine, poison);
    poison = static_cast<unsigned char>(poison * 5 + 0x31);
    if (!found.ok()) return absl::Status(found.status().code(), absl::StrCat(name, ": ", found.status().message()));
    AD_RETURN_IF_ERROR(CheckAgainstReference(c, name, *found, *reference, groups, &tolerance));
    // What else is fetched decides what can be moved.
    if (engine == Engine::kEveryValue) continue;
    if (!first_name.empty()) AD_RETURN_IF_ERROR(CheckSameBits(c, name, *found, first_name, first));
    if (first_name.empty()) first_name = name, first = *std::move(found);
  }
  return absl::OkStatus();
}

}  // namespace adret::fuzz
