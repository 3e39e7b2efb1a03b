#include "adret/core/text.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace adret {
namespace {

constexpr absl::string_view kReplacement = "\uFFFD";

// One character of UTF-8; of length 0 where the bytes are not well-formed.
struct Character {
  size_t length = 0;
  uint32_t code = 0;
};

// Decodes the first character of text, which is not empty.
Character Decode(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  uint32_t code = lead & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3F);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return overlong || surrogate || code > 0x10FFFF ? Character{} : Character{length, code};
}

bool MayBeShown(uint32_t code) {
  const bool control = (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code < 0xA0);
  const bool turns = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  const bool noncharacter = (code & 0xFFFE) == 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF);
  return !control && !turns && !noncharacter;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = Decode(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string JsonString(absl::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const Character c = Decode(text);
    if (c.length == 0) {
      absl::StrAppend(&out, "\\ufffd");
    } else if (c.code == '"' || c.code == '\\') {
      absl::StrAppend(&out, "\\", text.substr(0, 1));
    } else if (c.code < 0x20) {
      absl::StrAppend(&out, "\\u", absl::Hex(c.code, absl::kZeroPad4));
    } else {
      absl::StrAppend(&out, text.substr(0, c.length));
    }
    text.remove_prefix(c.length == 0 ? 1 : c.length);
  }
  return absl::StrCat(out, "\"");
}

std::string CleanText(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character c = Decode(text);
    const bool shown = c.length > 0 && MayBeShown(c.code);
    absl::StrAppend(&out, shown ? text.substr(0, c.length) : kReplacement);
    text.remove_prefix(shown ? c.length : 1);
  }
  return out;
}

}  // namespace adret
