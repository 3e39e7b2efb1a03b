// Dim::Parse(): sums of symbols, as model files and command lines spell them.
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "adret/core/dim.h"
#include "adret/core/dim_internal.h"
#include "adret/core/status.h"

namespace adret {
namespace {

constexpr size_t kDeepestNesting = 16;

// sum := ["-"] product (("+" | "-") product)*,  product := factor ("*" factor)*,
// factor := number | symbol | "floor(" side "/" side ")",  side := "(" sum ")" | product
class DimParser {
 public:
  explicit DimParser(absl::string_view text) : text_(text) {}

  absl::StatusOr<Dim> Run() {
    if (text_.size() > kLongestDimText) return Error("is too long");
    AD_ASSIGN_OR_RETURN(Dim result, Sum(0));
    if (!text_.empty()) return Error("has something unexpected");
    return result;
  }

 private:
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("the text of a dimension ", what, " before \"", text_, "\""));
  }
  bool Take(absl::string_view token) {
    while (!text_.empty() && text_[0] == ' ') text_.remove_prefix(1);
    if (!absl::StartsWith(text_, token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }

  absl::StatusOr<Dim> Sum(size_t depth) {
    Dim sum;
    bool negative = Take("-");
    do {
      AD_ASSIGN_OR_RETURN(const Dim product, Product(depth));
      sum = negative ? sum - product : sum + product;
      negative = Take("-");
    } while (negative || Take("+"));
    return sum;
  }

  absl::StatusOr<Dim> Product(size_t depth) {
    Dim product(1);
    do {
      AD_ASSIGN_OR_RETURN(const Dim factor, Factor(depth));
      product = product * factor;
    } while (Take("*"));
    return product;
  }

  absl::StatusOr<Dim> Side(size_t depth) {
    if (!Take("(")) return Product(depth);
    AD_ASSIGN_OR_RETURN(Dim sum, Sum(depth));
    if (!Take(")")) return Error("lacks a )");
    return sum;
  }

  absl::StatusOr<Dim> Factor(size_t depth) {
    if (depth > kDeepestNesting) return Error("is nested too deeply");
    if (Take("floor(")) {
      AD_ASSIGN_OR_RETURN(const Dim numerator, Side(depth + 1));
      if (!Take("/")) return Error("lacks a /");
      AD_ASSIGN_OR_RETURN(const Dim denominator, Side(depth + 1));
      if (!Take(")")) return Error("lacks a )");
      return numerator / denominator;
    }
    if (Take("?")) return Dim("?");
    size_t length = 0;
    while (length < text_.size() &&
           (absl::ascii_isalnum(text_[length]) || text_[length] == '_' || text_[length] == '.')) {
      ++length;
    }
    const absl::string_view word = text_.substr(0, length);
    text_.remove_prefix(length);
    if (IsDimName(word)) return Dim(word);
    int64_t number = 0;
    if (absl::SimpleAtoi(word, &number)) return Dim(number);
    return Error("lacks a number or a name");
  }

  absl::string_view text_;
};

}  // namespace

absl::StatusOr<Dim> Dim::Parse(absl::string_view text) {
  AD_ASSIGN_OR_RETURN(Dim result, DimParser(text).Run());
  if (result.out_of_range_) return absl::InvalidArgumentError(absl::StrCat("the dimension ", text, " is out of range"));
  return result;
}

}  // namespace adret
