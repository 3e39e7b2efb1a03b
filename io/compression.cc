#include "adret/io/compression.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"

namespace adret::io {
namespace {

constexpr size_t kLargestStep = size_t{1} << 30;  // zlib counts in 32 bits

int WindowBits(Container container) { return container == Container::kGzip ? 15 + 16 : -15; }

class Inflater {
 public:
  Inflater(absl::string_view bytes, Container container) : rest_(bytes), container_(container) {
    AD_CHECK(inflateInit2(&stream_, WindowBits(container)) == Z_OK);
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Appends to out until it has `limit` bytes or the data ends; done() tells which.
  absl::Status Read(size_t limit, std::string* out) {
    while (!done_ && out->size() < limit) {
      const size_t before = out->size();
      const size_t step = std::min({limit - before, std::max<size_t>(before, 1 << 16), kLargestStep});
      out->resize(before + step);
      const size_t got = Step(out->data() + before, step);
      out->resize(before + got);
      AD_RETURN_IF_ERROR(status_);
    }
    return absl::OkStatus();
  }

  // Ok when nothing is left to read.
  absl::Status CheckEnd(size_t limit) {
    char extra;
    while (!done_) {
      const size_t got = Step(&extra, 1);
      AD_RETURN_IF_ERROR(status_);
      if (got > 0) {
        return absl::ResourceExhaustedError(absl::StrCat("unpacks to more than the expected ", limit, " bytes"));
      }
    }
    return absl::OkStatus();
  }

 private:
  // Inflates up to `size` bytes to `out`; returns how many. Sets done_ and status_.
  size_t Step(char* out, size_t size) {
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out > 0) {
      const size_t in = std::min(rest_.size(), kLargestStep);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest_.data()));
      stream_.avail_in = static_cast<uInt>(in);
      const int code = inflate(&stream_, Z_NO_FLUSH);
      rest_.remove_prefix(in - stream_.avail_in);
      if (code == Z_STREAM_END) {
        if (!NextMember()) break;
      } else if (code != Z_OK) {
        status_ = code == Z_BUF_ERROR ? absl::DataLossError("the compressed data is truncated")
                  : code == Z_MEM_ERROR
                      ? absl::ResourceExhaustedError("no memory to unpack the compressed data")
                      : absl::DataLossError(absl::StrCat("the compressed data is corrupt: ",
                                                         stream_.msg != nullptr ? stream_.msg : "unknown reason"));
        break;
      }
    }
    return size - stream_.avail_out;
  }

  // After the end of a member: whether another one follows.
  bool NextMember() {
    done_ = rest_.empty();
    if (done_) return false;
    if (container_ == Container::kGzip && IsGzip(rest_)) {
      status_ = inflateReset(&stream_) == Z_OK ? absl::OkStatus() : absl::InternalError("zlib cannot restart");
      return status_.ok();
    }
    status_ = absl::DataLossError(absl::StrCat(rest_.size(), " unknown bytes follow the compressed data"));
    return false;
  }

  absl::string_view rest_;
  Container container_;
  z_stream stream_{};
  absl::Status status_;
  bool done_ = false;
};

}  // namespace

bool IsGzip(absl::string_view bytes) { return absl::StartsWith(bytes, "\x1f\x8b"); }

absl::StatusOr<std::string> Inflate(absl::string_view bytes, Container container, size_t limit) {
  Inflater inflater(bytes, container);
  std::string out;
  AD_RETURN_IF_ERROR(inflater.Read(limit, &out));
  AD_RETURN_IF_ERROR(inflater.CheckEnd(limit));
  return out;
}

absl::StatusOr<std::string> InflatePrefix(absl::string_view bytes, Container container, size_t count) {
  Inflater inflater(bytes, container);
  std::string out;
  AD_RETURN_IF_ERROR(inflater.Read(count, &out));
  return out;
}

std::string Deflate(absl::string_view bytes, Container container) {
  z_stream stream{};
  AD_CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WindowBits(container), 8, Z_DEFAULT_STRATEGY) ==
           Z_OK);
  std::string out;
  int code = Z_OK;
  while (code != Z_STREAM_END) {
    const size_t in = std::min(bytes.size(), kLargestStep);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(in);
    const size_t before = out.size();
    const size_t step = std::clamp<size_t>(before, 1 << 16, kLargestStep);
    out.resize(before + step);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = static_cast<uInt>(step);
    code = deflate(&stream, in == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    out.resize(before + step - stream.avail_out);
    bytes.remove_prefix(in - stream.avail_in);
  }
  deflateEnd(&stream);
  return out;
}

uint32_t Crc32(absl::string_view bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace adret::io
