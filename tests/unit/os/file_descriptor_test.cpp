// SPDX-License-Identifier: Apache-2.0
#include "os/file_descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <system_error>

namespace plait::os {
namespace {

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }
bool closes_on_exec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

// Runs the checks in a child, whose descriptors may be ruined; true: all held.
bool in_a_child(const std::function<bool()>& checks) {
  const pid_t child = ::fork();
  if (child == 0) _exit(checks() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return status == 0;
}

TEST(FileDescriptor, ClosesWhatItOwns) {
  int number = -1;
  {
    const FileDescriptor fd = make_event();
    number = fd.get();
    EXPECT_TRUE(is_open(number));
    EXPECT_TRUE(closes_on_exec(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(FileDescriptor, MovingHandsOver) {
  FileDescriptor first = make_event();
  const int number = first.get();
  FileDescriptor second = std::move(first);
  EXPECT_EQ(second.get(), number);
  FileDescriptor third = make_event();
  const int dropped = third.get();
  third = std::move(second);
  EXPECT_EQ(third.get(), number);
  EXPECT_FALSE(is_open(dropped));
}

TEST(FileDescriptor, ClosingKeepsErrno) {
  errno = ERANGE;
  { const FileDescriptor broken(1'000'000); }
  EXPECT_EQ(errno, ERANGE);
}

TEST(FileDescriptor, IsNeverAStandardStream) {
  EXPECT_TRUE(in_a_child([] {
    ::close(0);
    ::close(1);
    ::close(2);
    const Pipe pipe = make_pipe();
    const FileDescriptor event = make_event();
    return pipe.reader.get() > 2 && pipe.writer.get() > 2 && event.get() > 2 && !is_open(0) && !is_open(1) &&
           !is_open(2) && closes_on_exec(pipe.reader.get()) && closes_on_exec(event.get());
  }));
}

TEST(FileDescriptor, NoneLeftIsASystemErrorThatNamesTheCall) {
  EXPECT_TRUE(in_a_child([] {
    const rlimit none{3, 4096};
    setrlimit(RLIMIT_NOFILE, &none);
    try {
      make_pipe();
    } catch (const std::system_error& error) {
      return error.code() == std::errc::too_many_files_open && std::string(error.what()).starts_with("pipe2");
    }
    return false;
  }));
}

TEST(FileDescriptor, PipeCarriesAByteAndTheEnd) {
  Pipe pipe = make_pipe();
  write_byte(pipe.writer.get());
  EXPECT_TRUE(read_byte(pipe.reader.get()));
  pipe.writer.reset();
  EXPECT_FALSE(read_byte(pipe.reader.get()));
}

TEST(FileDescriptor, CloseAllButKeepsTheStandardStreamsAndTheGiven) {
  EXPECT_TRUE(in_a_child([] {
    const FileDescriptor a = make_event(), b = make_event(), c = make_event(), d = make_event();
    const std::array keep{c.get(), a.get()};
    close_all_but(keep);
    return is_open(0) && is_open(1) && is_open(2) && is_open(a.get()) && !is_open(b.get()) && is_open(c.get()) &&
           !is_open(d.get());
  }));
}

TEST(FileDescriptor, DetachedStandardInputIsNull) {
  EXPECT_TRUE(in_a_child([] {
    ::close(0);
    ::close(1);
    detach_standard_input();
    return std::filesystem::read_symlink("/proc/self/fd/0") == "/dev/null" &&
           std::filesystem::read_symlink("/proc/self/fd/1") == "/dev/null" &&
           std::filesystem::read_symlink("/proc/self/fd/2") != "/dev/null" && !closes_on_exec(0);
  }));
}

}  // namespace
}  // namespace plait::os
