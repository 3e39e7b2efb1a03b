// The gradient of a scan: a scan over the same steps in the other direction.
//
//   forward    (c_t+1, y_t) = body(c_t, x_t, w)                c is the carry, w what is captured
//   extended   (c_t+1, y_t, r_t) = body'(c_t, x_t, w)          r: residuals, what the gradient of a step reads of it
//   backward   (dc_t, dw, dx_t) = gradient(dc_t+1, dw, r_t, x_t, dy_t, w)        dw is added up in the carry
//
// A gradient dw_t = a_t^T b_t, as that of a weight is (with examples on axis 0), is not added up: the backward scan
// gives the factors, and dw is one product of those of all steps, one below the other.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/body_internal.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/scan_internal.h"
#include "adret/core/ancestors.h"
#include "adret/core/axis_rules.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/reshape.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

// Returns whether a node sums products along axis 0 of all its inputs: no output has that axis. Then the same op on
// longer inputs adds up what it gives for their parts.
bool SumsAlongFirstAxis(const Graph& graph, const Node& node) {
  const size_t n = node.inputs.size();
  const AxisRules* const axes = node.op->axes.get();
  if (node.op->multiply_adds == nullptr || axes == nullptr || axes->attrs_of_slices != nullptr) return false;
  if (axes->linear_in != (uint32_t{1} << n) - 1 || node.outputs.size() != 1) return false;
  Types inputs;
  for (ValueId v : node.inputs) inputs.push_back(graph.type(v));
  const LabelMap labels = LabelsFor({node.op, &node.attrs, inputs, node.outputs});
  if (labels.inputs.size() != n || labels.inputs[0].empty()) return false;
  const int id = labels.inputs[0][0].id;
  const auto has = [&](const AxisLabel& label) { return label.id == id; };
  if (id < 0) return false;
  for (const AxisLabels& input : labels.inputs) {
    if (input.empty() || input[0].id != id || input[0].unit != 1) return false;
    if (std::count_if(input.begin(), input.end(), has) != 1) return false;
  }
  return std::none_of(labels.outputs.begin(), labels.outputs.end(),
                      [&](const AxisLabels& output) { return std::any_of(output.begin(), output.end(), has); });
}

Value In(DType dtype, const Value& v) { return v.dtype() == dtype ? v : Cast(v, dtype); }

class ScanDifferentiator {
 public:
  explicit ScanDifferentiator(const GradientContext& c)
      : c_(c),
        attrs_(c.attrs<ScanAttrs>()),
        carries_(static_cast<int>(attrs_.carries)),
        captures_(static_cast<int>(attrs_.carries + attrs_.each)) {}

  absl::StatusOr<Values> Run() {
    AD_RETURN_IF_ERROR(CopyBody());
    AD_RETURN_IF_ERROR(DifferentiateStep());
    FindResiduals();
    AD_ASSIGN_OR_RETURN(const Values residuals, AddExtended());
    return AddBackward(residuals);
  }

 private:
  bool IsSequence(int i) const { return i >= carries_ && i < captures_; }

  // Puts a copy of the body into step_, where its gradient is built.
  absl::Status CopyBody() {
    for (int i = 0; i < attrs_.body->num_inputs(); ++i) {
      const Type& type = attrs_.body->input_type(i);
      xs_.push_back(step_.Input(absl::StrCat("x", i), type.dtype, type.shape, {}));
    }
    AD_ASSIGN_OR_RETURN(ys_, Inline(*attrs_.body, xs_, &step_));
    forward_nodes_ = step_.num_nodes();
    return absl::OkStatus();
  }

  Value NewInput(absl::string_view what, const Type& type) {
    return step_.Input(absl::StrCat(what, step_.num_nodes()), type.dtype, type.shape, {});
  }

