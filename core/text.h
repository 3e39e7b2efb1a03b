// Text that comes from outside, such as names in a model file: is it well-formed, how is it shown, how is it quoted.
//
//   std::string name = CleanText("conv\xff");         // "conv\uFFFD"
//   std::string turned = CleanText("\u202Etxt.exe");  // "\uFFFD\uFFFD\uFFFDtxt.exe"
//   std::string json = JsonString("say \"yes\"");      // "\"say \\\"yes\\\"\""
#ifndef ADRET_CORE_TEXT_H_
#define ADRET_CORE_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace adret {

// Returns whether text is well-formed UTF-8 (table 3-7 of the Unicode Standard): no overlong forms, no surrogates,
// nothing above U+10FFFF.
bool IsUtf8(absl::string_view text);

// Returns text as a JSON string, with its quotes. Each byte that is not well-formed UTF-8 becomes U+FFFD.
std::string JsonString(absl::string_view text);

// Returns text as UTF-8 that XML and HTML allow: each byte of anything else becomes U+FFFD. So does each byte of a
// control character but tab and newline, and of a mark that turns the direction of text around, by which a name could
// rearrange the words next to it. Markup is not escaped.
std::string CleanText(absl::string_view text);

}  // namespace adret

#endif  // ADRET_CORE_TEXT_H_
