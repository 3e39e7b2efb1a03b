#include <algorithm>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "adret/core/plan/body_plan.h"
#include "adret/core/plan/plan.h"
#include "adret/core/plan_report.h"
#include "adret/core/subgraph.h"
#include "adret/core/text.h"
#include "adret/core/text_table.h"

namespace adret {
namespace {

// A number with the unit that leaves 1 to 4 digits before the point.
std::string Scaled(double number, double factor, std::initializer_list<const char*> units) {
  auto unit = units.begin();
  for (; unit + 1 != units.end() && number >= factor; ++unit) number /= factor;
  if (unit == units.begin()) return absl::StrFormat("%.0f%s", number, *unit);
  return absl::StrFormat("%.1f %s", number, *unit);
}

std::string FlopsText(double flops) { return Scaled(flops, 1000, {"", "k", "M", "G", "T"}); }

std::string Shortened(std::string text, size_t most) {
  constexpr absl::string_view kMore = " ...";
  if (text.size() <= most) return text;
  text.resize(most - kMore.size());
  return absl::StrCat(text, kMore);
}

// "f32[2,3] x3, f32[2]": neighbours of one type are counted.
std::string TypesText(const std::vector<Type>& types) {
  std::string out;
  for (size_t i = 0, n = 1; i < types.size(); i += n, n = 1) {
    while (i + n < types.size() && types[i + n] == types[i]) ++n;
    absl::StrAppend(&out, i == 0 ? "" : ", ", types[i].ToString(), n == 1 ? "" : absl::StrCat(" x", n));
  }
  return out;
}

std::string ShapesText(const StepReport& step) {
  return absl::StrCat(step.inputs.empty() ? "" : step.inputs[0].ToString(), step.inputs.size() > 1 ? ", .." : "",
                      step.inputs.empty() ? "" : " -> ", TypesText(step.outputs));
}

}  // namespace

double MachineLimits::BytesPerSecond(int64_t bytes) const {
  for (const Memory& m : memory) {
    if (bytes <= m.bytes) return m.bytes_per_second;
  }
  return memory.empty() ? 0 : memory.back().bytes_per_second;
}

double StepReport::FlopsFloor(const MachineLimits& limits) const {
  const bool f64 = !outputs.empty() && outputs[0].dtype == DType::kFloat64;
  return flops / (f64 ? limits.f64_flops : limits.f32_flops);
}

double StepReport::BytesFloor(const MachineLimits& limits) const {
  return static_cast<double>(bytes) / limits.BytesPerSecond(bytes);
}

double PlanReport::flops() const {
  double total = 0;
  for (const StepReport& s : steps) total += s.flops;
  return total;
}

int64_t PlanReport::bytes() const {
  int64_t total = 0;
  for (const StepReport& s : steps) total += s.bytes;
  return total;
}

// What a step and its consumer write, the result first, and what they read from outside of themselves. What only they
// read, in tiles, is not listed, nor is a kernel's output that its chain writes over: it never leaves the cache. A
// kernel that writes into a variable touches a few elements of it: the variable is listed and its bytes are not
// counted.
StepReport Plan::ReportStep(int s, const PlanTimes& times) const {
  const StepData& data = steps_[s];
  StepReport r{.level = schedule_.steps[s].level};
  if (times.runs > 0) {
    r.seconds = times.seconds[s] / static_cast<double>(times.runs);
    r.last_start = times.last[s].start, r.last_end = times.last[s].end;
  }
  std::vector<int> parts{s};
  if (data.consumer >= 0) parts.push_back(data.consumer);
  for (int part : parts) {
    const Step& step = schedule_.steps[part];
    r.flops += steps_[part].kernel.flops;
    if (step.kernel >= 0) r.ops.push_back(graph_.op(step.kernel).name);
    for (int i : step.chain) {
      r.ops.push_back(graph_.op(i).name);
      r.flops += static_cast<double>(graph_.values[graph_.nodes[i].first_output].type.shape.num_elements());
    }
  }
  const Step& first = schedule_.steps[s];
  const Node& node = *graph_.nodes[first.kernel >= 0 ? first.kernel : first.chain.back()].node;
  r.node = node.name;
  r.source = SourceLine(node.location);
  const std::vector<NamedBody> bodies = BodiesOf(node);
  for (size_t b = 0; b < data.bodies.size(); ++b) {
    r.bodies.push_back({b < bodies.size() ? bodies[b].name : "body", PlanOf(*data.bodies[b]).Report().steps});
  }
  std::vector<int> in_place;  // the variable before and after
  const bool asked = std::any_of(checks_.begin(), checks_.end(), [&](const Check& check) { return check.step == s; });
  if (asked) in_place = {data.inputs[0], data.outputs[0]};
  absl::flat_hash_set<int> seen;
  absl::flat_hash_set<std::pair<ValuePlace::Kind, int64_t>> written;
  const auto list = [&](const std::vector<int>& values, std::vector<Type>* types) {
    for (int v : values) {
      const bool output = types == &r.outputs;
      const ValuePlace& place = places_[v];
      if (place.kind == ValuePlace::Kind::kNone || place.kind == ValuePlace::Kind::kTile) continue;
      if (!seen.insert(v).second || (output && !written.emplace(place.kind, place.index).second)) continue;
      types->push_back(graph_.values[v].type);
      const bool touched = std::find(in_place.begin(), in_place.end(), v) != in_place.end();
      if (!touched) r.bytes += types->back().bytes();
    }
  };
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    list(steps_[*part].program_outputs, &r.outputs), list(steps_[*part].outputs, &r.outputs);
  }
  for (int part : parts) list(steps_[part].inputs, &r.inputs), list(steps_[part].program_inputs, &r.inputs);
  return r;
}

