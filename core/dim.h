// Dim: a dimension that only a run knows, and arithmetic with such dimensions.
//
//   const Dim time("time");
//   Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, time, 64});
//   Value y = Slice(x, 1, 0, -1);                          // f32[?,time - 1,64]
//   Value z = MaxPool1d(Transpose(x, {0, 2, 1}));          // f32[?,64,floor(time/2)]
//
// A symbol is a name that stands for a whole number >= 0. The batch is the symbol "?". A Dim is a sum of products of
// symbols and of quotients that are rounded down, with whole coefficients: 2*rows*columns + floor((time + 1)/2) - 3.
// It is kept in one form (terms ordered by their text, equal ones added up), so that equal sums look equal. Two sums
// that look different may still be equal for some sizes: time and length are, where both are 7.
//
// A Shape holds each dimension as one number, its code. A code of 0 or more is the dimension itself. One from -2^40 to
// -1 stands for -code times the batch, so that kAnyBatch = -1 is the batch itself. A code below stands for one of the
// other sums, which the process keeps in a table.
//
// Equal dimensions have equal codes within a process. Files hold texts instead.
#ifndef ADRET_CORE_DIM_H_
#define ADRET_CORE_DIM_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adret {

// The code of the batch.
inline constexpr int64_t kAnyBatch = -1;
// The code of what is no dimension: a sum that overflowed, or a number below 0. Shape::Validate() refuses it.
inline constexpr int64_t kNoDim = INT64_MIN;

// Returns whether a code stands for more than a multiple of the batch: a named symbol is in it.
inline bool HasNamedSymbol(int64_t code) { return code < -(int64_t{1} << 40); }

class DimSizes;

class Dim {
 public:
  // A factor of a term: a symbol, or floor(numerator / denominator). Kept for the life of the process; equal factors
  // are one object.
  struct Factor;
  using Factors = absl::InlinedVector<const Factor*, 2>;  // ordered by text; a square stands twice
  struct Term {
    int64_t coefficient;
    Factors factors;
    friend bool operator==(const Term&, const Term&) = default;
  };

  Dim() = default;  // 0
  // A number, which may be negative on the way to a dimension.
  explicit Dim(int64_t number) : number_(number) {}
  // A symbol. The name must be one that IsDimName() allows, or "?", the batch; a program with another one ends.
  explicit Dim(absl::string_view name);
  // Returns what a code of a Shape stands for.
  static Dim Of(int64_t code);
  // Reads what ToString() writes. Fails on other texts, and on sums that are too large or too deeply nested.
  static absl::StatusOr<Dim> Parse(absl::string_view text);

  // Returns the number, if no symbol is in it.
  std::optional<int64_t> number() const {
    return terms_.empty() && !out_of_range_ ? std::optional(number_) : std::nullopt;
  }
  // Returns the terms with symbols, and the number that is added to them.
  const absl::InlinedVector<Term, 1>& terms() const { return terms_; }
  int64_t constant() const { return number_; }
  // Returns the code: what a Shape holds. kNoDim for numbers below 0 and after an overflow.
  int64_t code() const;
  operator int64_t() const { return code(); }  // NOLINT(google-explicit-constructor)

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b) { return a + b.Scaled(-1); }
  friend Dim operator*(const Dim& a, const Dim& b);
  // Returns the quotient, rounded down. Exact where the sum of b divides that of a. A number below 1 for b gives
  // kNoDim.
  friend Dim operator/(const Dim& a, const Dim& b);
  // Numbers are taken as numbers, not as codes.
  template <std::integral I>
  friend Dim operator+(const Dim& a, I b) {
    return a + Dim(static_cast<int64_t>(b));
  }
  template <std::integral I>
  friend Dim operator-(const Dim& a, I b) {
    return a - Dim(static_cast<int64_t>(b));
  }
  template <std::integral I>
  friend Dim operator*(const Dim& a, I b) {
    return a * Dim(static_cast<int64_t>(b));
  }
  template <std::integral I>
  friend Dim operator/(const Dim& a, I b) {
    return a / Dim(static_cast<int64_t>(b));
  }

  // Returns a / b where b divides a for all sizes.
  static std::optional<Dim> ExactQuotient(const Dim& a, const Dim& b);

  friend bool operator==(const Dim& a, const Dim& b) {
    return a.number_ == b.number_ && a.out_of_range_ == b.out_of_range_ && a.terms_ == b.terms_;
  }
  friend bool operator!=(const Dim& a, const Dim& b) { return !(a == b); }

  // Returns the sum with these sizes in place of their symbols; others stay.
  Dim With(const DimSizes& sizes) const;
  // Calls f(id) for the id of every symbol in the sum; some may come more than once.
  template <class F>
  void ForEachSymbol(F&& f) const;

  // Returns whether no term and no number of the sum is negative.
  bool NeverNegative() const;
  // Returns whether the sum can be 0 for any sizes, as far as the signs of its terms say.
  bool MayBeZero() const;
  // Returns whether the sum is 0, or has terms of both signs: whether it can be 0 for sizes that are not.
  bool MayCancel() const;

  // Returns text such as "2*time - 1"; "?" is the batch.
  std::string ToString() const;

 private:
  friend struct DimTable;
  Dim Scaled(int64_t factor) const;
  void AddTerm(int64_t coefficient, const Factors& factors);
  static Dim OfFactor(const Factor* factor);
  static Dim Floor(const Dim& numerator, const Dim& denominator);
  static Dim FactorWith(const Factor& factor, const DimSizes& sizes);

  int64_t number_ = 0;
  bool out_of_range_ = false;
  absl::InlinedVector<Term, 1> terms_;
};

