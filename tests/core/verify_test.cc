#include "adret/core/plan/verify.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "adret/core/plan/plan.h"
#include "adret/core/plan/plan_graph.h"
#include "adret/core/plan/step_schedule.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;

// Two products with chains, a reduction and a pooling that consumes a chain's result.
struct Planned {
  Planned() {
    Value x = graph.Input("x", DType::kFloat32, {1, 2, 8, 8});
    Value pooled = MaxPool2d(Relu(AvgPool2d(x, {.kernel = {2, 2}}) * 2.0), {.kernel = {2, 2}});
    Value a = graph.Input("a", DType::kFloat32, {4, 4});
    Value b = Exp(MatMul(a, a));
    Value c = Tanh(MatMul(b, a)) + b;
    const std::vector<ValueId> fetches = {pooled.id(), c.id(), Sum(c).id()};
    plan = *MakePlanGraph(graph, fetches, {}, 1);
    schedule = MakeStepSchedule(plan, /*fuse=*/true);
  }
  Graph graph;
  PlanGraph plan;
  StepSchedule schedule;
};

TEST(VerifyScheduleTest, AcceptsWhatTheSchedulerMakes) {
  Planned p;
  EXPECT_EQ(VerifySchedule(p.plan, p.schedule), absl::OkStatus());
  EXPECT_EQ(VerifySchedule(p.plan, MakeStepSchedule(p.plan, /*fuse=*/false)), absl::OkStatus());
  bool consumes = false, chain = false;
  for (const Step& step : p.schedule.steps) {
    consumes |= step.producer_step >= 0;
    chain |= step.kernel >= 0 && !step.chain.empty();
  }
  EXPECT_TRUE(consumes && chain) << "the example shows what the faults below break";
}

// Each way to break a schedule is told by its invariant.
TEST(VerifyScheduleTest, TellsWhichInvariantIsBroken) {
  struct Fault {
    const char* what;
    const char* invariant;
    std::function<void(Planned&)> inject;
  };
  const auto with_chain = [](Planned& p) {
    for (int s = 0;; ++s) {
      if (p.schedule.steps[s].kernel >= 0 && !p.schedule.steps[s].chain.empty()) return s;
    }
  };
  const auto consumer = [](Planned& p) {
    for (int s = 0;; ++s) {
      if (p.schedule.steps[s].producer_step >= 0) return s;
    }
  };
  const Fault faults[] = {
      {"a step is lost", "(1)", [](Planned& p) { p.schedule.steps.pop_back(); }},
      {"all steps are lost", "(1)", [](Planned& p) { p.schedule.steps.clear(); }},
      {"a step is there twice", "(1)", [](Planned& p) { p.schedule.steps.push_back(p.schedule.steps.back()); }},
      {"a chain is lost", "(1)", [&](Planned& p) { p.schedule.steps[with_chain(p)].chain.clear(); }},
      {"a fetch is not stored", "(1)",
       [](Planned& p) { p.schedule.stored[p.schedule.root[p.plan.fetches[0]]] = false; }},
      {"steps are the wrong way round", "(",
       [](Planned& p) {
         std::reverse(p.schedule.steps.begin(), p.schedule.steps.end());
         for (Step& step : p.schedule.steps) step.level = 0, step.producer_step = -1;
       }},
      {"dependent steps share a level", "(2)",
       [](Planned& p) {
         for (Step& step : p.schedule.steps) step.level = 0;
       }},
      {"a chain has nodes of another size", "(3)",
       [&](Planned& p) {
         Step& first = p.schedule.steps[with_chain(p)];
         const int count = p.plan.values[p.plan.nodes[first.chain[0]].first_output].type.shape.num_elements();
         for (Step& other : p.schedule.steps) {
           if (other.chain.empty()) continue;
           const int node = other.chain.back();
           if (p.plan.values[p.plan.nodes[node].first_output].type.shape.num_elements() == count) continue;
           first.chain.insert(first.chain.begin(), node);
           other.chain.pop_back();
           return;
         }
       }},
      {"levels fall", "(4)", [](Planned& p) { p.schedule.steps[0].level = 99; }},
      {"a consumer is alone", "(4)",
       [&](Planned& p) { p.schedule.steps[consumer(p)].producer_step = p.schedule.steps.size(); }},
  };
  for (const Fault& fault : faults) {
    Planned p;
    fault.inject(p);
    const absl::Status status = VerifySchedule(p.plan, p.schedule);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << fault.what;
    EXPECT_THAT(std::string(status.message()), HasSubstr(fault.invariant)) << fault.what;
  }
}

