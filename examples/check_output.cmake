# SPDX-License-Identifier: Apache-2.0
# cmake -DPROGRAM=… -DEXPECTED=regex -P check_output.cmake: runs the program; fails unless it exits 0 and its standard
# output matches.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${status}\n${output}\n${errors}")
endif()
if(NOT output MATCHES "${EXPECTED}")
  message(FATAL_ERROR "the output of ${PROGRAM} is not what was expected:\n${output}")
endif()
