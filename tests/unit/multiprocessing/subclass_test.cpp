// SPDX-License-Identifier: Apache-2.0
// Subclasses that override run().
#include <gmock/gmock.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "child.hpp"
#include "plait/errors.hpp"

namespace plait::multiprocessing {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class Subclass : public EveryMethod {};
PLAIT_FOR_EVERY_METHOD(Subclass);

class Spider : public ShippableProcess<Spider> {
 public:
  Spider(Options options, std::string file, std::vector<int> pages)
      : ShippableProcess(std::move(options)), file_(std::move(file)), pages_(std::move(pages)) {}

  void run() override {
    tell(file_, name());
    for (const int page : pages_) tell(file_, ' ' + std::to_string(page));
    pages_.clear();
    tell(file_, *this == current_process() ? " itself" : " another");
  }
  [[nodiscard]] const std::vector<int>& pages() const { return pages_; }

 private:
  friend wire::Access;
  Spider() = default;
  template <class A>
  void serialize(A& ar) {
    ar(file_, pages_);
  }

  std::string file_;
  std::vector<int> pages_;
};

TEST_P(Subclass, RunsInTheChildWithWhatItIsMadeOf) {
  TemporaryFile file;
  Spider spider({.name = "spider", .context = context()}, file.path(), {1, 2, 3});
  spider.start();
  spider.join();
  EXPECT_EQ(spider.exitcode(), 0);
  EXPECT_EQ(file.text(), "spider 1 2 3 itself");
  EXPECT_EQ(spider.pages(), (std::vector{1, 2, 3})) << "what changes there stays there";
}

TEST_P(Subclass, IsNamedAfterItsClass) {
  TemporaryFile file;
  Spider spider(options(), file.path(), {});
  EXPECT_THAT(spider.name(), MatchesRegex("Spider-[0-9]+"));
  EXPECT_THAT(spider.repr(), MatchesRegex("<Spider name='Spider-[0-9]+' parent=[0-9]+ initial>"));
  spider.start();
  spider.join();
  EXPECT_EQ(file.text(), spider.name() + " itself");
}

struct Small : ShippableProcess<Small> {
  using ShippableProcess::ShippableProcess;
  void run() override { std::exit(6); }
};

TEST_P(Subclass, WithoutMembersNeedsNoSerializer) {
  Small process(options());
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 6);
}

struct Byte : ShippableProcess<Byte> {
  char byte = 0;
  void run() override { std::exit(byte); }
  template <class A>
  void serialize(A& ar) {
    ar(byte);
  }
};
static_assert(sizeof(Byte) > sizeof(ShippableProcess<Byte>), "no member hides in the padding of the base");

TEST_P(Subclass, DefaultContextTakesTheMethodOfTheProgram) {
  set_start_method({.force = true}, GetParam());
  Byte process;
  process.byte = 7;
  process.start();
  set_start_method({.force = true}, std::nullopt);
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

struct Further : Small {
  using Small::Small;
  void run() override { std::exit(8); }
};

struct Plain : Process {
  int code = 9;
  using Process::Process;
  void run() override { std::exit(code); }
};

template <class P>
void expect_only_fork_takes(P&& process, bool forks, int code) {
  if (forks) {
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), code);
    return;
  }
  try {
    process.start();
    ADD_FAILURE() << "it was started";
  } catch (const TypeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("ShippableProcess<"));
  }
  EXPECT_EQ(process.pid(), std::nullopt);
}

TEST_P(Subclass, OfProcessItselfIsForForkOnly) { expect_only_fork_takes(Plain(options()), forks(), 9); }

TEST_P(Subclass, OfASubclassIsForForkOnly) { expect_only_fork_takes(Further(options()), forks(), 8); }

struct Counter : ShippableProcess<Counter> {
  Process of_its_own{[] {}};  // takes a number
  std::string file;
  void run() override {
    tell(file, Process([] {}).name());
  }
  template <class A>
  void serialize(A& ar) {
    ar(file);
  }
};

TEST_P(Subclass, ConstructorsInTheChildDoNotCount) {
  TemporaryFile file;
  Counter counter;
  counter.file = file.path();
  counter.start();
  counter.join();
  EXPECT_THAT(file.text(), MatchesRegex("Process-[0-9]+:1"));
}

TEST_P(Subclass, RunMayBeCalledHere) {
  TemporaryFile file;
  Spider spider({.name = "spider"}, file.path(), {4});
  spider.run();
  EXPECT_EQ(file.text(), "spider 4 another");
}

}  // namespace
}  // namespace plait::multiprocessing
