#include "adret/core/attrs.h"

#include <bit>
#include <cstring>

#include "absl/hash/hash.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/subgraph.h"

namespace adret {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

uint64_t Bits(double v) { return std::bit_cast<uint64_t>(v); }

bool SameValue(const AttrValue& a, const AttrValue& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& va) {
        using T = std::decay_t<decltype(va)>;
        const T& vb = std::get<T>(b);
        if constexpr (std::is_same_v<T, double>) {
          return Bits(va) == Bits(vb);
        } else if constexpr (std::is_same_v<T, std::vector<double>>) {
          return va.size() == vb.size() && (va.empty() || std::memcmp(va.data(), vb.data(), va.size() * 8) == 0);
        } else if constexpr (std::is_same_v<T, Tensor>) {
          return va.raw() == vb.raw() ? va.type() == vb.type() : va.BitEqual(vb);
        } else if constexpr (std::is_same_v<T, SubgraphRef>) {
          return va == vb || (va != nullptr && vb != nullptr && va->SameAs(*vb));
        } else {
          return va == vb;
        }
      },
      a);
}

size_t HashValue(const AttrValue& value) {
  return std::visit(Overloaded{
                        [](double v) { return absl::HashOf(Bits(v)); },
                        [](const Tensor& t) {
                          // The first bytes separate most constants; equality compares the rest.
                          const size_t n = std::min<size_t>(t.num_bytes(), 256);
                          return absl::HashOf(t.type(), absl::string_view(static_cast<const char*>(t.raw()), n));
                        },
                        [](const std::vector<double>& v) {
                          size_t h = v.size();
                          for (double d : v) h = absl::HashOf(h, Bits(d));
                          return h;
                        },
                        [](const SubgraphRef& v) { return v == nullptr ? size_t{0} : v->hash(); },
                        [](const auto& v) { return absl::HashOf(v); },
                    },
                    value);
}

std::string Print(const AttrValue& value) {
  return std::visit(Overloaded{
                        [](bool v) { return std::string(v ? "true" : "false"); },
                        [](const std::string& v) { return absl::StrCat("\"", absl::CEscape(v), "\""); },
                        [](DType v) { return std::string(Name(v)); },
                        [](const Shape& v) { return v.ToString(); },
                        [](const Tensor& v) {
                          return v.num_elements() <= 8 ? v.ToString() : absl::StrCat(v.type().ToString(), " ...");
                        },
                        [](const std::vector<int64_t>& v) { return absl::StrCat("[", absl::StrJoin(v, ","), "]"); },
                        [](const std::vector<double>& v) { return absl::StrCat("[", absl::StrJoin(v, ","), "]"); },
                        [](const SubgraphRef& v) { return v == nullptr ? std::string("none") : v->ToString(); },
                        [](auto v) { return absl::StrCat(v); },
                    },
                    value);
}

}  // namespace

bool operator==(const Attr& a, const Attr& b) { return a.name == b.name && SameValue(a.value, b.value); }

bool operator==(const Attrs& a, const Attrs& b) {
  return a.tag_ == b.tag_ && (a.list_ == b.list_ || (a.hash_ == b.hash_ && *a.list_ == *b.list_));
}

std::string ToString(const AttrList& attrs) {
  return absl::StrJoin(attrs, ", ",
                       [](std::string* out, const Attr& a) { absl::StrAppend(out, a.name, "=", Print(a.value)); });
}

size_t HashOf(const AttrList& attrs) {
  size_t h = attrs.size();
  for (const Attr& a : attrs) h = absl::HashOf(h, a.name, HashValue(a.value));
  return h;
}

namespace internal {

const AttrValue* AttrReader::Find(const std::string& name) const {
  const AttrValue* found = nullptr;
  for (const Attr& a : *list) {
    if (a.name != name) continue;
    ++*used;
    if (found != nullptr) Problem("repeated attribute", name);
    found = &a.value;
  }
  return found;
}

void AttrReader::Problem(const char* what, const std::string& name) const {
  absl::StrAppend(problems, problems->empty() ? "" : "; ", what, " '", name, "'");
}

absl::Status AttrReadStatus(const AttrList& list, int used, const std::string& problems) {
  if (!problems.empty()) return absl::InvalidArgumentError(problems);
  if (used == static_cast<int>(list.size())) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("unknown attribute among: ", ToString(list)));
}

}  // namespace internal
}  // namespace adret
