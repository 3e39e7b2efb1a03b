#include "adret/io/apng.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/bytes.h"
#include "adret/io/file.h"
#include "adret/io/in_file.h"
#include "adret/io/png.h"
#include "adret/io/png_chunks_internal.h"

namespace adret::io {
namespace {

constexpr int64_t kMaxFramePixels = int64_t{1} << 26;  // what DecodePng() reads
constexpr int64_t kMaxPixels = int64_t{1} << 28;
constexpr uint16_t kMillisecond = 1000;  // in parts of a second

absl::Status CheckFrames(const Tensor& frames) {
  const Shape& shape = frames.shape();
  if (frames.dtype() != DType::kUint8 || frames.rank() != 4 || frames.num_elements() == 0 ||
      (shape[1] != 1 && shape[1] != 3 && shape[1] != 4)) {
    return absl::InvalidArgumentError(
        absl::StrCat("an animation's frames are u8[n,1, 3 or 4,height,width], not ", frames.type().ToString()));
  }
  const int64_t pixels = frames.num_elements() / shape[1];
  if (pixels / shape[0] > kMaxFramePixels || pixels > kMaxPixels) {
    return absl::ResourceExhaustedError(absl::StrCat("an animation of ", shape[0], " frames of ", shape[3], " x ",
                                                     shape[2], " pixels is beyond ", kMaxFramePixels,
                                                     " pixels each or ", kMaxPixels, " in all"));
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const ApngOptions& options) {
  constexpr int64_t kMaxDelay = std::numeric_limits<uint16_t>::max();
  for (const int64_t delay : {options.delay_ms, options.last_delay_ms}) {
    if (delay < 0 || delay > kMaxDelay) {
      return absl::InvalidArgumentError(absl::StrCat("a frame is shown for 0 to ", kMaxDelay, " ms, not for ", delay));
    }
  }
  if (options.loops < 0 || options.loops > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("an animation is played once or more often, or without end (0), not ", options.loops, " times"));
  }
  return absl::OkStatus();
}

// Writes plain PNG pictures of one size and type as frames of one file.
class Animation {
 public:
  Animation(const Shape& frames, const ApngOptions& options) : shape_(frames), options_(options), out_(kPngSignature) {}

  // What EncodePng() makes, in order. The first one's data stay IDAT, and its header serves all.
  void Append(absl::string_view png) {
    png.remove_prefix(kPngSignature.size());
    bool has_control = false;
    for (PngChunk chunk; !png.empty();) {
      AD_CHECK(TakePngChunk(&png, &chunk).empty());
      if (chunk.type == "IDAT") {
        if (!has_control) AppendControl();
        has_control = true;
        AppendData(chunk.data);
      } else if (frame_ == 0 && chunk.type != "IEND") {
        AppendPngChunk(chunk.type, chunk.data, &out_);
        if (chunk.type == "IHDR") AppendHeader();
      }
    }
    ++frame_;
  }

  std::string Finish() {
    AppendPngChunk("IEND", "", &out_);
    return std::move(out_);
  }

 private:
  void AppendHeader() {
    std::string data;
    AppendBig(static_cast<uint32_t>(shape_[0]), &data);
    AppendBig(static_cast<uint32_t>(options_.loops), &data);
    AppendPngChunk("acTL", data, &out_);
  }

  void AppendControl() {
    const bool last = frame_ + 1 == shape_[0];
    std::string data;
    AppendBig(sequence_++, &data);
    AppendBig(static_cast<uint32_t>(shape_[3]), &data);
    AppendBig(static_cast<uint32_t>(shape_[2]), &data);
    AppendBig(uint32_t{0}, &data);  // its place: all of the picture
    AppendBig(uint32_t{0}, &data);
    AppendBig(static_cast<uint16_t>(last ? options_.last_delay_ms : options_.delay_ms), &data);
    AppendBig(kMillisecond, &data);
    AppendBig(uint8_t{0}, &data);  // left as it is after its time,
    AppendBig(uint8_t{0}, &data);  // and replaced by the next one, whatever its alpha
    AppendPngChunk("fcTL", data, &out_);
  }

  void AppendData(absl::string_view compressed) {
    if (frame_ == 0) return AppendPngChunk("IDAT", compressed, &out_);
    std::string data;
    AppendBig(sequence_++, &data);
    absl::StrAppend(&data, compressed);
    AppendPngChunk("fdAT", data, &out_);
  }

  const Shape& shape_;
  const ApngOptions& options_;
  std::string out_;
  int64_t frame_ = 0;
  uint32_t sequence_ = 0;  // of control and further frames' data chunks
};

}  // namespace

absl::StatusOr<std::string> EncodeApng(const Tensor& frames, const ApngOptions& options) {
  AD_RETURN_IF_ERROR(CheckFrames(frames));
  AD_RETURN_IF_ERROR(CheckOptions(options));
  const Shape& shape = frames.shape();
  const Shape one = {shape[1], shape[2], shape[3]};
  const int64_t size = frames.num_elements() / shape[0];
  Animation animation(shape, options);
  for (int64_t i = 0; i < shape[0]; ++i) {
    const Tensor frame = Tensor::From<uint8_t>(one, frames.data<uint8_t>().subspan(i * size, size));
    AD_ASSIGN_OR_RETURN(const std::string png, EncodePng(frame));
    animation.Append(png);
  }
  return animation.Finish();
}

absl::Status SaveApng(const std::string& path, const Tensor& frames, const ApngOptions& options) {
  absl::StatusOr<std::string> bytes = EncodeApng(frames, options);
  if (!bytes.ok()) return InFile(path, bytes.status());
  return WriteFile(path, *bytes);
}

}  // namespace adret::io
