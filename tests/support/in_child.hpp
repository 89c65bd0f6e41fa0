// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a forked child finds of the objects of its parent.

#include <sys/wait.h>
#include <unistd.h>

namespace plait::tests {

// Whether `check`, run in a forked child, is true.
template <class Check>
bool holds_in_child(Check check) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    bool right = false;
    try {
      right = check();
    } catch (...) {
    }
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace plait::tests
