// Animated PNG pictures (https://wiki.mozilla.org/APNG_Specification): browsers play them, and what knows only plain
// PNG shows the first frame.
//
//   AD_RETURN_IF_ERROR(io::SaveApng("ascent.png", frames, {.delay_ms = 80}));      // frames u8 [n,3,h,w]
#ifndef ADRET_IO_APNG_H_
#define ADRET_IO_APNG_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"

namespace adret::io {

struct ApngOptions {
  int64_t delay_ms = 100;        // how long a frame is shown, up to 65535
  int64_t last_delay_ms = 1500;  // and the last one
  int64_t loops = 0;             // times that the animation is played; 0: without end
};

// Encodes frames u8 [n, 1, 3 or 4, height, width], channels as in png.h, each one compressed without loss by itself.
// InvalidArgument for other tensors, no frames, and options outside their limits; ResourceExhausted for frames beyond
// 2^26 pixels, or 2^28 pixels in all.
absl::StatusOr<std::string> EncodeApng(const Tensor& frames, const ApngOptions& options = {});
absl::Status SaveApng(const std::string& path, const Tensor& frames, const ApngOptions& options = {});

}  // namespace adret::io

#endif  // ADRET_IO_APNG_H_
