#include "adret/core/dim.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/dim_internal.h"
#include "adret/core/status.h"

namespace adret {

namespace {

constexpr int64_t kMostBatches = int64_t{1} << 40;    // multiples of the batch that are codes themselves
constexpr int64_t kFirstCode = -(int64_t{1} << 62);   // of the table; further ones count up
constexpr size_t kMostTerms = 64, kMostFactors = 16;  // beyond, a sum is refused
constexpr size_t kMostQuotientTerms = 8;              // of exact quotients

bool FactorsLess(const Dim::Factors& a, const Dim::Factors& b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](const auto* x, const auto* y) { return x->text < y->text; });
}

}  // namespace

// The symbols, factors and sums of the process. Thread-safe.
struct DimTable {
  std::mutex mutex;
  std::deque<Dim::Factor> factors;  // stable addresses
  absl::flat_hash_map<std::string, const Dim::Factor*> factor_by_text;
  std::vector<const Dim::Factor*> symbols;  // by id
  std::deque<Dim> sums;
  absl::flat_hash_map<std::string, int64_t> code_by_text;

  static DimTable& Get() {
    static auto* const table = new DimTable;
    return *table;
  }

  DimTable() { Symbol("?"); }

  const Dim::Factor* Symbol(absl::string_view name) {
    const std::lock_guard lock(mutex);
    const auto [it, is_new] = factor_by_text.try_emplace(name, nullptr);
    if (is_new) {
      factors.push_back({std::string(name), static_cast<int>(symbols.size()), Dim(), Dim()});
      it->second = &factors.back();
      symbols.push_back(it->second);
    }
    return it->second;
  }

  const Dim::Factor* Quotient(const Dim& numerator, const Dim& denominator) {
    const bool sum = numerator.terms_.size() + (numerator.number_ != 0) > 1;
    const bool product = !denominator.number().has_value();
    std::string text = absl::StrCat("floor(", sum ? "(" : "", numerator.ToString(), sum ? ")" : "", "/",
                                    product ? "(" : "", denominator.ToString(), product ? ")" : "", ")");
    const std::lock_guard lock(mutex);
    const auto [it, is_new] = factor_by_text.try_emplace(text, nullptr);
    if (is_new) {
      factors.push_back({std::move(text), -1, numerator, denominator});
      it->second = &factors.back();
    }
    return it->second;
  }

  int64_t Code(const Dim& sum) {
    std::string text = sum.ToString();
    if (text.size() > kLongestDimText) return kNoDim;
    const std::lock_guard lock(mutex);
    const auto [it, is_new] = code_by_text.try_emplace(std::move(text), 0);
    if (is_new) {
      it->second = kFirstCode + static_cast<int64_t>(sums.size());
      sums.push_back(sum);
    }
    return it->second;
  }

  // Sums stay where they are once they are there.
  const Dim* Sum(int64_t code) {
    const std::lock_guard lock(mutex);
    const uint64_t index = static_cast<uint64_t>(code - kFirstCode);
    return code >= kFirstCode && index < sums.size() ? &sums[index] : nullptr;
  }
};

// ---- Making ---------------------------------------------------------------------------------------------------------

bool IsDimName(absl::string_view name) {
  if (name.empty() || name.size() > 64 || absl::ascii_isdigit(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '.'; });
}

const std::string& SymbolName(int symbol) {
  DimTable& table = DimTable::Get();
  const std::lock_guard lock(table.mutex);
  return table.symbols[symbol]->text;
}

Dim::Dim(absl::string_view name) {
  AD_CHECK(name == "?" || IsDimName(name));
  AddTerm(1, {DimTable::Get().Symbol(name)});
}

Dim Dim::Of(int64_t code) {
  if (code >= 0) return Dim(code);
  if (code >= -kMostBatches) {
    static const Dim* const batch = new Dim("?");
    return batch->Scaled(-code);
  }
  const Dim* sum = code == kNoDim ? nullptr : DimTable::Get().Sum(code);
  if (sum != nullptr) return *sum;
  Dim none;
  none.out_of_range_ = true;
  return none;
}

Dim Dim::OfFactor(const Factor* factor) {
  Dim result;
  result.AddTerm(1, {factor});
  return result;
}