struct Dim::Factor {
  std::string text;
  int symbol = -1;             // its id: the batch is 0
  Dim numerator, denominator;  // of a quotient: symbol is -1
};

template <class F>
void Dim::ForEachSymbol(F&& f) const {
  for (const Term& term : terms_) {
    for (const Factor* factor : term.factors) {
      if (factor->symbol >= 0) {
        f(factor->symbol);
      } else {
        factor->numerator.ForEachSymbol(f);
        factor->denominator.ForEachSymbol(f);
      }
    }
  }
}

// Returns whether a symbol may have this name: letters, digits, "_" and ".", not starting with a digit, at most 64.
bool IsDimName(absl::string_view name);
// Returns the name of a symbol by its id.
const std::string& SymbolName(int symbol);
// Returns whether a code stands for a dimension.
bool IsDimCode(int64_t code);
// Returns the text of a code: "3", "?", "2*?", "time - 1".
std::string DimText(int64_t code);
// Returns whether two dimensions can be equal for any sizes. time and time - 1 cannot, time and length can: then, who
// asks assumes that they are. The batch, and multiples of it, are never taken for something else: a batch where there
// should be features is an error at once.
bool MayBeEqual(int64_t code_a, int64_t code_b);

// Notes that what the calling thread computes holds for some sizes only: that an axis of size `time` is long enough for
// a window of 5. A type rule that notes it is asked again, with numbers, by every plan.
void AssumeOfSizes();
// Returns whether the thread has noted that since the last call.
bool TakeAssumption();

// The sizes that a run gives to symbols.
//
//   executor.Explain({{"?", 32}, {"time", 100}});
//   executor.Explain(32);                            // the batch alone
class DimSizes {
 public:
  using Entry = std::pair<int, int64_t>;  // the symbol's id, its size

  DimSizes() = default;
  DimSizes(int64_t batch) { Set(0, batch); }  // NOLINT(google-explicit-constructor)
  DimSizes(std::initializer_list<std::pair<absl::string_view, int64_t>> sizes);

  // Gives a symbol a size, in place of any that it has.
  void Set(int symbol, int64_t size);
  std::optional<int64_t> Find(int symbol) const;
  // Returns the entries, ordered by id.
  const absl::InlinedVector<Entry, 2>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }

  // Returns text such as "? = 32, time = 100".
  std::string ToString() const;
  friend bool operator==(const DimSizes& a, const DimSizes& b) { return a.entries_ == b.entries_; }
  friend bool operator!=(const DimSizes& a, const DimSizes& b) { return !(a == b); }

 private:
  absl::InlinedVector<Entry, 2> entries_;
};

// Finds the sizes that make the dimension `code` equal to `found`, a number, and adds them to `sizes`. Returns false
// where there are none: known sizes contradict. Where a dimension has two unknown symbols, or one that is not plainly
// multiplied, it says nothing: `undecided` is set.
bool MatchDim(int64_t code, int64_t found, DimSizes* sizes, bool* undecided);

}  // namespace adret

#endif  // ADRET_CORE_DIM_H_
