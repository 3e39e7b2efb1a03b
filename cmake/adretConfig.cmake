# find_package(adret) gives adret::adret, and adret::plot where adret was built with Cairo.
include(${CMAKE_CURRENT_LIST_DIR}/AdretDependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/adretTargets.cmake)
