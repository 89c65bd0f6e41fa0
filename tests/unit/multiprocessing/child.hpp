// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the tests of processes share: suites that run over the start methods, and what a child tells through a file.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "conformance/gate.hpp"
#include "plait/multiprocessing.hpp"
#include "support/family.hpp"

namespace plait::multiprocessing {

using namespace std::chrono_literals;
using tests::Gate;

// Longer than anything takes that works.
inline constexpr auto long_enough = 30s;

// A file that goes with its object, empty at first.
class TemporaryFile {
 public:
  TemporaryFile() {
    char path[] = "/tmp/child-XXXXXX";
    ::close(::mkstemp(path));
    path_ = path;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { ::unlink(path_.c_str()); }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string text() const { return tests::read_file(path_); }

 private:
  std::string path_;
};

// Adds the text to the file, by one write.
inline void tell(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::_Exit(77);
  ::close(fd);
}

// In a child: what goes to this descriptor goes into the file.
inline void redirect(int descriptor, const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (::dup2(fd, descriptor) < 0) std::_Exit(77);
  ::close(fd);
}

// Meets the test at the gate, and then waits to be killed.
inline void wait_for_death(std::string gate) {
  Gate::wait_at(gate);
  for (;;) ::pause();
}

// Runs over the start methods.
class EveryMethod : public testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] static Context context() { return get_context(GetParam()); }
  [[nodiscard]] static Process::Options options() { return {.name = {}, .daemon = {}, .context = context()}; }
  [[nodiscard]] static bool forks() { return std::string_view(GetParam()) == "fork"; }

  template <class... Target>
  static Process started(Target&&... target) {
    Process process(options(), std::forward<Target>(target)...);
    process.start();
    return process;
  }
  // The exit code of a process that does this.
  template <class... Target>
  static std::optional<int> code_of(Target&&... target) {
    Process process = started(std::forward<Target>(target)...);
    process.join(long_enough);
    return process.exitcode();
  }
};
#define PLAIT_FOR_EVERY_METHOD(suite)                                               \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::Values("forkserver", "spawn", "fork"), \
                           [](const auto& instance) { return std::string(instance.param); })

}  // namespace plait::multiprocessing
