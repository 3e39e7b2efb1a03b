#include "adret/tools/report/page.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/tools/report/assets.h"
#include "adret/tools/report/sections.h"

namespace adret::report {
namespace {

absl::Status CheckData(const ReportData& data) {
  const auto n = static_cast<int64_t>(data.classes.size());
  if (!data.confusion.empty() && static_cast<int64_t>(data.confusion.size()) != n * n) {
    return absl::InvalidArgumentError(absl::StrCat("a confusion matrix of ", n, " classes has ", n * n,
                                                   " numbers, but this one has ", data.confusion.size()));
  }
  if (!data.class_reports.empty() && static_cast<int64_t>(data.class_reports.size()) != n) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a report for each of ", n, " classes, but found ", data.class_reports.size()));
  }
  for (const ConfusionCell& cell : data.mistakes) {
    if (cell.truth < 0 || cell.truth >= n || cell.answer < 0 || cell.answer >= n || data.confusion.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("there is no cell [", cell.truth, ", ", cell.answer,
                                                     "] in the confusion matrix of ", n, " classes"));
    }
  }
  return absl::OkStatus();
}

// Nothing is loaded from anywhere, and nothing runs but the script that this program has written.
std::string ContentSecurityPolicy() {
  const auto hash = [](const Asset& asset) {
    return absl::StrCat("'sha256-", absl::Base64Escape(absl::HexStringToBytes(asset.sha256)), "'");
  };
  return absl::StrCat("default-src 'none'; img-src data:; style-src ", hash(kStyle), "; script-src ", hash(kScript),
                      "; base-uri 'none'; form-action 'none'");
}

Html Head(const ReportData& data) {
  return Element(
      "head", {},
      Join({VoidElement("meta", {{"charset", "utf-8"}}),
            VoidElement("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", ContentSecurityPolicy()}}),
            VoidElement("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}),
            VoidElement("meta", {{"name", "color-scheme"}, {"content", "light dark"}}),
            Element("title", {}, absl::StrCat("What ", data.title, " has learned")),
            VoidElement("link", {{"rel", "icon"}, {"href", "data:,"}}),
            Element("style", {}, Html::Trusted(std::string(kStyle.text)))}));
}

Html Contents(const std::vector<ContentsEntry>& entries) {
  Html list;
  for (const ContentsEntry& entry : entries) {
    Html item = Element("a", {{"href", absl::StrCat("#", entry.anchor)}}, entry.name);
    if (!entry.parts.empty()) item += Contents(entry.parts);
    list += Element("li", {}, item);
  }
  return Element("ol", {}, list);
}

Html Masthead(const ReportData& data) {
  Html facts;
  for (const Fact& fact : data.facts) {
    facts += Element("div", {}, Join({Element("dt", {}, fact.name), Element("dd", {}, fact.value)}));
  }
  return Element(
      "header", {{"class", "masthead"}},
      Join({Element("h1", {}, Join({"What ", Element("span", {{"class", "name"}}, data.title), " has learned"})),
            data.data.empty() ? Html() : Element("p", {{"class", "lead"}}, absl::StrCat("Seen on ", data.data, ".")),
            Element("dl", {{"class", "facts"}}, facts)}));
}

}  // namespace

absl::StatusOr<std::string> RenderPage(const ReportData& data) {
  AD_RETURN_IF_ERROR(CheckData(data));
  std::vector<ContentsEntry> entries;
  Html sections;
  for (const auto make : {NetworkSection, TrainingSection, ConfusionSection, ClassesSection, LayersSection}) {
    AD_ASSIGN_OR_RETURN(const Section section, make(data));
    if (section.html.empty()) continue;
    entries.push_back(section.entry);
    sections += section.html;
  }
  const Html navigation = Element("nav", {{"class", "contents"}, {"aria-label", "Contents"}}, Contents(entries));
  const Html body =
      Element("body", {},
              Join({Element("a", {{"class", "skip"}, {"href", "#content"}}, "Skip to the content"), Masthead(data),
                    Element("div", {{"class", "layout"}},
                            Join({navigation, Element("main", {{"id", "content"}, {"tabindex", "-1"}}, sections)})),
                    Element("footer", {}, "Made by adret. This file needs neither a network nor JavaScript."),
                    Element("script", {}, Html::Trusted(std::string(kScript.text)))}));
  return absl::StrCat("<!DOCTYPE html>\n", Element("html", {{"lang", "en"}}, Join({Head(data), body})).markup(), "\n");
}

}  // namespace adret::report
