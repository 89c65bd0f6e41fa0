// SPDX-License-Identifier: Apache-2.0
#include "os/named_memory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>

#include "support/in_child.hpp"

namespace plait::os {
namespace {

constexpr std::size_t size = 100'000;

// A name of this test, and no memory of that name when it ends.
class NamedMemory : public testing::Test {
 protected:
  ~NamedMemory() override { ::unlink(path().c_str()); }
  [[nodiscard]] std::string path() const { return "/dev/shm/" + name_; }
  [[nodiscard]] bool exists() const { return std::filesystem::exists(path()); }

  const std::string name_ = "unit-named-memory-" + std::to_string(::getpid());
};

template <class F>
int error_of(F call) {
  try {
    call();
    return 0;
  } catch (const std::system_error& error) {
    return error.code().value();
  }
}

TEST_F(NamedMemory, IsWholeBeforeItHasAName) {
  const mode_t before = ::umask(0777);
  const FileDescriptor made = make_memory(size);
  ::umask(before);
  EXPECT_FALSE(exists());
  struct stat status {};
  ASSERT_EQ(::fstat(made.get(), &status), 0);
  EXPECT_EQ(status.st_size, static_cast<off_t>(size));
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  EXPECT_GE(static_cast<std::size_t>(status.st_blocks) * 512, size) << "its pages are there";
  EXPECT_EQ(::fcntl(made.get(), F_GETFD), FD_CLOEXEC);

  name_memory(made.get(), name_);
  EXPECT_TRUE(exists());
  EXPECT_EQ(error_of([&] { name_memory(made.get(), name_); }), EEXIST);
}

TEST_F(NamedMemory, IsSharedByItsName) {
  const FileDescriptor made = make_memory(size);
  name_memory(made.get(), name_);
  const FileDescriptor opened = open_memory(name_);
  const MemoryStatus status = status_of_memory(opened.get(), name_);
  EXPECT_EQ(status.size, size);
  EXPECT_EQ(status.identity, status_of_memory(made.get(), name_).identity);
  auto* const here = static_cast<char*>(map_memory(made.get(), size, name_));
  auto* const there = static_cast<char*>(map_memory(opened.get(), size, name_));
  EXPECT_TRUE(std::all_of(here, here + size, [](char c) { return c == 0; }));
  here[size - 1] = 'x';
  EXPECT_EQ(there[size - 1], 'x');

  // The name goes; the memory is still theirs.
  unlink_memory(name_);
  EXPECT_FALSE(exists());
  EXPECT_EQ(error_of([&] { unlink_memory(name_); }), ENOENT);
  EXPECT_EQ(error_of([&] { static_cast<void>(open_memory(name_)); }), ENOENT);
  here[0] = 'y';
  EXPECT_EQ(there[0], 'y');

  // What was mapped there before is replaced.
  const FileDescriptor another = make_memory(size);
  EXPECT_TRUE(replace_mapping(another.get(), there, size));
  EXPECT_EQ(there[0], 0);
  ::munmap(here, size);
  ::munmap(there, size);
}

TEST_F(NamedMemory, IsUnlinkedOnlyIfItIsThatFile) {
  const FileDescriptor made = make_memory(size), another = make_memory(size);
  name_memory(made.get(), name_);
  const FileIdentity own = status_of_memory(made.get(), name_).identity;
  const FileIdentity others = status_of_memory(another.get(), name_).identity;
  EXPECT_FALSE(own == others);
  EXPECT_EQ(unlink_memory_of(name_.c_str(), others), ENOENT);
  EXPECT_TRUE(exists());
  EXPECT_EQ(unlink_memory_of(("../shm/" + name_).c_str(), own), EINVAL);
  EXPECT_TRUE(exists());
  EXPECT_EQ(unlink_memory_of(name_.c_str(), own), 0);
  EXPECT_FALSE(exists());
  EXPECT_EQ(unlink_memory_of(name_.c_str(), own), ENOENT);
}

TEST_F(NamedMemory, KilledBeforeItHasANameLeavesNothing) {
  const pid_t child = ::fork();
  if (child == 0) {
    const FileDescriptor made = make_memory(size);
    ::kill(::getpid(), SIGKILL);
    name_memory(made.get(), name_);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(exists());
}

TEST_F(NamedMemory, NamesThatShmOpenRefuses) {
  for (const std::string name : {"", ".", "..", "a/b", "/a"}) {
    EXPECT_EQ(error_of([&] { check_memory_name("shm_open", name); }), EINVAL) << name;
    EXPECT_EQ(error_of([&] { static_cast<void>(open_memory(name)); }), EINVAL) << name;
    EXPECT_EQ(error_of([&] { unlink_memory(name); }), EINVAL) << name;
  }
  EXPECT_NO_THROW(check_memory_name("shm_open", std::string(longest_memory_name, 'a')));
  EXPECT_EQ(error_of([&] { check_memory_name("shm_open", std::string(longest_memory_name + 1, 'a')); }), ENAMETOOLONG);
}

TEST_F(NamedMemory, WhatIsNoMemoryIsRefused) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  const FileDescriptor fifo = open_memory(name_);
  EXPECT_EQ(error_of([&] { static_cast<void>(status_of_memory(fifo.get(), name_)); }), EINVAL);
  ASSERT_EQ(::unlink(path().c_str()), 0);
  ASSERT_EQ(::symlink("/etc/hostname", path().c_str()), 0);
  EXPECT_EQ(error_of([&] { static_cast<void>(open_memory(name_)); }), ELOOP);
}

TEST_F(NamedMemory, NoRoomIsAnErrorAndNoSignal) {
  EXPECT_EQ(error_of([] { static_cast<void>(make_memory(std::size_t{1} << 60)); }), ENOSPC);
  EXPECT_TRUE(tests::holds_in_child([] {
    const rlimit small{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &small);
    return error_of([] { static_cast<void>(make_memory(size)); }) == EFBIG;
  }));
}

}  // namespace
}  // namespace plait::os