  // Adds the gradient of one step. The carry passes a gradient on at every step, whether or not anybody outside asks.
  absl::Status DifferentiateStep() {
    GradientOptions options{.overrides = c_.overrides()};
    Values ys, xs;
    for (int k = 0; k < static_cast<int>(ys_.size()); ++k) {
      if (!IsAnyFloating(ys_[k].dtype()) || (k >= carries_ && !c_.has_dy(k))) continue;
      seeds_.push_back(NewInput("dy", ys_[k].type()));
      seed_of_.push_back(k);
      ys.push_back(ys_[k]);
    }
    options.seeds = seeds_;
    for (int i = 0; i < static_cast<int>(xs_.size()); ++i) {
      if (!IsAnyFloating(xs_[i].dtype())) continue;
      xs.push_back(xs_[i]);
      place_.push_back(i);
    }
    if (!xs.empty()) dxs_ = Gradients(ys, xs, options);
    return step_.status();
  }

  // Collects the values of the forward pass that the gradient's nodes read. Sequences and captures are there anyway.
  void FindResiduals() {
    absl::flat_hash_set<ValueId> seen;
    const auto read = [&](ValueId v) {
      const Node& node = step_.node(v.node);
      if (v.node >= forward_nodes_ || node.attrs.Is<ConstantAttrs>()) return;
      if (v.node >= carries_ && v.node < static_cast<int>(xs_.size())) return;
      if (seen.insert(v).second) residuals_.push_back(Value(&step_, v));
    };
    for (const Value& dx : dxs_) read(dx.id());
    const std::vector<bool> needed = Ancestors(step_, dxs_);
    for (NodeId id = forward_nodes_; id < static_cast<NodeId>(needed.size()); ++id) {
      if (!needed[id]) continue;
      for (ValueId v : step_.node(id).inputs) read(v);
    }
  }

  Values Inputs() const {
    Values inputs;
    for (int i = 0; i < c_.num_inputs(); ++i) inputs.push_back(c_.x(i));
    return inputs;
  }

  // Adds the scan that leaves the residuals behind, and returns them, stacked.
  absl::StatusOr<Values> AddExtended() {
    if (residuals_.empty()) return Values{};
    Values outputs = ys_;
    outputs.insert(outputs.end(), residuals_.begin(), residuals_.end());
    ScanAttrs attrs = attrs_;
    AD_ASSIGN_OR_RETURN(attrs.body, Subgraph::Make(xs_, outputs));
    const Values all = AddScan(c_.graph(), Inputs(), std::move(attrs), c_.node().location);
    AD_RETURN_IF_ERROR(c_.graph()->status());
    return Values(all.begin() + static_cast<int64_t>(ys_.size()), all.end());
  }

  // The cotangent of an output that nobody asked about is zero.
  Value Cotangent(int k) const { return c_.has_dy(k) ? c_.dy(k) : ZerosLike(c_.y(k)); }

