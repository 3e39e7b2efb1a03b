// LoadState(): puts the numbers of a file into the variables of a state, by name.
//
//   AD_ASSIGN_OR_RETURN(io::MatchReport report,
//                       io::LoadState("bert.safetensors", &state,
//                                     {.rename = {{"encoder.", "layers/"}, {"encoder.norm.", "norm/"}},
//                                      .ignore = {"*.position_ids", "adam*"}}));
//
// How names differ is data: a model keeps the names that it has, and the table says what a file calls them. A file that
// does not fit leaves the state as it was: one error names all variables that it lacks, all tensors that no variable
// takes, and all that have another type.
#ifndef ADRET_IO_LOAD_STATE_H_
#define ADRET_IO_LOAD_STATE_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/state.h"
#include "adret/io/named_tensors.h"
#include "adret/io/safetensors.h"

namespace adret::io {

struct MatchOptions {
  // Beginnings of the file's names, and what stands in their place in the state. Of those that fit a name, the longest
  // is replaced; "" fits all.
  std::map<std::string, std::string> rename = {};
  // Maps a name further, after the table.
  std::function<std::string(absl::string_view name)> rename_by = nullptr;
  // Names in the file, as they are there, and names of variables that are left alone. '*' stands for any text.
  std::vector<std::string> ignore = {};
  // Variables without a tensor keep what they have.
  bool allow_missing = false;
  // Tensors without a variable are left out.
  bool allow_unexpected = false;
  // Converts between f64, f32, bf16 and f16 where a variable has another of them than the file (core/convert.h).
  bool convert = false;
};

// What became of the names. Variables and tensors are in alphabetical order.
struct MatchReport {
  std::vector<std::string> matched;                          // variables that have a tensor of the file now
  std::vector<std::pair<std::string, std::string>> renamed;  // those of them that the file calls otherwise: there, here
  std::vector<std::string> converted;                        // those of them that got another dtype
  std::vector<std::string> missing;                          // variables that the file lacks
  std::vector<std::string> unexpected;                       // tensors, as the file calls them, that no variable took
  std::vector<std::string> ignored;                          // tensors, as the file calls them, that were left alone
};

// Puts tensors into the variables of these names and types; those that are not converted share their memory with
// `tensors`, until a run updates the variable. Fails with InvalidArgument when a variable has no tensor, a tensor no
// variable, both another type, or two tensors one variable: the state is unchanged then, and of each kind the message
// has the number and the first ten, with a name that comes near.
absl::StatusOr<MatchReport> MatchState(const NamedTensors& tensors, State* state, const MatchOptions& options = {});

// Reads a file and matches it: an .npz archive where the path ends so, otherwise a safetensors file. With file.map, the
// variables of a safetensors file hold on to the mapped file.
absl::StatusOr<MatchReport> LoadState(const std::string& path, State* state, const MatchOptions& options = {},
                                      const SafetensorsOptions& file = {});

}  // namespace adret::io

#endif  // ADRET_IO_LOAD_STATE_H_
