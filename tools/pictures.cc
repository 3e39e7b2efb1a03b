#include "adret/tools/pictures.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "adret/core/status.h"
#include "adret/explain/resize_images.h"
#include "adret/io/contact_sheet.h"
#include "adret/io/idx.h"
#include "adret/io/in_file.h"
#include "adret/io/npy.h"
#include "adret/io/png.h"
#include "adret/nn/batches.h"

ABSL_FLAG(
    std::string, input, "",
    "pictures to look at: PNG, .npy or MNIST's files, separated by commas; test.npy[17] is one, test.npy[0-5] some");
ABSL_FLAG(double, zoom, 1, "enlarge the picture first, so many times");
ABSL_FLAG(bool, resize, false, "fit pictures of another size to the network, bilinearly");

namespace adret::tools {
namespace {

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

Shape WithoutFirst(const Shape& shape) { return Shape(shape.dims().subspan(1)); }

Shape WithFirst(int64_t n, Shape shape) {
  shape.insert(0, n);
  return shape;
}

// "28x28": width x height, as programs for pictures say it.
std::string SizeText(const Shape& image) { return absl::StrCat(image[2], "x", image[1]); }

// Plane `to` of n pixels from the planes of a picture.
using Mixer = void (*)(const double* from, int64_t n, int to, double* out);

// Red, green, blue and alpha over white.
void OverWhite(const double* from, int64_t n, int to, double* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = 1 + from[3 * n + i] * (from[to * n + i] - 1);
}
void ToGrey(const double* from, int64_t n, int, double* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = 0.2126 * from[i] + 0.7152 * from[n + i] + 0.0722 * from[2 * n + i];
}
void Repeat(const double* from, int64_t n, int, double* out) { std::copy(from, from + n, out); }

Tensor Mix(const Tensor& picture, int channels, Mixer mixer) {
  const int64_t h = picture.shape()[1], w = picture.shape()[2];
  Tensor result(DType::kFloat64, {channels, h, w});
  for (int c = 0; c < channels; ++c) {
    mixer(picture.data<double>().data(), h * w, c, result.mutable_data<double>().data() + c * h * w);
  }
  return result;
}

absl::StatusOr<Tensor> FitChannels(Tensor picture, int64_t channels) {
  if (picture.shape()[0] == 4 && channels != 4) picture = Mix(picture, 3, OverWhite);
  const int64_t has = picture.shape()[0];
  if (has == channels) return picture;
  if (has == 3 && channels == 1) return Mix(picture, 1, ToGrey);
  if (has == 1 && channels == 3) return Mix(picture, 3, Repeat);
  return Bad("the picture has ", has, has == 1 ? " channel" : " channels", ", but the network's have ", channels);
}

// picture: f64 [channels, height, width].
absl::StatusOr<Tensor> Fit(const Tensor& picture, const Shape& image) {
  AD_ASSIGN_OR_RETURN(Tensor fitted, FitChannels(picture, image[0]));
  const Shape& shape = fitted.shape();
  if (shape == image) return fitted;
  if (!absl::GetFlag(FLAGS_resize)) {
    return Bad("the picture is ", SizeText(shape), ", but the network's are ", SizeText(image),
               " (width x height); --resize fits it");
  }
  AD_ASSIGN_OR_RETURN(const Tensor resized,
                      explain::ResizeImages(fitted.Reshaped(WithFirst(1, shape)), image[1], image[2]));
  return resized.Reshaped(image);
}

// An array's shape as that of pictures [n, channels, height, width]. What the network takes comes first; the rest are
// pictures of other sizes.
absl::StatusOr<Shape> PicturesIn(const Shape& shape, const explain::Network& network) {
  const Shape image = network.image_shape();
  if (network.TakesExamples(WithFirst(1, shape))) return WithFirst(1, image);
  if (network.TakesExamples(shape)) return WithFirst(shape[0], image);
  if (shape.rank() == 2) return WithFirst(1, WithFirst(1, shape));
  if (shape.rank() == 3) {
    const bool one = shape[0] == image[0] || shape[0] == 1 || shape[0] == 3;
    return one ? WithFirst(1, shape) : WithFirst(shape[0], WithFirst(1, WithoutFirst(shape)));
  }
  if (shape.rank() == 4) return shape;
  return Bad("an array ", shape.ToString(), " is no picture; the network expects ", network.input().type().ToString());
}

// "test.npy[17]" or "test.npy[0-5]": a file, and which of its pictures; all of them without brackets.
struct Selection {
  std::string path;
  int64_t first = 0, last = -1;  // -1: to the end
};

absl::StatusOr<Selection> ParseSelection(const std::string& word) {
  const size_t bracket = word.rfind('[');
  if (bracket == std::string::npos || word.back() != ']') return Selection{word};
  const absl::string_view range = absl::string_view(word).substr(bracket + 1, word.size() - bracket - 2);
  const std::vector<absl::string_view> ends = absl::StrSplit(range, absl::MaxSplits('-', 1));
  Selection selection{word.substr(0, bracket)};
  if (absl::SimpleAtoi(ends.front(), &selection.first) && absl::SimpleAtoi(ends.back(), &selection.last) &&
      selection.first >= 0 && selection.first <= selection.last) {
    return selection;
  }
  return Bad("'", absl::CEscape(word), "' has '", absl::CEscape(range),
             "' where pictures' numbers are expected, such as 17 or 0-5");
}

// A file's pictures [n, channels, height, width] as they are stored: in NumPy's array, in IDX as MNIST has it (plain or
// packed), or in a PNG file, which is one picture whatever its channels.
absl::StatusOr<Tensor> LoadFile(const std::string& path, const explain::Network& network) {
  const bool npy = absl::EndsWithIgnoreCase(path, ".npy");
  if (!npy && !absl::StrContains(path, "-ubyte")) {
    AD_ASSIGN_OR_RETURN(const Tensor picture, io::LoadPng(path));
    return picture.Reshaped(WithFirst(1, picture.shape()));
  }
  AD_ASSIGN_OR_RETURN(const Tensor array, npy ? io::LoadNpy(path) : io::LoadIdx(path));
  const absl::StatusOr<Shape> shape = PicturesIn(array.shape(), network);
  if (!shape.ok()) return io::InFile(path, shape.status());
  if (array.num_elements() == 0) return Bad(path, ": there are no numbers in ", array.type().ToString());
  return array.Reshaped(*shape);
}

// The pictures that a word names.
struct Chosen {
  static absl::StatusOr<Chosen> Load(const std::string& word, const explain::Network& network) {
    AD_ASSIGN_OR_RETURN(const Selection selection, ParseSelection(word));
    AD_ASSIGN_OR_RETURN(Tensor stored, LoadFile(selection.path, network));
    const int64_t n = stored.shape()[0], last = selection.last < 0 ? n - 1 : selection.last;
    if (last >= n) return Bad(selection.path, " holds pictures 0 to ", n - 1, ", and no picture ", last);
    const bool numbered = selection.last >= 0 || n > 1;
    return Chosen{selection.path, std::move(stored), selection.first, last - selection.first + 1, numbered};
  }