  // Returns whether the sum of a gradient over the steps is a product of values that there are for every step. A body
  // with a loop of its own adds up: its factors would be those of all inner steps, which checkpoints must not keep.
  bool IsProduct(const Value& dx) const {
    const Node& node = step_.node(dx.node());
    if (dx.node() < forward_nodes_ || !SumsAlongFirstAxis(step_, node)) return false;
    for (NodeId id = 0; id < forward_nodes_; ++id) {
      if (step_.node(id).op->bodies != nullptr) return false;
    }
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) {
      const bool capture = v.node >= captures_ && v.node < static_cast<int>(xs_.size());
      return !capture && !step_.node(v.node).attrs.Is<ConstantAttrs>();
    });
  }

  // Returns the product for all steps. out: the values of a step that are the results of the backward scan.
  Value ProductOfAllSteps(const Value& dx, const Values& residuals, const Values& out, Args results) const {
    const Node& node = step_.node(dx.node());
    absl::InlinedVector<ValueId, 3> factors;
    for (ValueId v : node.inputs) {
      const auto place = [&](const Values& values) {
        return std::find(values.begin(), values.end(), Value(const_cast<Graph*>(&step_), v)) - values.begin();
      };
      const Value steps = v.node >= forward_nodes_                   ? results[place(out)]
                          : v.node < captures_ && IsSequence(v.node) ? c_.x(v.node)
                                                                     : residuals[place(residuals_)];
      Shape shape = steps.shape();
      const int64_t rows = Shape{shape[0], shape[1]}.num_elements();
      shape.erase(0);
      shape.set(0, rows);
      factors.push_back(Reshape(steps, shape).id());
    }
    if (!c_.graph()->status().ok()) return Value();
    return Value(c_.graph(), {c_.graph()->AddNode(*node.op, factors, node.attrs, c_.node().location), 0});
  }

  // Lays out the inputs of the backward scan (of its node, and of its body) and its body's outputs.
  absl::StatusOr<Values> AddBackward(const Values& residuals) {
    Values node, body, carry_out, out;
    std::vector<size_t> products;
    for (size_t j = 0; j < seeds_.size(); ++j) {
      if (seed_of_[j] >= carries_) continue;
      node.push_back(Cotangent(seed_of_[j])), body.push_back(seeds_[j]);
    }
    for (size_t j = 0; j < dxs_.size(); ++j) {
      const int i = place_[j];
      if (IsSequence(i)) {
        out.push_back(dxs_[j]);
      } else if (i < carries_) {
        carry_out.push_back(dxs_[j]);
      } else if (IsProduct(dxs_[j])) {
        products.push_back(j);
      } else {
        // Sums of halves are taken in f32, and rounded once.
        const DType dtype = IsHalf(xs_[i].dtype()) ? DType::kFloat32 : xs_[i].dtype();
        const Value sum = NewInput("sum", {dtype, xs_[i].shape()});
        node.push_back(ZerosLike(In(dtype, c_.x(i)))), body.push_back(sum);
        carry_out.push_back(sum + In(dtype, dxs_[j]));
      }
    }
    for (size_t j : products) {
      for (ValueId v : step_.node(dxs_[j].node()).inputs) {
        const Value factor(&step_, v);
        if (v.node >= forward_nodes_ && std::find(out.begin(), out.end(), factor) == out.end()) out.push_back(factor);
      }
    }
    const auto carries = static_cast<int64_t>(carry_out.size());
    node.insert(node.end(), residuals.begin(), residuals.end());
    body.insert(body.end(), residuals_.begin(), residuals_.end());
    for (int i = carries_; i < captures_; ++i) node.push_back(c_.x(i)), body.push_back(xs_[i]);
    for (size_t j = 0; j < seeds_.size(); ++j) {
      if (seed_of_[j] >= carries_) node.push_back(c_.dy(seed_of_[j])), body.push_back(seeds_[j]);
    }
    const auto each = static_cast<int64_t>(node.size()) - carries;
    for (int i = captures_; i < c_.num_inputs(); ++i) node.push_back(c_.x(i)), body.push_back(xs_[i]);
    carry_out.insert(carry_out.end(), out.begin(), out.end());
    if (carry_out.empty()) return Values(c_.num_inputs());
    ScanAttrs attrs{.body = nullptr, .carries = carries, .each = each, .reverse = !attrs_.reverse};
    AD_ASSIGN_OR_RETURN(attrs.body, Subgraph::Make(body, carry_out));
    const Values all = AddScan(c_.graph(), node, std::move(attrs), c_.node().location);
    AD_RETURN_IF_ERROR(c_.graph()->status());
    absl::flat_hash_map<int, Value> finished;
    for (size_t j : products) {
      finished[place_[j]] = ProductOfAllSteps(dxs_[j], residuals, out, Args(all).subspan(carries));
    }
    return Sorted(all, carries, finished);
  }

  // Returns the gradients in the order of the forward scan's inputs.
  Values Sorted(const Values& all, int64_t carries, const absl::flat_hash_map<int, Value>& finished) const {
    Values result(c_.num_inputs());
    int64_t carry = 0, out = carries;
    for (int i : place_) {
      const auto product = finished.find(i);
      result[i] =
          product != finished.end() ? product->second : In(c_.x(i).dtype(), all[IsSequence(i) ? out++ : carry++]);
    }
    return result;
  }

  const GradientContext& c_;
  const ScanAttrs& attrs_;
  const int carries_, captures_;
  Graph step_;
  Values xs_, ys_;            // of one step
  NodeId forward_nodes_ = 0;  // the nodes before are the step's, those after its gradient's
  Values seeds_;              // cotangents of ys_[seed_of_[j]]
  std::vector<int> seed_of_;
  Values dxs_;  // gradients of xs_[place_[j]]
  std::vector<int> place_;
  Values residuals_;
};

}  // namespace

Values ScanGradient(const GradientContext& c) { return GradientsOrFail(c, ScanDifferentiator(c).Run()); }

}  // namespace adret
