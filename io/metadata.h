// Metadata: free text by key, which files carry besides their numbers.
#ifndef ADRET_IO_METADATA_H_
#define ADRET_IO_METADATA_H_

#include <string>

#include "absl/container/btree_map.h"

namespace adret::io {

using Metadata = absl::btree_map<std::string, std::string>;

}  // namespace adret::io

#endif  // ADRET_IO_METADATA_H_
