# The folders as object libraries, and how tests and programs link them.

# In-tree code includes "adret/core/tensor.h", as users of the installed library do: include/adret is this folder.
set(ADRET_INCLUDE_DIR ${CMAKE_CURRENT_BINARY_DIR}/include)
set(ADRET_GENERATED_DIR ${CMAKE_CURRENT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${ADRET_INCLUDE_DIR} ${ADRET_GENERATED_DIR})
file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${ADRET_INCLUDE_DIR}/adret SYMBOLIC)

function(adret_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wno-sign-compare $<$<BOOL:${ADRET_WERROR}>:-Werror>)
endfunction()

# adret_folder(core SUBFOLDERS plan DEPENDS ... PRIVATE ... [KERNELS] [PROTOS]): the object library of one folder, from
# all its sources; that of io/onnx is called adret_io_onnx. Object libraries, because ops register themselves and a linker drops unreferenced objects of static
# archives.
#   SUBFOLDERS  folders in it whose sources belong to it
#   DEPENDS     lower folders, and libraries that its headers need
#   PRIVATE     libraries that only its sources need
#   KERNELS     among them are SIMD loops
#   PROTOS      it has .proto files; the generated headers are for its own sources
function(adret_folder name)
  cmake_parse_arguments(ARG "KERNELS;PROTOS" "" "SUBFOLDERS;DEPENDS;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.cc)
  foreach(subfolder ${ARG_SUBFOLDERS})
    file(GLOB more CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/${subfolder}/*.cc)
    list(APPEND sources ${more})
  endforeach()
  if(NOT sources)
    return()
  endif()
  string(REPLACE "/" "_" target adret_${name})
  add_library(${target} OBJECT ${sources})
  target_include_directories(${target} PUBLIC ${ADRET_INCLUDE_DIR})
  target_compile_features(${target} PUBLIC cxx_std_20)
  # A floor below may have no sources yet.
  set(lower ${ARG_DEPENDS})
  list(FILTER lower INCLUDE REGEX "^adret_")
  set(external ${ARG_DEPENDS})
  list(FILTER external EXCLUDE REGEX "^adret_")
  foreach(folder ${lower})
    if(TARGET ${folder})
      target_link_libraries(${target} PUBLIC ${folder})
    endif()
  endforeach()
  target_link_libraries(${target} PUBLIC ${external} PRIVATE ${ARG_PRIVATE})
  adret_warnings(${target})
  if(ARG_KERNELS)
    # SIMD targets, chosen at run time: the baseline, AVX2 and AVX-512 on x86, NEON on ARM. What lies between pays for
    # its compile time and size on few machines. Sanitizers see the same loops in AVX2 as in AVX-512, at two thirds of
    # their compile time.
    set(left_out HWY_SSSE3|HWY_SSE4|HWY_AVX3_DL|HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)
    if(CMAKE_BUILD_TYPE STREQUAL "Sanitizer")
      string(APPEND left_out "|HWY_AVX3")
    endif()
    target_compile_definitions(${target} PRIVATE "HWY_DISABLED_TARGETS=(${left_out})")
  endif()
  if(ARG_PROTOS)
    adret_protos(${name})
  endif()
  if(ADRET_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE <algorithm> <cmath> <functional> <map> <string> <vector>
                              <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/str_join.h>
                              <adret/core/graph.h>)
  endif()
  set_target_properties(${target} PROPERTIES ADRET_PUBLIC "${external}" ADRET_PRIVATE "${ARG_PRIVATE}")
  set_property(GLOBAL APPEND PROPERTY ADRET_FOLDERS ${target})
endfunction()

# Compiles name/*.proto into the folder's library. protoc sees them as adret/name/*.proto. Generated code is hidden: shared
# libraries do not export it. Beside it lie the descriptors, as the elements of an array (<stem>.descriptors.inc).
function(adret_protos name)
  string(REPLACE "/" "_" target adret_${name})
  file(GLOB protos RELATIVE ${PROJECT_SOURCE_DIR}/${name} CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.proto)
  foreach(proto ${protos})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(base ${ADRET_GENERATED_DIR}/adret/${name}/${stem})
    set(out ${base}.pb)
    set(embed ${PROJECT_SOURCE_DIR}/cmake/EmbedBytes.cmake)
    add_custom_command(
      OUTPUT ${out}.cc ${out}.h ${base}.descriptors.inc
      COMMAND protobuf::protoc -I ${ADRET_INCLUDE_DIR} --cpp_out=${ADRET_GENERATED_DIR}
              --descriptor_set_out=${base}.descriptors adret/${name}/${proto}
      COMMAND ${CMAKE_COMMAND} -DFROM=${base}.descriptors -DTO=${base}.descriptors.inc -P ${embed}
      DEPENDS ${PROJECT_SOURCE_DIR}/${name}/${proto} ${embed} protobuf::protoc
      VERBATIM)
    target_sources(${target} PRIVATE ${out}.cc ${base}.descriptors.inc)
    set_source_files_properties(${out}.cc PROPERTIES COMPILE_OPTIONS "-fvisibility=hidden;-w"
                                SKIP_PRECOMPILE_HEADERS ON)
  endforeach()
  target_include_directories(${target} SYSTEM PRIVATE ${ADRET_GENERATED_DIR})
  target_compile_options(${target} PRIVATE -fvisibility-inlines-hidden)
endfunction()

# Links every folder of adret into a test, object by object: tests may also reach what libraries do not export.
function(adret_link target)
  get_property(folders GLOBAL PROPERTY ADRET_FOLDERS)
  target_link_libraries(${target} PRIVATE ${folders})
  adret_warnings(${target})
  target_compile_options(${target} PRIVATE -Wno-shadow)  # GoogleTest's macros shadow
endfunction()

# adret_program(name sources... [PLOT] [LINK libraries...]): a program that uses adret as anybody would, with Abseil's
# flags. PLOT: it draws, where there is Cairo.
function(adret_program name)
  cmake_parse_arguments(ARG "PLOT" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE adret::adret absl::flags absl::flags_parse absl::flags_usage ${ARG_LINK})
  if(ARG_PLOT AND TARGET adret::plot)
    target_link_libraries(${name} PRIVATE adret::plot)
  endif()
  adret_warnings(${name})
endfunction()
