// SPDX-License-Identifier: Apache-2.0
#include "plait/os.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "os/cpu_count.hpp"
#include "os/error.hpp"

namespace plait::os {

pid_t getpid() noexcept { return ::getpid(); }

pid_t getppid() noexcept { return ::getppid(); }

int process_cpu_count() {
  const int allowed = affinity_cpu_count();
  return std::min(allowed, cgroup_cpu_quota().value_or(allowed));
}

int cpu_count() { return process_cpu_count(); }

pid_t fork() {
  std::cout.flush();
  std::cerr.flush();
  std::clog.flush();
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw_system_error("fork");
  return pid;
}

}  // namespace plait::os