int64_t Dim::code() const {
  if (out_of_range_ || terms_.size() > kMostTerms) return kNoDim;
  if (terms_.empty()) return number_ >= 0 ? number_ : kNoDim;
  const Term& first = terms_[0];
  const bool batches = terms_.size() == 1 && number_ == 0 && first.factors.size() == 1 &&
                       first.factors[0]->symbol == 0 && first.coefficient > 0 && first.coefficient <= kMostBatches;
  return batches ? -first.coefficient : DimTable::Get().Code(*this);
}

// ---- Arithmetic -----------------------------------------------------------------------------------------------------

void Dim::AddTerm(int64_t coefficient, const Factors& factors) {
  if (factors.size() > kMostFactors) out_of_range_ = true;
  auto at = std::lower_bound(terms_.begin(), terms_.end(), factors,
                             [](const Term& t, const Factors& f) { return FactorsLess(t.factors, f); });
  if (at == terms_.end() || at->factors != factors) {
    if (coefficient != 0) terms_.insert(at, {coefficient, factors});
    return;
  }
  out_of_range_ |= __builtin_add_overflow(at->coefficient, coefficient, &at->coefficient);
  if (at->coefficient == 0) terms_.erase(at);
}

Dim Dim::Scaled(int64_t factor) const {
  if (factor == 0) {
    Dim zero;
    zero.out_of_range_ = out_of_range_;
    return zero;
  }
  Dim result = *this;
  result.out_of_range_ |= __builtin_mul_overflow(number_, factor, &result.number_);
  for (Term& t : result.terms_) {
    result.out_of_range_ |= __builtin_mul_overflow(t.coefficient, factor, &t.coefficient);
  }
  return result;
}

Dim operator+(const Dim& a, const Dim& b) {
  Dim result = a;
  result.out_of_range_ |= b.out_of_range_ || __builtin_add_overflow(a.number_, b.number_, &result.number_);
  for (const Dim::Term& t : b.terms_) result.AddTerm(t.coefficient, t.factors);
  return result;
}

Dim operator*(const Dim& a, const Dim& b) {
  Dim result = b.Scaled(a.number_);
  result.out_of_range_ |= a.out_of_range_ || a.terms_.size() * b.terms_.size() > kMostTerms;
  if (result.out_of_range_) return result;
  for (const Dim::Term& t : a.terms_) {
    if (b.number_ != 0) {
      int64_t coefficient = 0;
      result.out_of_range_ |= __builtin_mul_overflow(t.coefficient, b.number_, &coefficient);
      result.AddTerm(coefficient, t.factors);
    }
    for (const Dim::Term& u : b.terms_) {
      int64_t coefficient = 0;
      result.out_of_range_ |= __builtin_mul_overflow(t.coefficient, u.coefficient, &coefficient);
      Dim::Factors factors = t.factors;
      factors.insert(factors.end(), u.factors.begin(), u.factors.end());
      std::sort(factors.begin(), factors.end(), [](const auto* x, const auto* y) { return x->text < y->text; });
      result.AddTerm(coefficient, factors);
    }
  }
  return result;
}

std::optional<Dim> Dim::ExactQuotient(const Dim& a, const Dim& b) {
  if (a.out_of_range_ || b.out_of_range_) return std::nullopt;
  if (a.terms_.empty() && a.number_ == 0) return b == a ? std::nullopt : std::optional(Dim(0));
  // Long division by b's leading term: each step takes a's leading term away.
  const auto leading = [](const Dim& d) {
    return d.terms_.empty() ? Term{d.number_, {}}
                            : *std::max_element(d.terms_.begin(), d.terms_.end(), [](const Term& x, const Term& y) {
                                return x.factors.size() != y.factors.size() ? x.factors.size() < y.factors.size()
                                                                            : FactorsLess(x.factors, y.factors);
                              });
  };
  const Term divisor = leading(b);
  if (divisor.coefficient == 0 || divisor.coefficient == -1) return std::nullopt;
  Dim rest = a, quotient;
  for (size_t step = 0; step <= kMostQuotientTerms; ++step) {
    if (rest.out_of_range_) return std::nullopt;
    if (rest.terms_.empty() && rest.number_ == 0) return quotient;
    const Term top = leading(rest);
    if (top.coefficient % divisor.coefficient != 0) return std::nullopt;
    Factors left = top.factors;
    for (const Factor* factor : divisor.factors) {
      auto at = std::find(left.begin(), left.end(), factor);
      if (at == left.end()) return std::nullopt;
      left.erase(at);
    }
    Dim part(left.empty() ? top.coefficient / divisor.coefficient : 0);
    if (!left.empty()) part.AddTerm(top.coefficient / divisor.coefficient, left);
    quotient = quotient + part;
    rest = rest - part * b;
  }
  return std::nullopt;
}

