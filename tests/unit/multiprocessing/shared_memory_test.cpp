// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/shared_memory.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "plait/errors.hpp"
#include "plait/futures.hpp"
#include "plait/wire.hpp"
#include "shared_memory_fixture.hpp"
#include "support/in_child.hpp"

namespace plait::multiprocessing::shared_memory {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

void write_text(const SharedMemory& memory, const std::string& text) {
  std::memcpy(memory.buf().data(), text.data(), text.size());
}
std::string read_text(const SharedMemory& memory, std::size_t size) {
  return {reinterpret_cast<const char*>(memory.buf().data()), size};
}

// ---- creating, attaching -------------------------------------------------------------------------------------------

TEST_F(Memory, NewMemoryIsZeroAndOfTheSizeAskedFor) {
  const SharedMemory memory({.create = true, .size = 5000});
  EXPECT_EQ(memory.size(), 5000U);
  EXPECT_EQ(memory.buf().size(), 5000U);
  EXPECT_TRUE(std::ranges::all_of(memory.buf(), [](std::byte byte) { return byte == std::byte{}; }));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.buf().data()) % 4096, 0U);
  memory.unlink();
}

TEST_F(Memory, GeneratedNamesArePythons) {
  const SharedMemory a({.create = true, .size = 1}), b({.create = true, .size = 1});
  EXPECT_THAT(a.name(), MatchesRegex("psm_[0-9a-f]{8}"));
  EXPECT_NE(a.name(), b.name());
  EXPECT_TRUE(exists(a.name()));
  a.unlink();
  b.unlink();
  EXPECT_FALSE(exists(a.name()));
}

TEST_F(Memory, IsReadableByItsUserOnlyWhateverTheUmask) {
  const mode_t before = ::umask(0777);
  const SharedMemory memory({.create = true, .size = 1});
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(("/dev/shm/" + memory.name()).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  memory.unlink();
}

TEST_F(Memory, AttachedByNameItIsTheSameMemory) {
  const SharedMemory made({.name = some_name("attach"), .create = true, .size = 100});
  const SharedMemory attached({.name = made.name()});
  EXPECT_EQ(attached.size(), 100U);
  EXPECT_NE(attached.buf().data(), made.buf().data());
  write_text(made, "hello");
  EXPECT_EQ(read_text(attached, 5), "hello");
  write_text(attached, "other");
  EXPECT_EQ(read_text(made, 5), "other");
  made.unlink();
}

TEST_F(Memory, SlashBeforeTheNameIsDropped) {
  const std::string name = some_name("slash");
  const SharedMemory made({.name = "/" + name, .create = true, .size = 1});
  EXPECT_EQ(made.name(), name);
  EXPECT_EQ(SharedMemory({.name = "/" + name}).size(), 1U);
  made.unlink();
}

TEST_F(Memory, LongestName) {
  std::string name = some_name("long");
  name = std::string(255 - name.size(), 'x') + name;
  const SharedMemory made({.name = name, .create = true, .size = 1});
  EXPECT_TRUE(exists(name));
  made.unlink();
  EXPECT_EQ(error_of([&] { SharedMemory({.name = "x" + name, .create = true, .size = 1}); }),
            std::errc::filename_too_long);
  EXPECT_EQ(error_of([&] { SharedMemory({.name = "x" + name}); }), std::errc::filename_too_long);
}

// ---- refusals ------------------------------------------------------------------------------------------------------

TEST_F(Memory, BadArgumentsAreValueErrors) {
  EXPECT_THROW(SharedMemory({.create = true, .size = 0}), ValueError);
  EXPECT_THROW(SharedMemory({.name = some_name("zero"), .create = true}), ValueError);
  EXPECT_THROW(SharedMemory(SharedMemory::Options{}), ValueError);
  EXPECT_THROW(SharedMemory({.name = std::string("a\0b", 3)}), ValueError);
  EXPECT_THROW(SharedMemory({.name = std::string("a\0b", 3), .create = true, .size = 1}), ValueError);
}

TEST_F(Memory, NamesThatAreNone) {
  for (const char* name : {"", "/", ".", "..", "a/b", "//a", "../tmp/x"}) {
    EXPECT_EQ(error_of([&] { SharedMemory({.name = name}); }), std::errc::invalid_argument) << name;
    EXPECT_EQ(error_of([&] { SharedMemory({.name = name, .create = true, .size = 1}); }), std::errc::invalid_argument)
        << name;
  }
}

TEST_F(Memory, ExistingNameIsFileExists) {
  const SharedMemory made({.name = some_name("exists"), .create = true, .size = 10});
  write_text(made, "whole");
  for (const bool track : {true, false}) {
    try {
      SharedMemory({.name = made.name(), .create = true, .size = 20, .track = track});
      ADD_FAILURE() << "made twice";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::file_exists);
      EXPECT_THAT(error.what(), HasSubstr("shm_open (/" + made.name() + ")"));
    }
  }
  EXPECT_EQ(SharedMemory({.name = made.name()}).size(), 10U);
  EXPECT_EQ(read_text(made, 5), "whole");
  made.unlink();
}

