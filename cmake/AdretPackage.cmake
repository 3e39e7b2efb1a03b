# The libraries that users link: adret::adret, and adret::plot where there is Cairo.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# adret_package_folders(adret core ops ...): the folders that make up one library.
function(adret_package_folders library)
  set(folders ${ARGN})
  list(TRANSFORM folders PREPEND adret_)
  foreach(folder ${folders})
    if(TARGET ${folder})
      set_property(GLOBAL APPEND PROPERTY ADRET_LIBRARY_${library} ${folder})
    endif()
  endforeach()
endfunction()

# One library from the objects of its folders, with the outside libraries of those folders.
function(adret_library kind library export_name)
  get_property(folders GLOBAL PROPERTY ADRET_LIBRARY_${library})
  set(target ${library}_library_${kind})
  add_library(${target} ${kind})
  foreach(folder ${folders})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${folder}>)
    get_target_property(public ${folder} ADRET_PUBLIC)
    get_target_property(private ${folder} ADRET_PRIVATE)
    target_link_libraries(${target} PUBLIC ${public} PRIVATE ${private})
  endforeach()
  target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${ADRET_INCLUDE_DIR}>
                                                 $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME ${library} EXPORT_NAME ${export_name}
                        INSTALL_RPATH "$ORIGIN;${ADRET_PLUGIN_FOLDER}"
                        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  if(kind STREQUAL "STATIC")
    # Ops register themselves in static initialisers. Those of an archive would run in the order of the link, which is
    # after a program's own, which may build graphs: with a priority (as of GCC's init_priority) they run before.
    add_custom_command(TARGET ${target} POST_BUILD VERBATIM
                       COMMAND ${CMAKE_OBJCOPY} --rename-section .init_array=.init_array.00300 $<TARGET_FILE:${target}>)
  else()
    set(script ${PROJECT_SOURCE_DIR}/cmake/exported_symbols.map)
    target_link_options(${target} PRIVATE -Wl,--version-script=${script} -Wl,--as-needed)
    set_target_properties(${target} PROPERTIES LINK_DEPENDS ${script})
  endif()
endfunction()

# What users link. Ops register themselves when their object is loaded, and a linker drops unreferenced objects of
# archives: so the static library is always taken whole.
function(adret_interface kind library export_name)
  set(target ${library}_${kind})
  add_library(${target} INTERFACE)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${export_name})
  set(in_tree ${library}_library_${kind})
  get_target_property(installed ${in_tree} EXPORT_NAME)
  if(kind STREQUAL "STATIC")
    target_link_libraries(${target} INTERFACE $<BUILD_INTERFACE:$<LINK_LIBRARY:WHOLE_ARCHIVE,${in_tree}>>
                                              $<INSTALL_INTERFACE:$<LINK_LIBRARY:WHOLE_ARCHIVE,adret::${installed}>>)
    # A program that links Graphviz's plugins must find them when it runs, wherever it is installed.
    if(library STREQUAL "adret_plot" AND ADRET_PLUGIN_FOLDER)
      target_link_options(${target} INTERFACE LINKER:-rpath,${ADRET_PLUGIN_FOLDER})
    endif()
  else()
    target_link_libraries(${target} INTERFACE ${in_tree})
  endif()
endfunction()

# What gets installed: adret.h, and the headers of the folders that make up the libraries. Private ones are called
# *_internal.h or lie in a folder of a folder, such as core/plan.
function(adret_public_headers result)
  set(headers adret.h)
  foreach(library adret adret_plot)
    get_property(folders GLOBAL PROPERTY ADRET_LIBRARY_${library})
    list(TRANSFORM folders REPLACE "^adret_" "")
    foreach(folder ${folders})
      file(GLOB found RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.h)
      list(FILTER found EXCLUDE REGEX "_internal\\.h$")
      list(APPEND headers ${found})
    endforeach()
  endforeach()
  set(${result} ${headers} PARENT_SCOPE)
endfunction()

# adret_package(STATIC|SHARED [VARIANT]): makes adret::adret and adret::plot of this kind, and installs them. A VARIANT
# gets no such names and is installed only on demand, as component package_<kind> (the package test does).
function(adret_package kind)
  cmake_parse_arguments(ARG "VARIANT" "" "" ${ARGN})
  adret_library(${kind} adret library)
  adret_interface(${kind} adret adret)
  set(targets adret_library_${kind} adret_${kind})
  if(TARGET adret_plot)
    adret_library(${kind} adret_plot plot_library)
    target_link_libraries(adret_plot_library_${kind} PUBLIC adret_${kind})
    adret_interface(${kind} adret_plot plot)
    list(APPEND targets adret_plot_library_${kind} adret_plot_${kind})
  endif()
  set(component package)
  set(when "")
  if(ARG_VARIANT)
    string(TOLOWER package_${kind} component)
    set(when EXCLUDE_FROM_ALL)
    set_target_properties(${targets} PROPERTIES EXCLUDE_FROM_ALL ON LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/variant
                          ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/variant)
  else()
    add_library(adret::adret ALIAS adret_${kind})
    if(TARGET adret_plot)
      add_library(adret::plot ALIAS adret_plot_${kind})
    endif()
  endif()
  if(NOT ADRET_INSTALL)
    return()
  endif()

  set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/adret)
  install(TARGETS ${targets} EXPORT adretTargets_${kind} COMPONENT ${component} ${when})
  install(EXPORT adretTargets_${kind} FILE adretTargets.cmake NAMESPACE adret:: DESTINATION ${config_dir}
          COMPONENT ${component} ${when})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/adretConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/adretConfig.cmake ${PROJECT_SOURCE_DIR}/cmake/AdretDependencies.cmake
                ${PROJECT_BINARY_DIR}/adretConfigVersion.cmake
          DESTINATION ${config_dir} COMPONENT ${component} ${when})
  adret_public_headers(headers)
  foreach(header ${headers})
    cmake_path(GET header PARENT_PATH folder)
    install(FILES ${PROJECT_SOURCE_DIR}/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/adret/${folder}
            COMPONENT ${component} ${when})
  endforeach()
endfunction()
