// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A place where a task waits, in whatever process it runs, until the test has come there too: a FIFO, whose two ends
// wait for each other.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace plait::tests {

class Gate {
 public:
  Gate() {
    char directory[] = "/tmp/gate-XXXXXX";
    if (::mkdtemp(directory) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = std::string(directory) + "/fifo";
    if (::mkfifo(path_.c_str(), 0600) != 0) throw std::runtime_error("mkfifo");
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { std::filesystem::remove_all(std::filesystem::path(path_).parent_path()); }

  // What the task is given.
  const std::string& name() const noexcept { return path_; }
  // Waits until a task is there, and lets it go on.
  void pass() { ::close(::open(path_.c_str(), O_WRONLY | O_CLOEXEC)); }

  // In the task: waits until the test is there.
  static void wait_at(const std::string& name) { ::close(::open(name.c_str(), O_RDONLY | O_CLOEXEC)); }

 private:
  std::string path_;
};

}  // namespace plait::tests
