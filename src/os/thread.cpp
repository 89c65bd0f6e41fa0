// SPDX-License-Identifier: Apache-2.0
#include "os/thread.hpp"

#include <sys/prctl.h>
#include <sys/stat.h>

#include "os/error.hpp"
#include "os/sanitizer.hpp"

namespace plait::os {
void set_thread_name(const char* name) noexcept { prctl(PR_SET_NAME, name, 0, 0, 0); }

std::string thread_name() {
  char name[16] = {};
  prctl(PR_GET_NAME, name, 0, 0, 0);
  return name;
}

int thread_count() {
  struct stat status {};
  if (stat("/proc/self/task", &status) != 0) throw_system_error("stat", "/proc/self/task");
  const int entries = static_cast<int>(status.st_nlink) - 2;  // a link for each thread, and "." and ".."
  return under_thread_sanitizer ? entries - 1 : entries;
}

}  // namespace plait::os
