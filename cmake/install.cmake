# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` lays down: library, headers, package files for find_package and for pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/plait)

install(TARGETS plait EXPORT plait-targets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/plait TYPE INCLUDE FILES_MATCHING PATTERN "*.hpp")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE TYPE DOC)
install(EXPORT plait-targets NAMESPACE plait:: DESTINATION ${package_dir})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/plait-config.cmake.in ${PROJECT_BINARY_DIR}/plait-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/plait-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/plait-config.cmake ${PROJECT_BINARY_DIR}/plait-config-version.cmake
  DESTINATION ${package_dir})

# The prefix in plait.pc is found from the file's own place, so that an installed tree can be moved and
# `cmake --install --prefix` works. Paths in it are relative, unless the user made them absolute.
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE libdir)
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_INCLUDEDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE includedir)
cmake_path(RELATIVE_PATH includedir BASE_DIRECTORY ${libdir}/pkgconfig OUTPUT_VARIABLE PC_INCLUDEDIR)
configure_file(${CMAKE_CURRENT_LIST_DIR}/plait.pc.in ${PROJECT_BINARY_DIR}/plait.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/plait.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
