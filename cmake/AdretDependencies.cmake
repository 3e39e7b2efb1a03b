# What adret is built on. The installed package configuration includes this same file, so that the list exists once.
find_package(absl REQUIRED)
find_package(TBB REQUIRED)
find_package(Protobuf REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET GLOBAL libhwy)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET GLOBAL openblas)
# Only adret::plot draws with Cairo; without it that target does not exist.
pkg_check_modules(CAIRO IMPORTED_TARGET GLOBAL cairo)
# It draws graphs with Graphviz; without it, that function says so. The two plugins are linked, not loaded: what they need
# stands in no file of the machine.
pkg_check_modules(GRAPHVIZ IMPORTED_TARGET GLOBAL libgvc)
find_library(GRAPHVIZ_CORE gvplugin_core PATH_SUFFIXES graphviz)
find_library(GRAPHVIZ_DOT gvplugin_dot_layout PATH_SUFFIXES graphviz)
