// Integers in byte strings, in a stated byte order whatever the machine's.
//
//   uint32_t magic = io::LoadBig<uint32_t>(bytes.data());
//   io::AppendLittle<uint16_t>(20, &out);
#ifndef ADRET_IO_BYTES_H_
#define ADRET_IO_BYTES_H_

#include <cstddef>
#include <string>
#include <type_traits>

namespace adret::io {

template <class T>
T LoadLittle(const char* from) {
  static_assert(std::is_unsigned_v<T>);
  T result = 0;
  for (size_t i = sizeof(T); i-- > 0;) result = static_cast<T>(result << 8 | static_cast<unsigned char>(from[i]));
  return result;
}

template <class T>
T LoadBig(const char* from) {
  static_assert(std::is_unsigned_v<T>);
  T result = 0;
  for (size_t i = 0; i < sizeof(T); ++i) result = static_cast<T>(result << 8 | static_cast<unsigned char>(from[i]));
  return result;
}

template <class T>
void AppendLittle(T value, std::string* out) {
  static_assert(std::is_unsigned_v<T>);
  for (size_t i = 0; i < sizeof(T); ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

template <class T>
void AppendBig(T value, std::string* out) {
  static_assert(std::is_unsigned_v<T>);
  for (size_t i = sizeof(T); i-- > 0;) out->push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace adret::io

#endif  // ADRET_IO_BYTES_H_
