# SPDX-License-Identifier: Apache-2.0
# What only the presets want (CMAKE_PROJECT_TOP_LEVEL_INCLUDES): compile commands for tools, and ccache where it is
# installed. Users' builds stay as they configure them.
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(PLAIT_CCACHE ccache)
  if(PLAIT_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${PLAIT_CCACHE})
  endif()
endif()
