# SPDX-License-Identifier: Apache-2.0
# cmake -D STEP=… -P consume.cmake: one step of the consumer tests; see CMakeLists.txt for the variables.

set(ENV{CCACHE_BASEDIR} ${PLAIT_SOURCE_DIR})
set(ENV{CCACHE_NOHASHDIR} 1)

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "failed (${result}): ${command}")
  endif()
endfunction()

set(configure_options
  -G Ninja -D CMAKE_BUILD_TYPE=Debug -D CMAKE_CXX_COMPILER=${CXX} -D "CMAKE_CXX_FLAGS=${CXX_FLAGS}"
  -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
set(project ${CMAKE_CURRENT_LIST_DIR}/project)
set(build ${SCRATCH}/${STEP})
string(REGEX MATCH "(static|shared)$" kind ${STEP})
set(prefix ${SCRATCH}/prefix_${kind})

# Configures, builds and runs the project in tests/consumer/project.
function(consume)
  file(REMOVE_RECURSE ${build})
  run(${CMAKE_COMMAND} -S ${project} -B ${build} ${configure_options} ${ARGV})
  run(${CMAKE_COMMAND} --build ${build})
  run(${build}/consumer)
endfunction()

if(STEP STREQUAL install_static)
  file(REMOVE_RECURSE ${prefix})
  run(${CMAKE_COMMAND} --install ${PLAIT_BINARY_DIR} --prefix ${prefix})
elseif(STEP STREQUAL install_shared)
  file(REMOVE_RECURSE ${prefix})
  run(${CMAKE_COMMAND} -S ${PLAIT_SOURCE_DIR} -B ${build} ${configure_options} -D BUILD_SHARED_LIBS=ON
    -D PLAIT_BUILD_TESTS=OFF -D PLAIT_BUILD_EXAMPLES=OFF)
  run(${CMAKE_COMMAND} --build ${build})
  run(${CMAKE_COMMAND} --install ${build} --prefix ${prefix})
elseif(STEP MATCHES "^find_package_")
  consume(-D CMAKE_PREFIX_PATH=${prefix})
elseif(STEP STREQUAL add_subdirectory)
  consume(-D PLAIT_SOURCE_DIR=${PLAIT_SOURCE_DIR})
elseif(STEP MATCHES "^pkg_config_")
  file(REMOVE_RECURSE ${build})
  file(MAKE_DIRECTORY ${build})
  file(GLOB_RECURSE package ${prefix}/*/plait.pc)
  cmake_path(GET package PARENT_PATH package_dir)
  cmake_path(GET package_dir PARENT_PATH library_dir)
  set(ENV{PKG_CONFIG_PATH} ${package_dir})
  execute_process(COMMAND pkg-config --cflags --libs plait OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${CXX_FLAGS} ${flags}")
  run(${CXX} -std=c++20 ${project}/main.cpp ${project}/other.cpp -o ${build}/consumer ${flags})
  set(ENV{LD_LIBRARY_PATH} ${library_dir})
  run(${build}/consumer)
else()
  message(FATAL_ERROR "unknown STEP: ${STEP}")
endif()