TEST_F(Memory, MissingNameIsNoSuchFile) {
  const std::string name = some_name("missing");
  try {
    SharedMemory({.name = name});
    ADD_FAILURE() << "attached to nothing";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_THAT(error.what(), HasSubstr("shm_open (/" + name + ")"));
  }
}

TEST_F(Memory, WhatIsNoSegmentIsRefused) {
  const std::string name = some_name("odd"), path = "/dev/shm/" + name;
  std::filesystem::create_directory(path);
  EXPECT_EQ(error_of([&] { SharedMemory({.name = name}); }), std::errc::is_a_directory);
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(error_of([&] { SharedMemory({.name = name}); }), std::errc::invalid_argument);
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/etc/passwd", path);
  EXPECT_EQ(error_of([&] { SharedMemory({.name = name}); }), std::errc::too_many_symbolic_link_levels);
  std::filesystem::remove(path);
  ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  EXPECT_THROW(SharedMemory({.name = name}), ValueError);
  std::filesystem::remove(path);
}

TEST_F(Memory, MoreThanThereIsIsAnErrorAndLeavesNothing) {
  const std::string name = some_name("huge");
  for (const std::size_t size : {std::size_t{1} << 45, std::size_t{1} << 62, ~std::size_t{0}}) {
    const auto error = error_of([&] { SharedMemory({.name = name, .create = true, .size = size}); });
    EXPECT_TRUE(error == std::errc::no_space_on_device || error == std::errc::not_enough_memory ||
                error == std::errc::file_too_large || error == std::errc::invalid_argument)
        << size << ": " << error.message();
    EXPECT_FALSE(exists(name));
  }
}

