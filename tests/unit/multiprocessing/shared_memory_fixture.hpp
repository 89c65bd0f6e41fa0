// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the tests of named shared memory share: that no name is left behind, and Python.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <system_error>

#include "child.hpp"
#include "plait/multiprocessing/shared_memory.hpp"

namespace plait::multiprocessing::shared_memory {

inline bool exists(const std::string& name) { return std::filesystem::exists("/dev/shm/" + name); }

// The error code of what the deed throws.
inline std::error_code error_of(const std::function<void()>& deed) {
  try {
    deed();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

// A name that no other run of a test has.
inline std::string some_name(const char* what) {
  return std::string("mem-test-") + what + "-" + std::to_string(::getpid());
}

// After each test /dev/shm is as it was before; names of others, of programs that run at the same time, do not count.
class NamesAreGone {
 public:
  NamesAreGone() : before_(names()) {}
  NamesAreGone(const NamesAreGone&) = delete;
  NamesAreGone& operator=(const NamesAreGone&) = delete;
  ~NamesAreGone() {
    for (const std::string& name : names()) {
      if (!before_.contains(name)) ADD_FAILURE() << "left behind: /dev/shm/" << name;
    }
  }

 private:
  // Ours: by chance, and some_name() of this process.
  static std::set<std::string> names() {
    std::set<std::string> found;
    const std::string mine = "-" + std::to_string(::getpid());
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm", error)) {
      const std::string name = entry.path().filename();
      if (name.ends_with(mine)) found.insert(name);
    }
    return found;
  }
  std::set<std::string> before_;
};

class Memory : public testing::Test {
  NamesAreGone names_;
};
class MemoryByEveryMethod : public EveryMethod {
  NamesAreGone names_;
};

// Runs a Python program with arguments; its standard output. Fails the test if it does not exit with 0.
inline std::string python(const std::string& program, const std::string& arguments = {}) {
  const TemporaryFile script;
  tell(script.path(), program);
  const std::string command = "/usr/bin/python3 " + script.path() + " " + arguments + " 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), size);
  EXPECT_EQ(::pclose(pipe), 0) << output;
  return output;
}
#define PLAIT_NEEDS_PYTHON() \
  if (::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "there is no /usr/bin/python3 to share memory with"

}  // namespace plait::multiprocessing::shared_memory