// The quotient of what b does not divide. What a number b divides is taken out: floor((3*time + 4)/2) is
// time + 2 + floor(time/2).
Dim Dim::Floor(const Dim& a, const Dim& b) {
  const std::optional<int64_t> n = b.number();
  if (!n.has_value()) return OfFactor(DimTable::Get().Quotient(a, b));
  const auto floor = [&](int64_t v) { return v / *n - (v % *n < 0); };
  Dim whole(floor(a.number_)), rest(a.number_ - floor(a.number_) * *n);
  for (const Term& t : a.terms_) {
    const int64_t q = floor(t.coefficient), r = t.coefficient - q * *n;
    if (q != 0) whole.AddTerm(q, t.factors);
    if (r != 0) rest.AddTerm(r, t.factors);
  }
  if (rest.terms_.empty()) return whole;  // its number is below n
  return whole + OfFactor(DimTable::Get().Quotient(rest, b));
}

Dim operator/(const Dim& a, const Dim& b) {
  const std::optional<int64_t> n = b.number();
  const bool impossible = a.out_of_range_ || b.out_of_range_ || (n.has_value() && *n < 1);
  if (impossible) return Dim::Of(kNoDim);
  if (n.has_value()) return Dim::Floor(a, b);
  const std::optional<Dim> exact = Dim::ExactQuotient(a, b);
  return exact.has_value() ? *exact : Dim::Floor(a, b);
}

// ---- Sizes ----------------------------------------------------------------------------------------------------------

Dim Dim::FactorWith(const Factor& factor, const DimSizes& sizes) {
  if (factor.symbol >= 0) {
    const std::optional<int64_t> size = sizes.Find(factor.symbol);
    return size.has_value() ? Dim(*size) : OfFactor(&factor);
  }
  return factor.numerator.With(sizes) / factor.denominator.With(sizes);
}

Dim Dim::With(const DimSizes& sizes) const {
  Dim result(number_);
  result.out_of_range_ = out_of_range_;
  for (const Term& t : terms_) {
    Dim product(t.coefficient);
    for (const Factor* factor : t.factors) product = product * FactorWith(*factor, sizes);
    result = result + product;
  }
  return result;
}

DimSizes::DimSizes(std::initializer_list<std::pair<absl::string_view, int64_t>> sizes) {
  for (const auto& [name, size] : sizes) Dim(name).ForEachSymbol([&, s = size](int symbol) { Set(symbol, s); });
}

void DimSizes::Set(int symbol, int64_t size) {
  auto at = std::lower_bound(entries_.begin(), entries_.end(), Entry(symbol, std::numeric_limits<int64_t>::min()));
  if (at != entries_.end() && at->first == symbol) {
    at->second = size;
  } else {
    entries_.insert(at, {symbol, size});
  }
}

std::optional<int64_t> DimSizes::Find(int symbol) const {
  for (const Entry& e : entries_) {
    if (e.first == symbol) return e.second;
  }
  return std::nullopt;
}

std::string DimSizes::ToString() const {
  return absl::StrJoin(entries_, ", ", [](std::string* out, const Entry& e) {
    absl::StrAppend(out, SymbolName(e.first), " = ", e.second);
  });
}

bool MatchDim(int64_t code, int64_t found, DimSizes* sizes, bool* undecided) {
  if (code >= 0) return code == found;
  if (!HasNamedSymbol(code)) {
    if (found % code != 0) return false;
    const std::optional<int64_t> batch = sizes->Find(0);
    if (!batch.has_value()) sizes->Set(0, found / -code);
    return !batch.has_value() || *batch == found / -code;
  }
  const Dim rest = Dim::Of(code).With(*sizes);
  if (const auto number = rest.number(); number.has_value()) return *number == found;
  int unknown = -1, count = 0;
  rest.ForEachSymbol([&](int symbol) { unknown = symbol, ++count; });
  const DimSizes zero = [&] {
    DimSizes s;
    s.Set(unknown, 0);
    return s;
  }();
  const DimSizes one = [&] {
    DimSizes s;
    s.Set(unknown, 1);
    return s;
  }();
  const auto at_zero = rest.With(zero).number(), at_one = rest.With(one).number();
  const bool plain = count == 1 && at_zero.has_value() && at_one.has_value() &&
                     rest == Dim(SymbolName(unknown)) * (*at_one - *at_zero) + *at_zero;
  if (!plain) {
    *undecided = true;
    return true;
  }
  const int64_t slope = *at_one - *at_zero, difference = found - *at_zero;
  if (difference % slope != 0 || difference / slope < 0) return false;
  sizes->Set(unknown, difference / slope);
  return true;
}

