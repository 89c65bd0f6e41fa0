// SPDX-License-Identifier: Apache-2.0
// What a child is given and how its end is told, by every start method.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <future>
#include <iostream>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "child_helper.hpp"
#include "os/thread.hpp"
#include "plait/errors.hpp"
#include "plait/os.hpp"
#include "process/estate.hpp"
#include "support/family.hpp"

namespace plait::process {
namespace {

enum Deed : std::uint64_t {
  return_,
  exit_0,
  exit_99,
  abort_,
  segfault,
  kill_,
  throw_,
  throw_odd,
  terminate_,
  leave_thread
};

// Not the null pointer, at which UBSan would catch us.
volatile int* forbidden_place() {
  return static_cast<volatile int*>(mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

void do_deed(std::uint64_t deed) {
  switch (deed) {
    case return_:
      return;
    case exit_0:
      _exit(0);
    case exit_99:
      _exit(99);
    case abort_:
      std::abort();
    case segfault:
      *forbidden_place() = 1;
      return;
    case kill_:
      raise(SIGKILL);
      return;
    case throw_:
      throw std::runtime_error("thrown on purpose");
    case throw_odd:
      throw 42;
    case terminate_:
      std::terminate();
    case leave_thread:
      pthread_exit(nullptr);
    default:
      _exit(77);
  }
}

void run_for_ever(std::uint64_t) {
  for (;;) pause();
}

void quiet(std::uint64_t deed) {  // for those that speak on standard error
  close(2);
  open("/dev/null", O_WRONLY);
  do_deed(deed);
}

class Start : public EveryMethod {
 protected:
  static ExitStatus end_of(Deed deed) { return start_child(GetParam(), quiet, deed).end->wait(); }
};
PLAIT_FOR_EVERY_METHOD(Start);

TEST_P(Start, ReturningIsExitCode0) {
  const ExitStatus status = end_of(return_);
  EXPECT_TRUE(status.known && status.signal == 0 && status.code == 0) << status;
}

TEST_P(Start, LeavingTellsTheCode) {
  EXPECT_EQ(end_of(exit_99).code, 99);
  const ExitStatus status = end_of(exit_0);
  EXPECT_TRUE(status.known && status.signal == 0 && status.code == 0) << status;
}

void exit_with(std::uint64_t code) { std::exit(static_cast<int>(code)); }

TEST_P(Start, ExitDoesNotRunWhatTheProgramHadRegistered) {
  static bool registered = std::atexit([] {
                             if (in_child()) _exit(66);
                           }) == 0;
  EXPECT_TRUE(registered);
  EXPECT_EQ(start_child(GetParam(), exit_with, 12).end->wait().code, 12);
}

TEST_P(Start, DeathTellsTheSignal) {
  EXPECT_EQ(end_of(abort_).signal, SIGABRT);
  EXPECT_EQ(end_of(kill_).signal, SIGKILL);
  EXPECT_EQ(end_of(terminate_).signal, SIGABRT);
  EXPECT_EQ(end_of(segfault).signal, SIGSEGV);
}

TEST_P(Start, UncaughtExceptionIsExitCode1) {
  for (const Deed deed : {throw_, throw_odd}) {
    const ExitStatus status = end_of(deed);
    EXPECT_TRUE(status.known && status.signal == 0 && status.code == 1) << status;
  }
}

TEST_P(Start, EndOfItsThreadIsTheEndOfTheChild) {
  const ExitStatus status = end_of(leave_thread);
  EXPECT_TRUE(status.known && status.signal == 0 && status.code == 0) << status;
}

TEST_P(Start, EndIsReportedOnce) {
  const Started started = start_child(GetParam(), do_deed, exit_99);
  started.end->wait();
  EXPECT_EQ(started.child->status()->code, 99);
  EXPECT_FALSE(started.child->signal(SIGKILL));
  start_child(GetParam(), do_deed, return_).end->wait();  // whatever came after it has come
  EXPECT_EQ(started.end->count(), 1);
}

TEST_P(Start, SignalReachesTheChild) {
  const Started started = start_child(GetParam(), run_for_ever);
  EXPECT_EQ(started.child->status(), std::nullopt);
  EXPECT_TRUE(started.child->signal(SIGTERM));
  EXPECT_EQ(started.end->wait().signal, SIGTERM);
}

TEST_P(Start, ManyAtOnceFromManyThreads) {
  constexpr int threads = 4, each = 8;
  std::vector<std::thread> starters;
  for (int i = 0; i < threads; ++i) {
    starters.emplace_back([] {
      std::vector<Started> started;
      for (std::uint64_t n = 0; n < each; ++n)
        started.push_back(start_child(GetParam(), quiet, n % 2 ? exit_99 : kill_));
      for (std::uint64_t n = 0; n < each; ++n) {
        const ExitStatus status = started[n].end->wait();
        EXPECT_EQ(status.code, n % 2 ? 99 : 0);
        EXPECT_EQ(status.signal, n % 2 ? 0 : SIGKILL);
      }
    });
  }
  for (std::thread& starter : starters) starter.join();
}

// Keeps what the child has left.
class Heir final : public ExitListener {
 public:
  void on_exit(Child&, ExitStatus, std::shared_ptr<Estate> estate) noexcept override {
    told_.set_value(std::move(estate));
  }
  std::shared_ptr<Estate> inherit() { return told_.get_future().get(); }

 private:
  std::promise<std::shared_ptr<Estate>> told_;
};

void allocate_and_leave(std::uint64_t size) { static_cast<void>(shm::Heap::get().allocate(size)); }

TEST_P(Start, WhatAChildLeavesIsFreedWhenNobodyMayNeedItAnyMore) {
  constexpr std::size_t size = 10'000'000;
  shm::Heap& heap = shm::Heap::get();
  const std::size_t before = heap.bytes_in_use();
  const auto heir = std::make_shared<Heir>();
  const auto child = start(GetParam(), {allocate_and_leave, size}, heap.new_owner(), heir);
  std::shared_ptr<Estate> estate = heir->inherit();
  auto of_its_child = std::make_shared<Estate>(heap.new_owner(), estate);
  EXPECT_GE(heap.bytes_in_use(), before + size);
  estate.reset();
  EXPECT_GE(heap.bytes_in_use(), before + size);
  of_its_child.reset();
  EXPECT_LT(heap.bytes_in_use(), before + size);
}

TEST_P(Start, NoThreadOutlivesTheChildren) {
  const int before = os::thread_count();
  start_child(GetParam(), do_deed, return_).end->wait();
  EXPECT_TRUE(eventually([before] { return os::thread_count() == before; }));
}

struct World {
  bool in_child;
  bool memory_is_shared;
  bool signals_unblocked;
  bool dispositions_default;
  bool interrupt_ignored;
  bool input_is_null;
  bool name_is_the_programs;
  int threads;
  int descriptors;
  int input_flags;
};

void look_around(std::uint64_t offset) {
  World& world = at<World>(offset);
  world.in_child = in_child();
  world.memory_is_shared = true;
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  world.signals_unblocked = true;
  world.dispositions_default = true;
  for (int number = 1; number < NSIG; ++number) {
    if (sigismember(&blocked, number) == 1) world.signals_unblocked = false;
    struct sigaction action {};
    if (number != SIGINT && sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_DFL)
      world.dispositions_default = false;
  }
  struct sigaction interrupt {};
  sigaction(SIGINT, nullptr, &interrupt);
  world.interrupt_ignored = interrupt.sa_handler == SIG_IGN;
  world.input_is_null = std::filesystem::read_symlink("/proc/self/fd/0") == "/dev/null";
  world.name_is_the_programs = os::thread_name() == "process_test";
  world.threads = os::thread_count();
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    static_cast<void>(entry);
    ++world.descriptors;
  }
  --world.descriptors;  // the listing's own
}

TEST_P(Start, ChildFindsACleanWorld) {
  Shared<World> world;
  signal(SIGUSR1, [](int) {});
  signal(SIGUSR2, SIG_IGN);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  start_child(GetParam(), look_around, world.offset()).end->wait();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  signal(SIGUSR1, SIG_DFL);
  signal(SIGUSR2, SIG_DFL);
  EXPECT_TRUE(world->in_child);
  EXPECT_TRUE(world->memory_is_shared);
  EXPECT_TRUE(world->signals_unblocked);
  EXPECT_TRUE(world->dispositions_default);
  EXPECT_TRUE(world->interrupt_ignored);
  EXPECT_TRUE(world->input_is_null);
  EXPECT_TRUE(world->name_is_the_programs);
  EXPECT_EQ(world->threads, 1);
  EXPECT_FALSE(in_child());
}

TEST_P(Start, ChildHasNoDescriptorsOfTheHost) {
  if (GetParam() == StartMethod::fork) GTEST_SKIP() << "fork inherits everything, as its name says";
  const int leaky = open("/dev/zero", O_RDONLY);  // not close-on-exec
  Shared<World> world;
  start_child(GetParam(), look_around, world.offset()).end->wait();
  close(leaky);
  EXPECT_EQ(world->descriptors, 5);  // three standard streams, the shared heap, the lifeline
}

void print_without_flushing(std::uint64_t) {
  std::fputs("child's stdout;", stdout);
  std::cout << "child's cout;";
}

// Runs in a process whose standard output is `path`.
void talk(StartMethod method) {
  std::fputs("host;", stdout);
  start_child(method, print_without_flushing).end->wait();
  std::fflush(stdout);
}

TEST_P(Start, OutputIsFlushedAndNothingIsWrittenTwice) {
  const std::string path = testing::TempDir() + "start_test." + std::to_string(os::getpid());
  const pid_t host = os::fork();  // with a fork server of its own, which writes into the file
  if (host == 0) {
    if (std::freopen(path.c_str(), "w", stdout) == nullptr) _exit(1);
    talk(GetParam());
    _exit(0);
  }
  waitpid(host, nullptr, 0);
  const std::string text = tests::read_file(path);
  std::remove(path.c_str());
  EXPECT_EQ(text, "host;child's stdout;child's cout;");
}

void start_another(std::uint64_t offset) {
  auto end = std::make_shared<ExitRecorder>();
  const auto child = start(static_cast<StartMethod>(at<std::array<std::uint64_t, 2>>(offset)[0]), {do_deed, exit_99},
                           shm::Heap::get().new_owner(), end);
  at<std::array<std::uint64_t, 2>>(offset)[1] = static_cast<std::uint64_t>(end->wait().code);
}

TEST_P(Start, ChildCanStartChildrenOfItsOwn) {
  Shared<std::array<std::uint64_t, 2>> told;
  for (const StartMethod inner : {StartMethod::forkserver, StartMethod::spawn, StartMethod::fork}) {
    *told = {static_cast<std::uint64_t>(inner), 0};
    const ExitStatus status = start_child(GetParam(), start_another, told.offset()).end->wait();
    EXPECT_EQ((*told)[1], 99U) << name_of(inner) << ": " << status;
  }
}

TEST(ExitStatus, DescribesItself) {
  EXPECT_EQ((ExitStatus{.known = true, .signal = 9}).describe(), "was killed by signal 9 (SIGKILL)");
  EXPECT_EQ((ExitStatus{.known = true, .code = 99}).describe(), "exited with code 99");
  EXPECT_EQ(ExitStatus{}.describe(), "ended, its exit status is not known");
}

}  // namespace
}  // namespace plait::process