void PlanTimes::Add(absl::Span<const StepTime> run) {
  seconds.resize(run.size());
  for (size_t s = 0; s < run.size(); ++s) seconds[s] += run[s].end - run[s].start;
  last.assign(run.begin(), run.end());
  ++runs;
}

PlanReport Plan::Report(const PlanTimes& times) const {
  PlanReport report{.passes = passes_, .arena_bytes = arena_bytes_, .profiled_runs = times.runs, .note = note_};
  std::vector<absl::string_view> variables(variables_.size());
  for (const auto& node : graph_.nodes) {
    const ValuePlace& place = places_[node.first_output];
    if (node.node->op->traits.leaf && place.kind == ValuePlace::Kind::kVariable)
      variables[place.index] = node.node->name;
  }
  for (int s = 0; s < static_cast<int>(steps_.size()); ++s) {
    if (IsConsumer(s)) continue;
    StepReport step = ReportStep(s, times);
    const StepData& last = steps_[steps_[s].consumer >= 0 ? steps_[s].consumer : s];
    const ValuePlace& place = places_[last.program_outputs.empty() ? last.outputs[0] : last.program_outputs[0]];
    if (place.kind == ValuePlace::Kind::kArena) step.arena_offset = place.index;
    if (place.kind == ValuePlace::Kind::kVariable) step.place = absl::StrCat("variable ", variables[place.index]);
    if (place.kind == ValuePlace::Kind::kFetch) step.place = absl::StrCat("fetch ", place.index);
    report.steps.push_back(std::move(step));
  }
  return report;
}