// Three areas that follow each other, one of them written in place.
PlanLayout Layout() {
  PlanLayout layout;
  layout.arena_bytes = 192;
  layout.arena = {{.offset = 0, .bytes = 64, .first = 0, .last = 1, .value = 1, .step = 0},
                  {.offset = 64, .bytes = 64, .first = 0, .last = 2, .value = 2, .step = 1},
                  {.offset = 0, .bytes = 64, .first = 1, .last = 3, .value = 3, .step = 2, .over = 0},
                  {.offset = 64, .bytes = 128, .first = 3, .last = 3, .value = -1, .step = 3}};
  layout.overwrites = {{.variable = 0, .step = 3, .level = 3, .last_read = 2}};
  layout.tiles = {{.offset = 64, .bytes = 64, .tile_bytes = 128, .step = 1}};
  layout.fetch_writers = {1};
  return layout;
}

TEST(VerifyMemoryTest, TellsWhichInvariantIsBroken) {
  EXPECT_EQ(VerifyMemory(Layout()), absl::OkStatus());
  struct Fault {
    const char* what;
    const char* invariant;
    std::function<void(PlanLayout&)> inject;
  };
  const Fault faults[] = {
      {"not safe in place", "(5)", [](PlanLayout& l) { l.arena[2].over = -1; }},
      {"in place, but read later", "(5)", [](PlanLayout& l) { l.arena[0].last = 2; }},
      {"in place, but shifted", "(5)", [](PlanLayout& l) { l.arena[2].bytes = 32, l.arena[2].offset = 32; }},
      {"the next starts within", "(5)", [](PlanLayout& l) { l.arena[1].offset = 60; }},
      {"the one before reaches into it", "(5)", [](PlanLayout& l) { l.arena[3].offset = 32; }},
      {"in use a level longer", "(5)", [](PlanLayout& l) { l.arena[1].last = 3; }},
      {"outside the arena", "(5)", [](PlanLayout& l) { l.arena[3].bytes = 129; }},
      {"a step fails later", "(6)", [](PlanLayout& l) { l.overwrites[0].last_failure = 3; }},
      {"a variable is read later", "(6)", [](PlanLayout& l) { l.overwrites[0].last_read = 3; }},
      {"a variable is read after it is written", "(6)", [](PlanLayout& l) { l.overwrites[0].safe_in_place = false; }},
      {"a variable is written twice", "(6)", [](PlanLayout& l) { l.overwrites.push_back(l.overwrites[0]); }},
      {"nobody writes a fetch", "(7)", [](PlanLayout& l) { l.fetch_writers[0] = 0; }},
      {"two write a fetch", "(7)", [](PlanLayout& l) { l.fetch_writers[0] = 2; }},
      {"a tile is too long", "(8)", [](PlanLayout& l) { l.tiles[0].bytes = 65; }},
      {"a tile is read later", "(8)", [](PlanLayout& l) { l.tiles[0].read_elsewhere = true; }},
  };
  for (const Fault& fault : faults) {
    PlanLayout layout = Layout();
    fault.inject(layout);
    const absl::Status status = VerifyMemory(layout);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << fault.what;
    EXPECT_THAT(std::string(status.message()), HasSubstr(fault.invariant)) << fault.what;
  }
}

// What is planned wrongly runs all the same, without fusion, and says so.
TEST(PlanTest, WrongPlansAreReplacedByUnfusedOnes) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {4, 4});
  Value y = Exp(MatMul(x, x)) * 2.0;
  const std::vector<ValueId> fetches = {y.id()};
  PlanOptions options{.threads = 1, .memory_limit = 1 << 20};
  auto right = Plan::Make(graph, fetches, {}, 1, options);
  ASSERT_TRUE(right.ok()) << right.status();
  EXPECT_EQ((*right)->Report().note, "");
  EXPECT_EQ((*right)->Report().steps.size(), 1u);

  options.tamper = [](StepSchedule* schedule) { schedule->steps.clear(); };
  auto replaced = Plan::Make(graph, fetches, {}, 1, options);
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_THAT((*replaced)->Report().note, HasSubstr("not fused, since the fused plan would be wrong"));
  EXPECT_THAT(ExplainTable((*replaced)->Report()), HasSubstr("note: not fused"));
  EXPECT_GT((*replaced)->Report().steps.size(), 1u);

  options.fall_back = false;
  const absl::Status wrong = Plan::Make(graph, fetches, {}, 1, options).status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("plan invariant (1) is broken"));
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("the steps:"));
}

}  // namespace
}  // namespace adret