// The kernel would send SIGXFSZ, which ends a process.
TEST_F(Memory, LimitOfFileSizesIsAnErrorAndNoSignal) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit limit{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto error = error_of([] { SharedMemory({.create = true, .size = 100'001}); });
  const SharedMemory fits({.create = true, .size = 100'000});
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(error, std::errc::file_too_large);
  std::ranges::fill(fits.buf(), std::byte{1});
  fits.unlink();
}

TEST_F(Memory, NoDescriptorsLeftIsAnErrorAndLeavesNothing) {
  const std::string name = some_name("emfile");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  int made = 0;
  for (rlim_t most = 3; most < 60 && made == 0; ++most) {
    const rlimit limit{.rlim_cur = most, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    const auto error = error_of([&] {
      SharedMemory({.name = name, .create = true, .size = 1}).unlink();
      ++made;
    });
    ::setrlimit(RLIMIT_NOFILE, &before);
    if (made == 0) {
      EXPECT_EQ(error, std::errc::too_many_files_open);
    }
    EXPECT_FALSE(exists(name));
  }
  EXPECT_EQ(made, 1);
}

// ---- handles -------------------------------------------------------------------------------------------------------

TEST_F(Memory, CloseLetsGoOfTheMemoryAndKeepsTheName) {
  SharedMemory memory({.create = true, .size = 10});
  const std::string name = memory.name();
  memory.close();
  memory.close();
  EXPECT_TRUE(memory.buf().empty());
  EXPECT_EQ(memory.name(), name);
  EXPECT_EQ(memory.size(), 10U);
  EXPECT_TRUE(exists(name));
  memory.unlink();
  EXPECT_FALSE(exists(name));
}

TEST_F(Memory, UnlinkTwiceIsNoSuchFile) {
  const SharedMemory memory({.create = true, .size = 10});
  memory.unlink();
  EXPECT_EQ(error_of([&] { memory.unlink(); }), std::errc::no_such_file_or_directory);
}

TEST_F(Memory, MappingsOutliveTheName) {
  const SharedMemory made({.create = true, .size = 10}), attached({.name = made.name()});
  made.unlink();
  write_text(made, "still");
  EXPECT_EQ(read_text(attached, 5), "still");
  EXPECT_EQ(error_of([&] { SharedMemory({.name = made.name()}); }), std::errc::no_such_file_or_directory);
  const SharedMemory again({.name = made.name(), .create = true, .size = 10});
  EXPECT_EQ(read_text(again, 1), std::string(1, '\0'));
  again.unlink();
}

TEST_F(Memory, CopiesShareTheMappingUntilTheLastIsClosed) {
  SharedMemory memory({.create = true, .size = 10});
  SharedMemory copy = memory;
  EXPECT_EQ(copy.buf().data(), memory.buf().data());
  memory.close();
  write_text(copy, "here");
  EXPECT_EQ(read_text(copy, 4), "here");
  memory = copy;
  EXPECT_EQ(read_text(memory, 4), "here");
  copy.unlink();
  EXPECT_EQ(error_of([&] { memory.unlink(); }), std::errc::no_such_file_or_directory);
}

TEST_F(Memory, MovedFromIsNothing) {
  SharedMemory memory({.create = true, .size = 10});
  SharedMemory other = std::move(memory);
  // NOLINTBEGIN(bugprone-use-after-move): what is tested
  EXPECT_EQ(memory.name(), "");
  EXPECT_EQ(memory.size(), 0U);
  EXPECT_TRUE(memory.buf().empty());
  EXPECT_THROW(memory.unlink(), ValueError);
  memory.close();
  // NOLINTEND(bugprone-use-after-move)
  memory = std::move(other);
  EXPECT_EQ(memory.buf().size(), 10U);
  memory.unlink();
  EXPECT_THROW(SharedMemory().unlink(), ValueError);
}

TEST_F(Memory, ManyAtATime) {
  std::vector<SharedMemory> memories;
  for (int i = 0; i < 200; ++i) {
    memories.emplace_back(SharedMemory::Options{.create = true, .size = 8});
    write_text(memories.back(), std::to_string(i));
  }
  for (int i = 0; i < 200; ++i) {
    const std::string text = std::to_string(i);
    EXPECT_EQ(read_text(SharedMemory({.name = memories[static_cast<std::size_t>(i)].name()}), text.size()), text);
  }
  for (const SharedMemory& memory : memories) memory.unlink();
}

TEST_F(Memory, CreatedByManyThreads) {
  std::vector<std::jthread> threads;
  std::atomic<int> winners{0};
  const std::string contested = some_name("contested");
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) SharedMemory({.create = true, .size = 8}).unlink();
      if (error_of([&] { SharedMemory({.name = contested, .create = true, .size = 8}); }) != std::errc::file_exists) {
        ++winners;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(winners, 1);
  SharedMemory({.name = contested}).unlink();
}

// ---- travelling ----------------------------------------------------------------------------------------------------

TEST_F(Memory, TravelsAsNameAndSize) {
  const SharedMemory memory({.create = true, .size = 100});
  write_text(memory, "over there");
  const auto bytes = wire::dumps(memory);
  EXPECT_LT(bytes.size(), 64U);
  const auto arrived = wire::loads<SharedMemory>(bytes);
  EXPECT_EQ(arrived.name(), memory.name());
  EXPECT_EQ(arrived.size(), 100U);
  EXPECT_EQ(read_text(arrived, 10), "over there");
  memory.unlink();
  EXPECT_EQ(error_of([&] { static_cast<void>(wire::loads<SharedMemory>(bytes)); }),
            std::errc::no_such_file_or_directory);
  const SharedMemory smaller({.name = memory.name(), .create = true, .size = 50});
  EXPECT_THROW(static_cast<void>(wire::loads<SharedMemory>(bytes)), ValueError);
  smaller.unlink();
  EXPECT_EQ(wire::loads<SharedMemory>(wire::dumps(SharedMemory())).name(), "");
}

void add_one_to_each(SharedMemory memory) {
  for (std::byte& byte : memory.buf()) byte = static_cast<std::byte>(std::to_integer<int>(byte) + 1);
}
std::size_t sum_of(const SharedMemory& memory) {
  std::size_t sum = 0;
  for (const std::byte byte : memory.buf()) sum += std::to_integer<std::size_t>(byte);
  return sum;
}
// Its creator is not the one who uses it.
SharedMemory make_there(std::size_t size) {
  SharedMemory memory({.create = true, .size = size});
  std::ranges::fill(memory.buf(), std::byte{7});
  return memory;
}

class MemoryBetweenProcesses : public MemoryByEveryMethod {};
PLAIT_FOR_EVERY_METHOD(MemoryBetweenProcesses);

TEST_P(MemoryBetweenProcesses, AsArgumentOfAProcess) {
  const SharedMemory memory({.create = true, .size = 10'000});
  EXPECT_EQ(code_of(add_one_to_each, memory), 0);
  EXPECT_EQ(code_of(add_one_to_each, memory), 0);
  EXPECT_EQ(sum_of(memory), 20'000U);
  memory.unlink();
}

TEST_P(MemoryBetweenProcesses, AsArgumentAndResultOfAPoolThatRunsAlready) {
  futures::ProcessPoolExecutor pool({.max_workers = 2, .mp_context = context()});
  pool.submit([] {}).result();
  const SharedMemory memory({.create = true, .size = 1000});
  pool.submit(add_one_to_each, memory).result();
  EXPECT_EQ(pool.submit(sum_of, memory).result(), 1000U);
  memory.unlink();
  const SharedMemory theirs = pool.submit(make_there, 100).result();
  EXPECT_EQ(sum_of(theirs), 700U);
  theirs.unlink();
  EXPECT_FALSE(exists(theirs.name()));
}

TEST_P(MemoryBetweenProcesses, UnlinkedBeforeItArrivesFailsThatTaskOnly) {
  futures::ProcessPoolExecutor pool({.max_workers = 1, .mp_context = context()});
  const SharedMemory memory({.create = true, .size = 1000});
  memory.unlink();
  EXPECT_EQ(error_of([&] { pool.submit(sum_of, memory).result(); }), std::errc::no_such_file_or_directory);
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
}

TEST_F(Memory, ForkedCopyOfTheProgramHasItsHandlesAndMakesItsOwn) {
  const SharedMemory memory({.create = true, .size = 10});
  write_text(memory, "before");
  EXPECT_TRUE(tests::holds_in_child([&] {
    if (read_text(memory, 6) != "before") return false;
    write_text(memory, "after!");
    const SharedMemory own({.create = true, .size = 10});
    own.unlink();
    return true;
  }));
  EXPECT_EQ(read_text(memory, 6), "after!");
  memory.unlink();
}

}  // namespace
}  // namespace plait::multiprocessing::shared_memory
