#include "adret/tools/report/html.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "adret/core/text.h"

namespace adret::report {
namespace {

std::string OpeningTag(const char* name, const HtmlAttributes& attributes) {
  std::string tag = absl::StrCat("<", name);
  for (const HtmlAttribute& a : attributes) absl::StrAppend(&tag, " ", a.name, "=\"", EscapeHtml(a.value), "\"");
  tag += '>';
  return tag;
}

}  // namespace

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(CleanText(text),
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

Html Element(const char* name, const HtmlAttributes& attributes, const Html& content) {
  return Html::Trusted(absl::StrCat(OpeningTag(name, attributes), content.markup(), "</", name, ">"));
}

Html VoidElement(const char* name, const HtmlAttributes& attributes) {
  return Html::Trusted(OpeningTag(name, attributes));
}

Html Join(std::initializer_list<Html> parts) {
  Html all;
  for (const Html& part : parts) all += part;
  return all;
}

std::string DataUri(absl::string_view media_type, absl::string_view bytes) {
  return absl::StrCat("data:", media_type, ";base64,", absl::Base64Escape(bytes));
}

}  // namespace adret::report