// Returns whether a sum can be 0 with any batch, which is never taken for a certain number: what the batch multiplies
// can be 0, and so can the rest.
static bool MayBeZeroForAnyBatch(const Dim& sum) {
  Dim at[3];
  for (int64_t batch = 0; batch < 3; ++batch) {
    DimSizes sizes;
    sizes.Set(0, batch);
    at[batch] = sum.With(sizes);
  }
  const Dim slope = at[1] - at[0];
  if (at[2] - at[1] != slope) return false;
  return slope == Dim() ? at[0].MayBeZero() : at[0].MayCancel() && slope.MayCancel();
}

bool MayBeEqual(int64_t code_a, int64_t code_b) {
  if (code_a == code_b) return true;
  if (code_a >= 0 && code_b >= 0) return false;
  const auto is_batch = [](int64_t code) { return code < 0 && !HasNamedSymbol(code); };
  if (code_a == kNoDim || code_b == kNoDim || is_batch(code_a) || is_batch(code_b)) return false;
  const Dim difference = Dim::Of(code_a) - Dim::Of(code_b);
  if (!MayBeZeroForAnyBatch(difference)) return false;
  AssumeOfSizes();
  return true;
}

namespace {
thread_local bool assumed = false;
}  // namespace

void AssumeOfSizes() { assumed = true; }
bool TakeAssumption() { return std::exchange(assumed, false); }

bool Dim::NeverNegative() const {
  return number_ >= 0 && std::all_of(terms_.begin(), terms_.end(), [](const Term& t) { return t.coefficient > 0; });
}

// A sum of which the number and all terms have one sign is never 0: symbols and, hence, most quotients are at least 0.
bool Dim::MayBeZero() const {
  if (number_ == 0) return true;
  for (const Term& t : terms_) {
    if ((t.coefficient < 0) != (number_ < 0)) return true;
    for (const Factor* factor : t.factors) {
      if (factor->symbol < 0) return true;
    }
  }
  return false;
}

bool Dim::MayCancel() const {
  bool above = number_ > 0, below = number_ < 0;
  for (const Term& t : terms_) {
    (t.coefficient < 0 ? below : above) = true;
    for (const Factor* factor : t.factors) {
      if (factor->symbol < 0) return true;
    }
  }
  return above == below;
}

// ---- Text -----------------------------------------------------------------------------------------------------------

bool IsDimCode(int64_t code) { return code >= -kMostBatches || DimTable::Get().Sum(code) != nullptr; }

std::string DimText(int64_t code) { return code >= 0 ? absl::StrCat(code) : Dim::Of(code).ToString(); }

std::string Dim::ToString() const {
  if (out_of_range_) return "(out of range)";
  std::string text;
  const auto append = [&](int64_t value, absl::string_view rest) {
    const uint64_t size = value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    absl::StrAppend(&text, text.empty() ? (value < 0 ? "-" : "") : value < 0 ? " - " : " + ");
    if (rest.empty() || size != 1) absl::StrAppend(&text, size, rest.empty() ? "" : "*");
    absl::StrAppend(&text, rest);
  };
  // Positive terms first: "time - 1", and "b - a" rather than "-a + b".
  for (const bool negative : {false, true}) {
    for (const Term& t : terms_) {
      if ((t.coefficient < 0) != negative) continue;
      append(t.coefficient, absl::StrJoin(t.factors, "*", [](std::string* out, const Factor* f) { *out += f->text; }));
    }
    if ((number_ < 0) == negative && number_ != 0) append(number_, "");
  }
  return text.empty() ? "0" : text;
}

}  // namespace adret
