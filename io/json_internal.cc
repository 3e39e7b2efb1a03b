#include "adret/io/json_internal.h"

#include <algorithm>

#include "absl/container/btree_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "adret/core/names.h"
#include "adret/core/status.h"

namespace adret::io {
namespace {

constexpr bool IsHighSurrogate(uint32_t code) { return code >= 0xD800 && code < 0xDC00; }
constexpr bool IsLowSurrogate(uint32_t code) { return code >= 0xDC00 && code < 0xE000; }

// Appends a character as UTF-8.
void AppendUtf8(uint32_t code, std::string* out) {
  const auto put = [&](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  const auto put_low_bits = [&](int shift) { put(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | (code >> 6));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put_low_bits(6);
  } else {
    put(0xF0 | (code >> 18));
    put_low_bits(12);
    put_low_bits(6);
  }
  put_low_bits(0);
}

}  // namespace

void JsonReader::SkipSpace() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

bool JsonReader::Take(char c) {
  SkipSpace();
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

absl::Status JsonReader::Expected(absl::string_view what) const {
  const std::string found = at_ < text_.size() ? Quoted(text_.substr(at_, 1)) : "the end";
  return absl::InvalidArgumentError(absl::StrCat("expected ", what, " but found ", found, " at byte ", at_));
}

absl::Status JsonReader::ReadObject(absl::FunctionRef<absl::Status(const std::string& key)> read_member) {
  if (!Take('{')) return Expected("an object");
  if (Take('}')) return absl::OkStatus();
  absl::btree_set<std::string> keys;
  do {
    SkipSpace();
    const size_t start = at_;
    AD_ASSIGN_OR_RETURN(std::string read, ReadString());
    const auto [key, is_new] = keys.insert(std::move(read));
    if (!is_new) {
      return absl::InvalidArgumentError(absl::StrCat("the key ", Quoted(*key), " comes again at byte ", start));
    }
    if (!Take(':')) return Expected("':'");
    AD_RETURN_IF_ERROR(read_member(*key));
  } while (Take(','));
  return Take('}') ? absl::OkStatus() : Expected("',' or '}'");
}

absl::Status JsonReader::ReadArray(absl::FunctionRef<absl::Status()> read_element) {
  if (!Take('[')) return Expected("an array");
  if (Take(']')) return absl::OkStatus();
  do {
    AD_RETURN_IF_ERROR(read_element());
  } while (Take(','));
  return Take(']') ? absl::OkStatus() : Expected("',' or ']'");
}

absl::StatusOr<std::string> JsonReader::ReadString() {
  if (!Take('"')) return Expected("a string");
  std::string out;
  for (;;) {
    const size_t plain = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' && static_cast<uint8_t>(text_[at_]) >= 0x20) {
      ++at_;
    }
    absl::StrAppend(&out, text_.substr(plain, at_ - plain));
    if (at_ == text_.size() || static_cast<uint8_t>(text_[at_]) < 0x20) return Expected("'\"' at the end of a string");
    if (text_[at_++] == '"') return out;
    AD_RETURN_IF_ERROR(ReadEscape(&out));
  }
}

// Reads what follows a backslash.
absl::Status JsonReader::ReadEscape(std::string* out) {
  constexpr absl::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const size_t letter = at_ < text_.size() ? kLetters.find(text_[at_]) : absl::string_view::npos;
  if (letter != absl::string_view::npos) {
    out->push_back(kMeanings[letter]);
    ++at_;
    return absl::OkStatus();
  }
  if (at_ == text_.size() || text_[at_] != 'u') return Expected("an escape that JSON has");
  ++at_;
  AD_ASSIGN_OR_RETURN(uint32_t code, ReadHex4());
  if (IsHighSurrogate(code) && text_.substr(at_, 2) == "\\u") {
    at_ += 2;
    AD_ASSIGN_OR_RETURN(const uint32_t low, ReadHex4());
    if (IsLowSurrogate(low)) code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  if (IsHighSurrogate(code) || IsLowSurrogate(code)) {
    return absl::InvalidArgumentError(absl::StrCat("half of a surrogate pair stands alone before byte ", at_));
  }
  AppendUtf8(code, out);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> JsonReader::ReadHex4() {
  uint32_t code = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    if (at_ == text_.size() || !absl::ascii_isxdigit(static_cast<unsigned char>(text_[at_]))) {
      return Expected("four hexadecimal digits");
    }
    const char c = text_[at_];
    code = code * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return code;
}

absl::StatusOr<uint64_t> JsonReader::ReadUint64() {
  SkipSpace();
  const size_t end = std::min(text_.find_first_not_of("0123456789", at_), text_.size());
  const absl::string_view digits = text_.substr(at_, end - at_);
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return Expected("a whole number in plain digits");
  uint64_t value = 0;
  if (!absl::SimpleAtoi(digits, &value)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the number ", digits.substr(0, 40), " at byte ", at_, " is above 2^64 - 1"));
  }
  at_ = end;
  if (at_ < text_.size() && (text_[at_] == '.' || text_[at_] == 'e' || text_[at_] == 'E')) {
    return Expected("a whole number to end");
  }
  return value;
}

absl::Status JsonReader::ReadEnd() {
  SkipSpace();
  return at_ == text_.size() ? absl::OkStatus() : Expected("the end");
}

}  // namespace adret::io
