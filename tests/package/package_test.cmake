# Installs adret from the build tree, builds the project in consumer/ against it, and runs that.
#   BUILD_DIR  adret's build tree        COMPONENT  what to install      LIBRARY  the library to build and install
#   WORK_DIR   scratch                   EXPECTED   a program whose output lists the ops of the build tree
#   TOOL       the installed command, if any, in the prefix
#   EXAMPLES   a folder of programs to build, too; may be empty
#   CXX, GENERATOR, LAUNCHER, STRIP, NM  tools      SHARED  whether the library is a shared one
cmake_minimum_required(VERSION 3.25)

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${what} failed (${status}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})
if(SHARED)
  run("Building the libraries" ${CMAKE_COMMAND} --build ${BUILD_DIR} --target ${TARGETS})
endif()
run("Installing" ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/prefix --component ${COMPONENT})

# The include paths are those of an installed library: nothing of the source tree, no internals.
set(include ${WORK_DIR}/prefix/include)
file(GLOB_RECURSE internal ${include}/*)
list(FILTER internal INCLUDE REGEX "_internal\\.h$|/core/plan/|/io/onnx/|/ops/kernels/|/adret/tools/")
if(internal)
  message(FATAL_ERROR "internal headers are installed: ${internal}")
endif()

if(TOOL)
  run("The installed command" ${WORK_DIR}/prefix/${TOOL} help summary)
endif()

run("Configuring the outside project" ${CMAKE_COMMAND} -G ${GENERATOR} -S ${CMAKE_CURRENT_LIST_DIR}/consumer
    -B ${WORK_DIR}/build -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} -DCMAKE_BUILD_TYPE=Debug
    -DCMAKE_PREFIX_PATH=${WORK_DIR}/prefix -DCMAKE_CXX_STANDARD=20 -DADRET_INCLUDE=${include} -DEXAMPLES=${EXAMPLES})
run("Building the outside project" ${CMAKE_COMMAND} --build ${WORK_DIR}/build)
run("The outside program" ${WORK_DIR}/build/consumer ${WORK_DIR}/model.adret)
string(STRIP "${output}" found)
foreach(host host exporting_host)
  run("A program with a plugin (${host})" ${WORK_DIR}/build/${host} ${WORK_DIR}/build/libplugin.so ${WORK_DIR})
endforeach()
# Installed, it has lost the run path of its build tree. Shared libraries of adret's are where the system looks, or in a
# folder that the user names.
run("Installing the outside project" ${CMAKE_COMMAND} --install ${WORK_DIR}/build --prefix ${WORK_DIR}/installed)
file(GLOB libraries ${WORK_DIR}/prefix/lib* ${WORK_DIR}/prefix/lib*/*-linux-gnu)
string(REPLACE ";" ":" libraries "${libraries}")
set(ENV{LD_LIBRARY_PATH} ${libraries})
run("The installed outside program" ${WORK_DIR}/installed/bin/consumer ${WORK_DIR}/model.adret)
unset(ENV{LD_LIBRARY_PATH})

run("Counting the ops of the build tree" ${EXPECTED})
string(REGEX MATCHALL "\n\\| `" rows "${output}")
list(LENGTH rows expected)
if(NOT found EQUAL expected)
  message(FATAL_ERROR "the installed library has ${found} ops, the build tree has ${expected}")
endif()

if(SHARED)
  file(GLOB library ${WORK_DIR}/prefix/lib*/libadret.so ${WORK_DIR}/prefix/lib*/*/libadret.so)
  run("Listing symbols" ${NM} -D --defined-only --format=posix ${library})
  string(REGEX MATCHALL "[^\n]+" symbols "${output}")
  foreach(symbol ${symbols})
    if(NOT symbol MATCHES "^_Z(N|NK|T[VISTH]N|GVN|GVZN)5adret" OR symbol MATCHES "protobuf")
      message(FATAL_ERROR "the shared library exports ${symbol}")
    endif()
  endforeach()
  file(REAL_PATH ${library} library)
  run("Stripping" ${STRIP} -o ${WORK_DIR}/stripped.so ${library})
  file(SIZE ${WORK_DIR}/stripped.so size)
  math(EXPR kib "${size} / 1024")
  message("libadret, stripped: ${kib} KiB")
  if(kib GREATER 10240)
    message(FATAL_ERROR "libadret is larger than 10 MiB")
  endif()
endif()
message("${found} ops in the installed library, as in the build tree")
