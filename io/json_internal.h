// JsonReader: reads a JSON text (RFC 8259) piece by piece, in the form that its caller expects.
//
//   io::JsonReader json("{\"width\": 28, \"height\": 28}");
//   std::map<std::string, uint64_t> sizes;
//   AD_RETURN_IF_ERROR(json.ReadObject([&](const std::string& key) -> absl::Status {
//     AD_ASSIGN_OR_RETURN(sizes[key], json.ReadUint64());
//     return absl::OkStatus();
//   }));
//   AD_RETURN_IF_ERROR(json.ReadEnd());
//
// Strict, since what two readers understand differently is a way to deceive one of them: a key comes once, escapes of
// surrogates come in pairs, numbers are whole. Nothing is skipped, so what is read nests as deep as the caller's
// functions do: no text decides how deep the stack gets. Errors say what was expected, what was found, at which byte.
#ifndef ADRET_IO_JSON_INTERNAL_H_
#define ADRET_IO_JSON_INTERNAL_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adret::io {

class JsonReader {
 public:
  // Reads from text, which is valid UTF-8 (IsUtf8) and outlives the reader.
  explicit JsonReader(absl::string_view text) : text_(text) {}

  // Reads an object. For each key it calls read_member, which reads the value.
  absl::Status ReadObject(absl::FunctionRef<absl::Status(const std::string& key)> read_member);
  // Reads an array. For each element it calls read_element, which reads it.
  absl::Status ReadArray(absl::FunctionRef<absl::Status()> read_element);
  absl::StatusOr<std::string> ReadString();
  // Reads a whole number from 0 to 2^64 - 1, written without a fraction or an exponent.
  absl::StatusOr<uint64_t> ReadUint64();
  // Fails unless only white space is left.
  absl::Status ReadEnd();

 private:
  void SkipSpace();
  // Drops c, and white space before it, if it comes next.
  bool Take(char c);
  // Fails with what comes next instead of what is expected.
  absl::Status Expected(absl::string_view what) const;
  absl::Status ReadEscape(std::string* out);
  absl::StatusOr<uint32_t> ReadHex4();

  absl::string_view text_;
  size_t at_ = 0;
};

}  // namespace adret::io

#endif  // ADRET_IO_JSON_INTERNAL_H_
