// Pictures from files, as a network takes them, and back.
//
//   AD_ASSIGN_OR_RETURN(const tools::Pictures pictures, tools::ReadPictures({"three.png"}, open.network));
//   std::printf("%s looks at %s\n", open.output_name.c_str(), pictures.names[0].c_str());
#ifndef ADRET_TOOLS_PICTURES_H_
#define ADRET_TOOLS_PICTURES_H_

#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/explain/network.h"

ABSL_DECLARE_FLAG(std::string, input);
ABSL_DECLARE_FLAG(double, zoom);
ABSL_DECLARE_FLAG(bool, resize);

namespace adret::tools {

// The files that a command is to look at: its arguments after the model, and those of --input.
std::vector<std::string> PictureFiles(const std::vector<std::string>& arguments);

// The model and those: what a command must not overwrite.
std::vector<std::string> FilesRead(const std::vector<std::string>& arguments);

struct Pictures {
  Tensor images;                   // [n, channels, height, width] of the network's dtype
  std::vector<std::string> names;  // "three.png", "digits.npy[17]"
};

// The pictures of these files, in order: PNG, NumPy's arrays or IDX files as MNIST's, all of them or, with [17] or
// [0-5] behind the name, some. PNG and arrays of bytes become numbers in [0, 1]; other arrays are taken as they are. An
// array is an example, several ones, a picture [height, width] or [channels, height, width], or several ones.
//
// Colour becomes grey by Rec. 709's luminance and grey becomes colour where the network wants that; what is transparent
// is laid over white. Fails when a picture has another size than the network's, unless --resize, and when a number in
// it is not finite.
absl::StatusOr<Pictures> ReadPictures(const std::vector<std::string>& paths, const explain::Network& network);

// One picture of any size, enlarged so many times (--zoom): [1, channels, height, width], with the network's channels
// and dtype.
absl::StatusOr<Tensor> ReadPhoto(const std::string& path, const explain::Network& network, double zoom = 1);

// Images [n, channels, height, width] as sheets can show them: grey or coloured ones as they are, otherwise the means
// of their channels.
Tensor ShowableChannels(const Tensor& images);

// True when all numbers of a floating-point tensor are finite.
bool IsFinite(const Tensor& numbers);

// A single image [1, channels, height, width] with pixels in [0, 1], as a PNG file's bytes.
absl::StatusOr<std::string> EncodePhoto(const Tensor& image);

}  // namespace adret::tools

#endif  // ADRET_TOOLS_PICTURES_H_
