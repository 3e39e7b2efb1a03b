// Html: pieces of a page. Text is escaped wherever it comes in, so that no name in a model file becomes markup.
//
//   report::Html cells = report::Join({report::Element("th", {}, name), report::Element("td", {}, "7 < 9")});
//   report::Html row = report::Element("tr", {{"class", "total"}}, cells);
//   std::string markup = row.markup();        // <tr class="total"><th>...</th><td>7 &lt; 9</td></tr>
#ifndef ADRET_TOOLS_REPORT_HTML_H_
#define ADRET_TOOLS_REPORT_HTML_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace adret::report {

// text as HTML shows it, between tags and in quoted attributes, after CleanText() (core/text.h).
std::string EscapeHtml(absl::string_view text);

class Html {
 public:
  Html() = default;
  // Text.
  Html(absl::string_view text) : markup_(EscapeHtml(text)) {}  // NOLINT: where markup is expected, strings are text
  Html(const std::string& text) : Html(absl::string_view(text)) {}  // NOLINT
  Html(const char* text) : Html(absl::string_view(text)) {}         // NOLINT

  // Markup as it is. For what this program has written itself.
  static Html Trusted(std::string markup) {
    Html html;
    html.markup_ = std::move(markup);
    return html;
  }

  Html& operator+=(const Html& more) {
    markup_ += more.markup_;
    return *this;
  }
  bool empty() const { return markup_.empty(); }
  const std::string& markup() const { return markup_; }

 private:
  std::string markup_;
};

struct HtmlAttribute {
  const char* name;
  std::string value;
};
using HtmlAttributes = std::vector<HtmlAttribute>;

// <name attributes>content</name>. The names of elements and attributes are written in the program.
Html Element(const char* name, const HtmlAttributes& attributes, const Html& content = {});
// <name attributes>: elements that have no content, such as img.
Html VoidElement(const char* name, const HtmlAttributes& attributes);

Html Join(std::initializer_list<Html> parts);

// "data:image/png;base64,...": bytes as an address.
std::string DataUri(absl::string_view media_type, absl::string_view bytes);

}  // namespace adret::report

#endif  // ADRET_TOOLS_REPORT_HTML_H_