  // Picture i of them: f64 [channels, height, width], bytes in [0, 1].
  Tensor Picture(int64_t i) const {
    return nn::TakeRows(stored, {static_cast<uint32_t>(first + i)}, DType::kFloat64)
        .Reshaped(WithoutFirst(stored.shape()));
  }
  std::string Name(int64_t i) const { return numbered ? absl::StrCat(path, "[", first + i, "]") : path; }

  std::string path;
  Tensor stored;  // all pictures of the file
  int64_t first, count;
  bool numbered;
};

}  // namespace

std::vector<std::string> PictureFiles(const std::vector<std::string>& arguments) {
  std::vector<std::string> files(arguments.begin() + 1, arguments.end());
  for (const absl::string_view file : absl::StrSplit(absl::GetFlag(FLAGS_input), ',', absl::SkipEmpty())) {
    files.emplace_back(file);
  }
  return files;
}

bool IsFinite(const Tensor& numbers) {
  return VisitFloating(numbers.dtype(), [&](auto tag) {
    const auto data = numbers.data<typename decltype(tag)::type>();
    return std::all_of(data.begin(), data.end(), [](auto v) { return std::isfinite(v); });
  });
}

std::vector<std::string> FilesRead(const std::vector<std::string>& arguments) {
  std::vector<std::string> files = PictureFiles(arguments);
  files.push_back(arguments[0]);
  return files;
}

absl::StatusOr<Pictures> ReadPictures(const std::vector<std::string>& paths, const explain::Network& network) {
  std::vector<Chosen> files;
  int64_t n = 0;
  for (const std::string& path : paths) {
    AD_ASSIGN_OR_RETURN(Chosen file, Chosen::Load(path, network));
    n += file.count;
    files.push_back(std::move(file));
  }
  if (n == 0) return Bad("there is no picture to look at; name files with --input");
  // There may be many: they are converted one by one, and what is stored goes when it has been.
  Pictures result;
  result.images = Tensor(network.dtype(), WithFirst(n, network.image_shape()));
  char* to = static_cast<char*>(result.images.mutable_raw());
  for (Chosen& file : files) {
    for (int64_t i = 0; i < file.count; ++i) {
      result.names.push_back(file.Name(i));
      const absl::StatusOr<Tensor> fitted = Fit(file.Picture(i), network.image_shape());
      if (!fitted.ok()) return io::InFile(result.names.back(), fitted.status());
      const Tensor image = fitted->Cast(network.dtype());
      if (!IsFinite(image)) return Bad(result.names.back(), ": the picture has numbers that are not finite");
      std::memcpy(to, image.raw(), image.num_bytes());
      to += image.num_bytes();
    }
    file.stored = Tensor();
  }
  return result;
}

absl::StatusOr<Tensor> ReadPhoto(const std::string& path, const explain::Network& network, double zoom) {
  if (!(zoom > 0 && zoom <= 64)) return Bad("--zoom must be above 0 and at most 64, but is ", zoom);
  AD_ASSIGN_OR_RETURN(const Chosen file, Chosen::Load(path, network));
  if (file.count != 1) {
    return Bad(path, " holds ", file.count, " pictures; choose one of them, such as ", path, "[0]");
  }
  const absl::StatusOr<Tensor> fitted = FitChannels(file.Picture(0), network.image_shape()[0]);
  if (!fitted.ok()) return io::InFile(path, fitted.status());
  if (!IsFinite(*fitted)) return Bad(path, ": the picture has numbers that are not finite");
  const Shape shape = WithFirst(1, fitted->shape());
  return explain::ResizeImages(fitted->Reshaped(shape).Cast(network.dtype()),
                               std::llround(zoom * static_cast<double>(shape[2])),
                               std::llround(zoom * static_cast<double>(shape[3])));
}

Tensor ShowableChannels(const Tensor& images) {
  const Shape& shape = images.shape();
  const int64_t channels = shape[1], plane = shape[2] * shape[3];
  if (channels == 1 || channels == 3) return images;
  Tensor means = Tensor::Zeros(DType::kFloat64, {shape[0], 1, shape[2], shape[3]});
  for (int64_t i = 0; i < images.num_elements(); ++i) {
    means.mutable_data<double>()[i / (channels * plane) * plane + i % plane] +=
        images.At(i) / static_cast<double>(channels);
  }
  return means;
}

absl::StatusOr<std::string> EncodePhoto(const Tensor& image) {
  AD_ASSIGN_OR_RETURN(const Tensor pixels, io::ToPixels(ShowableChannels(image)));
  return io::EncodePng(pixels.Reshaped(WithoutFirst(pixels.shape())));
}

}  // namespace adret::tools
