// What most commands start from: the network in a model file, and pictures that fit it.
//
//   AD_ASSIGN_OR_RETURN(const tools::OpenNetwork open, tools::OpenNetwork::Load("digits.adret"));
//   AD_ASSIGN_OR_RETURN(const tools::Pictures pictures, tools::ReadPictures({"three.png"}, open.network));
//   std::printf("%s looks at %s\n", open.output_name.c_str(), pictures.names[0].c_str());
#ifndef ADRET_TOOLS_NETWORK_H_
#define ADRET_TOOLS_NETWORK_H_

#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/explain/network.h"
#include "adret/io/model.h"
#include "adret/tools/model_file.h"

ABSL_DECLARE_FLAG(bool, resize);

namespace adret::tools {

struct OpenNetwork {
  // The part of the model's graph from --input to --output (tools/model_file.h), in inference mode.
  static absl::StatusOr<OpenNetwork> Open(io::Model model);
  static absl::StatusOr<OpenNetwork> Load(const std::string& path);

  io::Model model;
  std::string input_name, output_name;  // in the model's signature
  explain::Network network;
};

struct Pictures {
  Tensor images;                   // [n, channels, height, width] of the network's dtype
  std::vector<std::string> names;  // "three.png", "digits.npy[17]"
};

// The pictures of these files, in order. PNG and arrays of bytes become numbers in [0, 1]; other arrays are taken as
// they are. An array is an example, several ones, a picture [height, width] or [channels, height, width], or several
// ones.
//
// Colour becomes grey by Rec. 709's luminance and grey becomes colour where the network wants that; what is transparent
// is laid over white. Fails when a picture has another size than the network's, unless --resize.
absl::StatusOr<Pictures> ReadPictures(const std::vector<std::string>& paths, const explain::Network& network);

}  // namespace adret::tools

#endif  // ADRET_TOOLS_NETWORK_H_
