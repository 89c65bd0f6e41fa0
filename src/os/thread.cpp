// SPDX-License-Identifier: Apache-2.0
#include "os/thread.hpp"

#include <sys/prctl.h>
#include <sys/stat.h>

#include "os/error.hpp"

namespace plait::os {
namespace {

#if defined(__SANITIZE_THREAD__)
constexpr int threads_of_the_sanitizer = 1;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr int threads_of_the_sanitizer = 1;
#else
constexpr int threads_of_the_sanitizer = 0;
#endif
#else
constexpr int threads_of_the_sanitizer = 0;
#endif

}  // namespace

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
  return entries - threads_of_the_sanitizer;
}

}  // namespace plait::os
