# SPDX-License-Identifier: Apache-2.0
# What only the presets want (CMAKE_PROJECT_TOP_LEVEL_INCLUDES): compile commands for tools, and ccache where it is
# installed. Users' builds stay as they configure them.
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(PLAIT_CCACHE ccache)
  if(PLAIT_CCACHE)
    # Paths below the source folder count as relative, so that one clone profits from what another has compiled.
    set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${PLAIT_CCACHE})
  endif()
endif()
