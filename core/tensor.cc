#include "adret/core/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "absl/strings/str_cat.h"
#include "adret/core/convert.h"
#include "adret/core/rounding.h"

namespace adret {
namespace {

// Elements shown at each end of a long axis.
constexpr int64_t kShown = 4;

void AppendAxis(const Tensor& t, int axis, int64_t offset, const absl::InlinedVector<int64_t, 4>& strides,
                std::string* out) {
  if (axis == t.rank()) {
    VisitDType(t.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_integral_v<T> && sizeof(T) == sizeof(int64_t)) {
        absl::StrAppend(out, t.data<T>()[offset]);  // every digit
      } else {
        absl::StrAppend(out, t.At(offset));
      }
    });
    return;
  }
  const int64_t n = t.shape()[axis];
  out->push_back('[');
  for (int64_t i = 0; i < n; ++i) {
    if (i > 0) absl::StrAppend(out, ", ");
    if (n > 2 * kShown + 1 && i == kShown) {
      absl::StrAppend(out, "..., ");
      i = n - kShown;
    }
    AppendAxis(t, axis + 1, offset + i * strides[axis], strides, out);
  }
  out->push_back(']');
}

}  // namespace

absl::StatusOr<std::shared_ptr<void>> AllocateAligned(size_t size) {
  // Large memory comes in huge pages, where the system has them: a fault per 2 MiB instead of one per 4 KiB, which
  // otherwise are most of the time of a first run.
  constexpr size_t kHugePage = size_t{2} << 20;
  const bool large = size >= 2 * kHugePage;
  const size_t alignment = large ? kHugePage : kAlignment;
  const size_t padded = RoundUp(std::max<size_t>(size, 1), alignment);
  void* data = padded < size ? nullptr : std::aligned_alloc(alignment, padded);
  if (data == nullptr) return absl::ResourceExhaustedError(absl::StrCat("cannot allocate ", size, " bytes"));
#ifdef MADV_HUGEPAGE
  if (large) madvise(data, padded, MADV_HUGEPAGE);  // a wish: no harm when it is not granted
#endif
  return std::shared_ptr<void>(data, std::free);
}

Tensor::Tensor() : Tensor(Full(DType::kFloat32, {}, 0)) {}

Tensor::Tensor(DType dtype, const Shape& shape) : type_{dtype, shape} {
  AD_CHECK(!shape.is_symbolic());
  num_elements_ = shape.num_elements();
  auto buffer = AllocateAligned(num_bytes());
  AD_CHECK(buffer.ok());
  data_ = buffer->get();
  buffer_ = *std::move(buffer);
}

Tensor::Tensor(Type type, void* data, std::shared_ptr<const void> buffer)
    : type_(std::move(type)), num_elements_(type_.shape.num_elements()), data_(data), buffer_(std::move(buffer)) {}

absl::StatusOr<Tensor> Tensor::Allocate(DType dtype, const Shape& shape) {
  Type type{dtype, shape};
  AD_ASSIGN_OR_RETURN(std::shared_ptr<void> buffer, AllocateAligned(static_cast<size_t>(type.bytes())));
  void* data = buffer.get();
  return Tensor(std::move(type), data, std::move(buffer));
}

Tensor Tensor::Zeros(DType dtype, const Shape& shape) {
  Tensor result(dtype, shape);
  std::memset(result.data_, 0, result.num_bytes());
  return result;
}

Tensor Tensor::Full(DType dtype, const Shape& shape, double value) {
  Tensor result(dtype, shape);
  VisitDType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto data = result.mutable_data<T>();
    std::fill(data.begin(), data.end(), ConvertTo<T>(value));
  });
  return result;
}

Tensor Tensor::Borrow(DType dtype, const Shape& shape, const void* data, std::shared_ptr<const void> owner) {
  AD_CHECK(!shape.is_symbolic());
  Tensor result(Type{dtype, shape}, const_cast<void*>(data), std::move(owner));
  result.borrowed_ = true;
  return result;
}

double Tensor::At(int64_t i) const {
  return VisitDType(dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return static_cast<double>(LoadElement<T>(data_, i));
  });
}

Tensor Tensor::Reshaped(const Shape& shape) const {
  AD_CHECK(!shape.is_symbolic() && shape.num_elements() == num_elements_);
  Tensor result(Type{dtype(), shape}, data_, buffer_);
  result.borrowed_ = borrowed_;
  return result;
}

Tensor Tensor::Cast(DType dtype) const {
  if (dtype == this->dtype()) return *this;
  Tensor result(dtype, shape());
  FindConversion(this->dtype(), dtype)(&data_, result.data_, num_elements_, nullptr);
  return result;
}

Tensor Tensor::Clone() const {
  Tensor result(dtype(), shape());
  std::memcpy(result.data_, data_, num_bytes());
  return result;
}

bool Tensor::BitEqual(const Tensor& other) const {
  return type_ == other.type_ && std::memcmp(data_, other.data_, num_bytes()) == 0;
}

std::string Tensor::ToString() const {
  std::string out = absl::StrCat(type_.ToString(), " ");
  AppendAxis(*this, 0, 0, Strides(shape()), &out);
  return out;
}

}  // namespace adret
