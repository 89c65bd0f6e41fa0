# SPDX-License-Identifier: Apache-2.0
# Compiles SOURCE with COMPILER and FLAGS as it is and with -DREFUSED; see CMakeLists.txt.
file(STRINGS ${SOURCE} line REGEX "^// refused: ")
string(REPLACE "// refused: " "" expected "${line}")
list(TRANSFORM INCLUDES PREPEND "-I")
set(command ${COMPILER} -std=c++20 -fsyntax-only -fdiagnostics-color=never -fmessage-length=0 ${FLAGS} ${INCLUDES} ${SOURCE})

execute_process(COMMAND ${command} RESULT_VARIABLE status ERROR_VARIABLE errors)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} should compile without REFUSED:\n${errors}")
endif()

execute_process(COMMAND ${command} -DREFUSED RESULT_VARIABLE status ERROR_VARIABLE errors)
if(status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} should not compile with REFUSED")
endif()
string(REGEX MATCH "error: [^\n]*" first "${errors}")
if(NOT first MATCHES "${expected}")
  message(FATAL_ERROR "expected as first error: ${expected}\nbut it is: ${first}\n${errors}")
endif()
message(STATUS "${first}")
