#include "adret/tools/pictures.h"

#include <algorithm>
#include <cmath>
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

// "28x28": width x height, as programs for pictures say it.
std::string SizeText(const Shape& image) { return absl::StrCat(image[2], "x", image[1]); }

// Numbers of any dtype as f64; bytes in [0, 1].
Tensor AsNumbers(const Tensor& tensor) {
  Tensor numbers = tensor.Cast(DType::kFloat64);
  if (tensor.dtype() != DType::kUint8) return numbers;
  Tensor scaled(DType::kFloat64, tensor.shape());
  const auto from = numbers.data<double>();
  std::transform(from.begin(), from.end(), scaled.mutable_data<double>().begin(), [](double v) { return v / 255; });
  return scaled;
}

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
                      explain::ResizeImages(fitted.Reshaped({1, shape[0], shape[1], shape[2]}), image[1], image[2]));
  return resized.Reshaped(image);
}

// Row i of a tensor.
Tensor Row(const Tensor& tensor, int64_t i, const Shape& shape) {
  Tensor row(DType::kFloat64, shape);
  const auto from = tensor.data<double>().subspan(i * row.num_elements(), row.num_elements());
  std::copy(from.begin(), from.end(), row.mutable_data<double>().begin());
  return row;
}

Shape WithoutFirst(const Shape& shape) { return Shape(shape.dims().subspan(1)); }

// An array's shape as that of pictures [n, channels, height, width].
absl::StatusOr<Shape> PicturesIn(const Shape& shape, const explain::Network& network) {
  const Shape image = network.image_shape();
  const Shape example = WithoutFirst(network.input().shape());
  const auto pictures = [](int64_t n, const Shape& each) {
    Shape result = each;
    result.insert(0, n);
    return result;
  };
  if (shape == example) return pictures(1, image);
  if (shape.rank() > 1 && WithoutFirst(shape) == example) return pictures(shape[0], image);
  if (shape.rank() == 2) return pictures(1, pictures(1, shape));
  const bool one = shape.rank() == 3 && (shape[0] == image[0] || shape[0] == 1 || shape[0] == 3);
  if (one) return pictures(1, shape);
  if (shape.rank() == 3) return pictures(shape[0], pictures(1, WithoutFirst(shape)));
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

// A file's array: NumPy's, IDX as MNIST has it (plain or packed), or a PNG picture.
absl::StatusOr<Tensor> LoadFile(const std::string& path) {
  if (absl::EndsWithIgnoreCase(path, ".npy")) return io::LoadNpy(path);
  if (absl::StrContains(path, "-ubyte")) return io::LoadIdx(path);
  return io::LoadPng(path);
}

// The pictures of a file that are selected, as f64 [n, channels, height, width].
absl::StatusOr<Tensor> ReadNumbers(const Selection& selection, const explain::Network& network) {
  AD_ASSIGN_OR_RETURN(const Tensor stored, LoadFile(selection.path));
  Shape shape = stored.shape();
  if (absl::EndsWithIgnoreCase(selection.path, ".png")) {
    shape.insert(0, 1);
  } else {
    absl::StatusOr<Shape> found = PicturesIn(stored.shape(), network);
    if (!found.ok()) return io::InFile(selection.path, found.status());
    shape = *std::move(found);
  }
  if (stored.num_elements() == 0) return Bad(selection.path, ": there are no numbers in ", stored.type().ToString());
  if (selection.first >= shape[0] || selection.last >= shape[0]) {
    return Bad(selection.path, " holds pictures 0 to ", shape[0] - 1, ", and no picture ",
               std::max(selection.first, selection.last));
  }
  const int64_t last = selection.last < 0 ? shape[0] - 1 : selection.last;
  std::vector<uint32_t> rows;
  for (int64_t i = selection.first; i <= last; ++i) rows.push_back(static_cast<uint32_t>(i));
  const Tensor chosen = nn::TakeRows(stored.Reshaped(shape), rows, stored.dtype());
  return AsNumbers(chosen);
}

// Adds the pictures in a file, each of the network's shape.
absl::Status Read(const std::string& word, const explain::Network& network, std::vector<Tensor>* pictures,
                  std::vector<std::string>* names) {
  AD_ASSIGN_OR_RETURN(const Selection selection, ParseSelection(word));
  AD_ASSIGN_OR_RETURN(const Tensor numbers, ReadNumbers(selection, network));
  const Shape& shape = numbers.shape();
  for (int64_t i = 0; i < shape[0]; ++i) {
    const bool several = shape[0] > 1 || selection.last >= 0;
    const std::string name = several ? absl::StrCat(selection.path, "[", selection.first + i, "]") : selection.path;
    absl::StatusOr<Tensor> picture = Fit(Row(numbers, i, WithoutFirst(shape)), network.image_shape());
    if (!picture.ok()) return io::InFile(name, picture.status());
    pictures->push_back(*std::move(picture));
    names->push_back(name);
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> PictureFiles(const std::vector<std::string>& arguments) {
  std::vector<std::string> files(arguments.begin() + 1, arguments.end());
  for (const absl::string_view file : absl::StrSplit(absl::GetFlag(FLAGS_input), ',', absl::SkipEmpty())) {
    files.emplace_back(file);
  }
  return files;
}

absl::StatusOr<Pictures> ReadPictures(const std::vector<std::string>& paths, const explain::Network& network) {
  std::vector<Tensor> pictures;
  Pictures result;
  for (const std::string& path : paths) AD_RETURN_IF_ERROR(Read(path, network, &pictures, &result.names));
  if (pictures.empty()) return Bad("there is no picture to look at; name files with --input");
  Shape shape = network.image_shape();
  shape.insert(0, static_cast<int64_t>(pictures.size()));
  Tensor images(DType::kFloat64, shape);
  double* to = images.mutable_data<double>().data();
  for (const Tensor& picture : pictures) {
    to = std::copy(picture.data<double>().begin(), picture.data<double>().end(), to);
  }
  result.images = images.Cast(network.dtype());
  return result;
}

absl::StatusOr<Tensor> ReadPhoto(const std::string& path, const explain::Network& network, double zoom) {
  if (!(zoom > 0 && zoom <= 64)) return Bad("--zoom must be above 0 and at most 64, but is ", zoom);
  AD_ASSIGN_OR_RETURN(const Selection selection, ParseSelection(path));
  AD_ASSIGN_OR_RETURN(const Tensor numbers, ReadNumbers(selection, network));
  if (numbers.shape()[0] != 1) {
    return Bad(path, " holds ", numbers.shape()[0], " pictures; choose one of them, such as ", path, "[0]");
  }
  absl::StatusOr<Tensor> fitted = FitChannels(Row(numbers, 0, WithoutFirst(numbers.shape())), network.image_shape()[0]);
  if (!fitted.ok()) return io::InFile(path, fitted.status());
  Shape shape = fitted->shape();
  shape.insert(0, 1);
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
