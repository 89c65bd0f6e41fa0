// SPDX-License-Identifier: Apache-2.0
#include "os/file_lock.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>
#include <thread>

#include "os/file_descriptor.hpp"

namespace plait::os {
namespace {

constexpr std::uint64_t byte = std::uint64_t{1} << 62;  // far beyond the end, as the tracker's

// Two open files of one file without a name.
class FileLock : public testing::Test {
 protected:
  FileDescriptor one_{::memfd_create("unit-file-lock", MFD_CLOEXEC)};
  FileDescriptor other_{open_again(one_.get())};
};

// A process that has done something with the locks, and then waits to be killed.
class Holder {
 public:
  template <class Deed>
  explicit Holder(Deed deed) {
    Pipe ready = make_pipe();
    pid_ = ::fork();
    if (pid_ == 0) {
      deed();
      write_byte(ready.writer.get());
      for (;;) ::pause();
    }
    ready.writer.reset();
    read_byte(ready.reader.get());
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { kill(); }
  void kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
};

TEST_F(FileLock, OfOneOpenFileIsRespectedByOthers) {
  EXPECT_FALSE(is_locked_elsewhere(other_.get(), byte));
  lock_shared(one_.get(), byte);
  EXPECT_TRUE(is_locked_elsewhere(other_.get(), byte));
  EXPECT_FALSE(is_locked_elsewhere(one_.get(), byte)) << "it is its own";
  EXPECT_FALSE(try_lock(other_.get(), byte));
  lock_shared(other_.get(), byte);
  EXPECT_TRUE(is_locked_elsewhere(one_.get(), byte));
  other_.reset();
  EXPECT_FALSE(is_locked_elsewhere(one_.get(), byte));
}

TEST_F(FileLock, ExclusiveOnesKeepAllOthersOut) {
  EXPECT_TRUE(try_lock(one_.get(), byte));
  EXPECT_TRUE(try_lock(one_.get(), byte)) << "again, of the same open file";
  EXPECT_FALSE(try_lock(other_.get(), byte));
  try {
    lock_shared(other_.get(), byte);
    FAIL() << "it was to be had";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again);
  }
  one_.reset();
  EXPECT_TRUE(try_lock(other_.get(), byte));
}

TEST_F(FileLock, CoversOneByte) {
  ASSERT_TRUE(try_lock(one_.get(), byte));
  EXPECT_FALSE(is_locked_elsewhere(other_.get(), byte - 1));
  EXPECT_TRUE(try_lock(other_.get(), byte + 1));
}

TEST_F(FileLock, GoesWithTheDeathOfItsHolder) {
  Holder holder([this] {
    if (!try_lock(open_again(one_.get()).release(), byte)) ::_exit(1);
  });
  EXPECT_FALSE(try_lock(one_.get(), byte));
  holder.kill();
  EXPECT_TRUE(try_lock(one_.get(), byte));
}

TEST_F(FileLock, WaitingEndsWithTheDeathOfTheHolder) {
  Holder holder([this] {
    if (!try_lock(open_again(one_.get()).release(), byte)) ::_exit(1);
  });
  bool got = false;
  std::thread waiter([&] { got = wait_for_lock(one_.get(), byte); });
  holder.kill();
  waiter.join();
  EXPECT_TRUE(got);
}

// A sign of life of the whole family: it stays as long as one of those who share the open file lives.
TEST_F(FileLock, OfAnInheritedFileGoesWithTheLastThatHasIt) {
  lock_shared(one_.get(), byte);
  Holder first([] {}), second([] {});
  one_.reset();
  first.kill();
  EXPECT_TRUE(is_locked_elsewhere(other_.get(), byte));
  second.kill();
  EXPECT_FALSE(is_locked_elsewhere(other_.get(), byte));
}

TEST_F(FileLock, StaysWithAMapping) {
  ASSERT_EQ(::ftruncate(one_.get(), 4096), 0);
  lock_shared(one_.get(), byte);
  void* const mapped = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, one_.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  one_.reset();
  EXPECT_TRUE(is_locked_elsewhere(other_.get(), byte));
  ::munmap(mapped, 4096);
  EXPECT_FALSE(is_locked_elsewhere(other_.get(), byte));
}

TEST_F(FileLock, OfWhatIsNoFileIsRefused) {
  EXPECT_FALSE(try_lock(-1, byte));
  EXPECT_FALSE(wait_for_lock(-1, byte));
  EXPECT_FALSE(is_locked_elsewhere(-1, byte));
  EXPECT_THROW(lock_shared(-1, byte), std::system_error);
  try {
    static_cast<void>(open_again(-1));
    FAIL() << "there is no such descriptor";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
  }
}

}  // namespace
}  // namespace plait::os
