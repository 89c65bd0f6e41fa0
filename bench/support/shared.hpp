// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// For the raw subjects: an object in memory shared with a forked child, and the child.

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

#include "support/bench.hpp"

namespace bench {

inline void* map_shared(std::size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  check(memory != MAP_FAILED, "mmap");
  return memory;
}

template <class T>
T& make_shared_object() {
  return *new (map_shared(sizeof(T))) T();
}

// Runs `work` in a child; its truth is what join() returns.
class ForkedChild {
 public:
  template <class Work>
  explicit ForkedChild(Work work) : pid_(::fork()) {
    check(pid_ >= 0, "fork");
    if (pid_ == 0) ::_exit(work() ? 0 : 1);
  }
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;

  bool join() {
    int status = 0;
    return ::waitpid(pid_, &status, 0) == pid_ && status == 0;
  }

 private:
  pid_t pid_;
};

}  // namespace bench
