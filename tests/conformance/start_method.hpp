// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <string>

namespace plait::tests {

// The start method that a suite over processes is run with: one program for all of them, since to compile these suites
// takes long. ctest runs it once for each; by hand it is the fork server's, unless the environment says another.
inline std::string start_method() {
  const char* method = std::getenv("PLAIT_TEST_START_METHOD");
  return method != nullptr ? method : "forkserver";
}

}  // namespace plait::tests