std::string ExplainTable(const PlanReport& report, const MachineLimits& limits) {
  constexpr size_t kOpsWidth = 48, kShapesWidth = 60;
  const bool timed = report.profiled_runs > 0, shares = timed && limits.known();
  std::vector<std::string> titles = {">step", ">level", "ops", "shapes", ">place", ">flops", ">bytes"};
  if (timed) titles.push_back(">time");
  if (shares) titles.insert(titles.end(), {">share", "of"});
  titles.push_back("built by");
  TextTable table(std::move(titles));
  double total_seconds = 0, total_floor = 0;
  // The cells of a row that tell costs.
  const auto costs = [&](double flops, int64_t bytes, double seconds, double floor, const char* of) {
    std::vector<std::string> cells = {FlopsText(flops), BytesText(bytes)};
    if (timed) cells.push_back(absl::StrFormat("%.1f us", seconds * 1e6));
    if (shares)
      cells.push_back(seconds > 0 ? absl::StrFormat("%.0f %%", 100 * floor / seconds) : ""), cells.push_back(of);
    return cells;
  };
  const auto add = [&](std::vector<std::string> row, std::vector<std::string> cells, std::string last) {
    row.insert(row.end(), cells.begin(), cells.end());
    row.push_back(std::move(last));
    table.AddRow(std::move(row));
  };
  // The steps of bodies, which no run times one by one.
  const std::function<void(const StepReport&, const std::string&)> add_bodies = [&](const StepReport& host,
                                                                                    const std::string& number) {
    for (const BodyReport& body : host.bodies) {
      for (size_t s = 0; s < body.steps.size(); ++s) {
        const StepReport& step = body.steps[s];
        const std::string own = absl::StrCat(number, ".", body.name, ".", s);
        std::vector<std::string> cells = {FlopsText(step.flops), BytesText(step.bytes)};
        cells.resize(2 + (timed ? 1 : 0) + (shares ? 2 : 0));
        add({own, absl::StrCat(step.level), Shortened(absl::StrJoin(step.ops, " + "), kOpsWidth),
             Shortened(ShapesText(step), kShapesWidth), step.arena_offset >= 0 ? absl::StrCat(step.arena_offset) : ""},
            std::move(cells), absl::StrCat(step.source, step.source.empty() ? "" : " ", step.node));
        add_bodies(step, own);
      }
    }
  };
  for (size_t s = 0; s < report.steps.size(); ++s) {
    const StepReport& step = report.steps[s];
    const double by_flops = shares ? step.FlopsFloor(limits) : 0, by_bytes = shares ? step.BytesFloor(limits) : 0;
    const double floor = std::max(by_flops, by_bytes);
    add({absl::StrCat(s), absl::StrCat(step.level), Shortened(absl::StrJoin(step.ops, " + "), kOpsWidth),
         Shortened(ShapesText(step), kShapesWidth),
         step.arena_offset >= 0 ? absl::StrCat(step.arena_offset) : step.place},
        costs(step.flops, step.bytes, step.seconds, floor, by_flops > by_bytes ? "flops" : "bytes"),
        absl::StrCat(step.source, step.source.empty() ? "" : " ", step.node));
    add_bodies(step, absl::StrCat(s));
    total_seconds += step.seconds;
    total_floor += floor;
  }
  add({"", "", "total", "", absl::StrCat("arena ", BytesText(report.arena_bytes))},
      costs(report.flops(), report.bytes(), total_seconds, total_floor, ""),
      timed ? absl::StrCat("mean of ", report.profiled_runs, " runs") : "");
  return absl::StrCat(report.note.empty() ? "" : absl::StrCat("note: ", report.note, "\n"), table.ToString());
}

std::string PassTable(const PlanReport& report) {
  TextTable table({"pass", ">nodes", ">rewrites", ">time"});
  int64_t before = 0;
  for (const PassReport& pass : report.passes) {
    const int64_t made = pass.rewrites - before;
    table.AddRow({pass.name, absl::StrCat(pass.nodes),
                  made == 0   ? ""
                  : made == 1 ? absl::StrCat(pass.rewrites)
                              : absl::StrCat(before + 1, " .. ", pass.rewrites),
                  pass.skipped ? "skipped" : absl::StrFormat("%.1f us", pass.seconds * 1e6)});
    before = pass.rewrites;
  }
  return table.ToString();
}

std::string ChromeTrace(const PlanReport& report) {
  std::string out = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [";
  for (size_t s = 0; s < report.steps.size(); ++s) {
    const StepReport& step = report.steps[s];
    absl::StrAppendFormat(
        &out,
        "%s\n{\"name\": %s, \"cat\": \"step\", \"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"ts\": %.3f, \"dur\": %.3f, ",
        s == 0 ? "" : ",", JsonString(absl::StrJoin(step.ops, " + ")), step.last_start * 1e6,
        (step.last_end - step.last_start) * 1e6);
    absl::StrAppendFormat(&out, "\"args\": {\"step\": %d, \"level\": %d, \"node\": %s, \"built at\": %s, ", s,
                          step.level, JsonString(step.node), JsonString(step.source));
    absl::StrAppendFormat(&out, "\"inputs\": %s, \"outputs\": %s, \"flops\": %.0f, \"bytes\": %d}}",
                          JsonString(TypesText(step.inputs)), JsonString(TypesText(step.outputs)), step.flops,
                          step.bytes);
  }
  return absl::StrCat(out, "\n]}\n");
}

std::string BytesText(int64_t bytes) {
  return Scaled(static_cast<double>(bytes), 1024, {" B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}

}  // namespace adret
