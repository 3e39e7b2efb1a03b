#include "adret/plot/graph_svg.h"

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/text.h"
#include "adret/nn/layer_dot.h"
#include "adret/ops/binary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::plot {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class GraphSvgTest : public testing::Test {
 protected:
  void SetUp() override {
    if (absl::IsUnimplemented(GraphvizSvg("digraph {}").status())) GTEST_SKIP() << "built without Graphviz";
  }
};

constexpr char kGraph[] = R"(digraph adret {
  node [shape=box, fontname="Helvetica"];
  a [label="<first> & \" id=", URL="#layer-a", tooltip="to a"];
  a -> b [label="f32[?,1]"];
})";

TEST_F(GraphSvgTest, IsOneElementThatNeedsNothingElse) {
  const std::string svg = GraphvizSvg(kGraph).value();
  EXPECT_THAT(svg, AllOf(StartsWith("<svg"), EndsWith("</svg>\n"), HasSubstr("f32[?,1]")));
  EXPECT_THAT(svg, AllOf(HasSubstr("&lt;first&gt; &amp; &quot; id="), HasSubstr("xlink:href=\"#layer-a\"")));
  // Two URLs name the languages; nothing is fetched.
  EXPECT_THAT(svg, AllOf(Not(HasSubstr("DOCTYPE")), Not(HasSubstr("<?xml")), Not(HasSubstr("<image"))));
}

TEST_F(GraphSvgTest, NamesOfLayersStayTextInTheDrawing) {
  for (const auto& [name, shown] : {std::pair{"e&#27;b", "e&amp;#27;b"},
                                    {"e&#x1b;b", "e&amp;#x1b;b"},
                                    {"a&lt;b", "a&amp;lt;b"},
                                    {"a&amp;lt;b", "a&amp;amp;lt;b"},
                                    {"&quot;><script>", "&amp;quot;&gt;&lt;script&gt;"}}) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 2});
    const Value layer = (x * graph.Variable(absl::StrCat(name, "/w"), Tensor::Scalar(DType::kFloat32, 1))).Named(name);
    const auto echo = [](const std::string& text) { return text; };
    const std::string svg = GraphvizSvg(nn::LayerDot(graph, {.fetches = {layer}, .tooltip = echo})).value();
    EXPECT_THAT(svg, HasSubstr(absl::StrCat(">", shown, "</text>"))) << name;
    EXPECT_THAT(svg, HasSubstr(absl::StrCat("xlink:title=\"", shown, "\""))) << name;
    EXPECT_EQ(CleanText(svg), svg) << name;
  }
}

TEST_F(GraphSvgTest, IdsHaveAPrefix) {
  const std::string svg = GraphvizSvg(kGraph, {.id_prefix = "p1-"}).value();
  for (size_t at = svg.find(" id=\""); at != std::string::npos; at = svg.find(" id=\"", at + 1)) {
    EXPECT_EQ(svg.substr(at, 8), " id=\"p1-");
  }
  EXPECT_THAT(svg, HasSubstr(" id=\"p1-node1\""));
}

TEST_F(GraphSvgTest, MalformedGraphsAreErrors) {
  for (const std::string bad : {"", "digraph { a -> ", "not a graph", "digraph { a [label=\"open }"}) {
    const absl::Status status = GraphvizSvg(bad).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad << ": " << status;
    EXPECT_THAT(std::string(status.message()), StartsWith("Graphviz cannot read the graph")) << bad;
  }
  EXPECT_TRUE(GraphvizSvg(kGraph).ok());  // and the next one is drawn
}

TEST_F(GraphSvgTest, GraphsThatAreTooLargeAreErrors) {
  std::string chain = "digraph {";
  for (int i = 0; i < 100'000; ++i) absl::StrAppend(&chain, " n", i, " -> n", i + 1, ";");
  const absl::Status status = GraphvizSvg(chain + "}").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("100001 nodes and 100000 edges, which pass 0 rows, is too large to draw"));
  EXPECT_TRUE(GraphvizSvg(chain.substr(0, chain.find(" n1000 ->")) + "}").ok());
  // Few nodes whose edges pass many rows.
  std::string tangle = chain.substr(0, chain.find(" n300 ->"));
  for (int i = 0; i < 200; ++i) absl::StrAppend(&tangle, " n", i / 2, " -> n", 299 - i / 3, ";");
  EXPECT_EQ(GraphvizSvg(tangle + "}").status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(GraphSvgTest, ThreadsMayDrawAtTheSameTime) {
  const std::string expected = GraphvizSvg(kGraph).value();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) EXPECT_EQ(GraphvizSvg(kGraph).value(), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace adret::plot
