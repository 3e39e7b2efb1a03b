#include "adret/tools/report/html.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace adret::report {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// How many bytes of text, which begins with one >= 0x80, are one character that HTML allows; 0: none are.
size_t CharacterLength(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  uint32_t code = lead & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3F);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF, control = code < 0xA0;
  // Marks that turn the direction of text around would let a name rearrange the words next to it.
  const bool turns = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  const bool noncharacter = (code & 0xFFFE) == 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF);
  return overlong || surrogate || control || turns || noncharacter || code > 0x10FFFF ? 0 : length;
}

std::string OpeningTag(const char* name, const HtmlAttributes& attributes) {
  std::string tag = absl::StrCat("<", name);
  for (const HtmlAttribute& a : attributes) absl::StrAppend(&tag, " ", a.name, "=\"", EscapeHtml(a.value), "\"");
  tag += '>';
  return tag;
}

}  // namespace

std::string EscapeHtml(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (static_cast<uint8_t>(c) >= 0x80) {
      const size_t length = CharacterLength(text.substr(i));
      absl::StrAppend(&out, length == 0 ? kReplacement : text.substr(i, length));
      i += length == 0 ? 1 : length;
      continue;
    }
    ++i;
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) {
          absl::StrAppend(&out, kReplacement);
        } else {
          out += c;
        }
    }
  }
  return out;
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
