// Attrs: the static attributes of a node, as a plain struct that lists its fields once.
//
//   struct Pool2dAttrs {
//     std::array<int64_t, 2> kernel{2, 2};
//     bool ceil_mode = false;
//     template <class V>
//     void Fields(V&& v) {
//       v("kernel", kernel);
//       v("ceil_mode", ceil_mode);
//     }
//   };
//
// Equality, hashing, printing, and reading from and writing to files are derived from Fields(). A field is one of:
// bool, int64_t, double, std::string, DType, Shape, Tensor, std::vector<int64_t>, std::array<int64_t, N>,
// std::vector<double>, DimArray<N>, SubgraphRef (core/subgraph.h); or a struct that has Fields() itself, whose fields
// are spelled "outer.inner". Enums are stored as strings by their struct.
#ifndef ADRET_CORE_ATTRS_H_
#define ADRET_CORE_ATTRS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/dtype.h"
#include "adret/core/shape.h"
#include "adret/core/status.h"
#include "adret/core/tensor.h"

namespace adret {

class Subgraph;  // core/subgraph.h

// One attribute as data: what a file holds.
using AttrValue = std::variant<bool, int64_t, double, std::string, DType, Shape, Tensor, std::vector<int64_t>,
                               std::vector<double>, std::shared_ptr<const Subgraph>>;
struct Attr {
  std::string name;
  AttrValue value;
};
using AttrList = std::vector<Attr>;

// Bit-wise equality (NaN equals itself).
bool operator==(const Attr& a, const Attr& b);
// Returns the attributes as text, such as "kernel=[2,2], ceil_mode=0"
std::string ToString(const AttrList& attrs);

// An attribute that holds N dimensions, as codes (core/dim.h). Listed as integers where all are numbers, and as a Shape
// otherwise, in which plans put sizes for symbols.
template <size_t N>
struct DimArray : std::array<int64_t, N> {};

struct NoAttrs {
  template <class V>
  void Fields(V&&) {}
};

// A type-erased, immutable attribute struct.
class Attrs {
 public:
  Attrs() : Attrs(NoAttrs{}) {}
  template <class T>
  explicit Attrs(T value);

  // Returns the struct itself; T must be the type it was made from.
  template <class T>
  const T& As() const {
    AD_CHECK(tag_ == &kTypeTag<T>);
    return *static_cast<const T*>(value_.get());
  }
  template <class T>
  bool Is() const {
    return tag_ == &kTypeTag<T>;
  }
  const AttrList& list() const { return *list_; }

  friend bool operator==(const Attrs& a, const Attrs& b);
  template <class H>
  friend H AbslHashValue(H h, const Attrs& a) {
    return H::combine(std::move(h), a.hash_);
  }

 private:
  template <class T>
  static inline const char kTypeTag = 0;

  const char* tag_;
  std::shared_ptr<const void> value_;
  std::shared_ptr<const AttrList> list_;  // in field order
  size_t hash_;
};

size_t HashOf(const AttrList& attrs);

namespace internal {

template <class T>
concept HasFields = requires(T t) {
  t.Fields([](const char*, auto&) {});
};

// Appends every field to a list.
struct AttrWriter {
  AttrList* list;
  std::string prefix;

  template <class T>
  void operator()(const char* name, T& field) const {
    if constexpr (HasFields<T>) {
      field.Fields(AttrWriter{list, prefix + name + "."});
    } else {
      list->push_back({prefix + name, Pack(field)});
    }
  }
  template <class T>
  static AttrValue Pack(const T& v) {
    return AttrValue(v);
  }
  template <size_t N>
  static AttrValue Pack(const std::array<int64_t, N>& v) {
    return std::vector<int64_t>(v.begin(), v.end());
  }
  template <size_t N>
  static AttrValue Pack(const DimArray<N>& v) {
    const Shape dims(absl::MakeConstSpan(v.data(), N));
    return dims.is_symbolic() ? AttrValue(dims) : AttrValue(std::vector<int64_t>(v.begin(), v.end()));
  }
};

// Takes every field from a list; collects what is missing or of the wrong type, and counts what was used.
struct AttrReader {
  const AttrList* list;
  std::string prefix;
  int* used;
  std::string* problems;
  bool complete;  // a field that the list lacks is a problem; otherwise it keeps its default

  template <class T>
  void operator()(const char* name, T& field) const {
    if constexpr (HasFields<T>) {
      field.Fields(AttrReader{list, prefix + name + ".", used, problems, complete});
    } else {
      const std::string full = prefix + name;
      const AttrValue* value = Find(full);
      if (value == nullptr) {
        if (complete) Problem("missing attribute", full);
      } else if (!Unpack(*value, field)) {
        Problem("wrong type of attribute", full);
      }
    }
  }
  const AttrValue* Find(const std::string& name) const;
  void Problem(const char* what, const std::string& name) const;

  template <class T>
  static bool Unpack(const AttrValue& value, T& field) {
    const T* v = std::get_if<T>(&value);
    if (v != nullptr) field = *v;
    return v != nullptr;
  }
  template <size_t N>
  static bool Unpack(const AttrValue& value, std::array<int64_t, N>& field) {
    const auto* v = std::get_if<std::vector<int64_t>>(&value);
    if (v == nullptr || v->size() != N) return false;
    std::copy(v->begin(), v->end(), field.begin());
    return true;
  }
  template <size_t N>
  static bool Unpack(const AttrValue& value, DimArray<N>& field) {
    const Shape* dims = std::get_if<Shape>(&value);
    if (dims == nullptr) return Unpack(value, static_cast<std::array<int64_t, N>&>(field));
    if (dims->rank() != static_cast<int>(N)) return false;
    std::copy(dims->begin(), dims->end(), field.begin());
    return true;
  }
};

absl::Status AttrReadStatus(const AttrList& list, int used, const std::string& problems);

}  // namespace internal

template <class T>
Attrs::Attrs(T value) : tag_(&kTypeTag<T>) {
  auto list = std::make_shared<AttrList>();
  value.Fields(internal::AttrWriter{list.get(), ""});
  hash_ = HashOf(*list);
  list_ = std::move(list);
  value_ = std::make_shared<const T>(std::move(value));
}

// What becomes of a field that a list lacks: an error (in files, which hold every field), or the struct's default.
enum class MissingAttrs : uint8_t { kError, kDefault };

// Makes an op's attribute struct from a list. Fails, naming each problem, when a field is of the wrong type, repeated,
// unknown, or missing where that is an error. An empty list with kDefault gives the op's defaults.
using AttrsParser = absl::StatusOr<Attrs> (*)(const AttrList& list, MissingAttrs missing);

template <class T>
absl::StatusOr<Attrs> ParseAttrs(const AttrList& list, MissingAttrs missing = MissingAttrs::kError) {
  T value;
  int used = 0;
  std::string problems;
  value.Fields(internal::AttrReader{&list, "", &used, &problems, missing == MissingAttrs::kError});
  AD_RETURN_IF_ERROR(internal::AttrReadStatus(list, used, problems));
  return Attrs(std::move(value));
}

}  // namespace adret

#endif  // ADRET_CORE_ATTRS_H_
