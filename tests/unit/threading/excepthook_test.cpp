// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/excepthook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

#include "plait/errors.hpp"
#include "plait/exceptions.hpp"
#include "plait/threading/thread.hpp"
#include "plait/wire.hpp"

namespace plait::threading {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class ExceptHookTest : public testing::Test {
 protected:
  ~ExceptHookTest() override { excepthook = nullptr; }

  // What a thread that runs f writes to stderr.
  template <class F>
  static std::string written_by(F f) {
    testing::internal::CaptureStderr();
    Thread thread({.name = "worker"}, std::move(f));
    thread.start();
    thread.join();
    EXPECT_FALSE(thread.is_alive());
    return testing::internal::GetCapturedStderr();
  }
};

[[gnu::noinline]] void throw_out_of_range() { throw std::out_of_range("no such page"); }
[[gnu::noinline]] void work() {
  throw_out_of_range();
  asm volatile("");  // no tail call
}

TEST_F(ExceptHookTest, DefaultReportsTypeMessageAndPlace) {
  const std::string text = written_by(work);
  EXPECT_THAT(text, StartsWith("Exception in thread worker:\nstd::out_of_range: no such page\n  "));
  const auto inner = text.find("throw_out_of_range"), outer = text.find("::work(");
  EXPECT_NE(inner, std::string::npos) << text;
  EXPECT_LT(inner, outer) << text;
  EXPECT_EQ(text.find("plait::detail"), std::string::npos) << text;
}

struct Own {};

TEST_F(ExceptHookTest, DefaultReportsWhateverWasThrown) {
  EXPECT_THAT(written_by([] { throw 5; }), StartsWith("Exception in thread worker:\nint: 5\n"));
  EXPECT_THAT(written_by([] { throw "text"; }), StartsWith("Exception in thread worker:\nchar const*: text\n"));
  EXPECT_THAT(written_by([] { throw std::string("text"); }), HasSubstr(": text\n"));
  EXPECT_THAT(written_by([] { throw Own(); }), HasSubstr("::Own\n"));
  EXPECT_THAT(written_by([] { throw ValueError(""); }), StartsWith("Exception in thread worker:\nplait::ValueError\n"));
}

TEST_F(ExceptHookTest, DefaultIgnoresSystemExit) {
  EXPECT_EQ(written_by([] { throw SystemExit(3); }), "");
  static_assert(!std::is_base_of_v<Error, SystemExit>);
  EXPECT_EQ(SystemExit(3).code(), 3);
  EXPECT_EQ(SystemExit().code(), 0);
  EXPECT_STREQ(SystemExit(3).what(), "SystemExit: 3");
}

TEST_F(ExceptHookTest, CustomGetsAllThereIs) {
  std::string type, message, trace, name;
  bool same = false, in_thread = false;
  excepthook = [&](const ExceptHookArgs& args) {
    type = args.exc_type;
    message = args.message;
    trace = args.exc_traceback;
    name = args.thread.name();
    in_thread = args.thread == current_thread();
    try {
      std::rethrow_exception(args.exc_value);
    } catch (const std::out_of_range& error) {
      same = error.what() == message;
    }
  };
  EXPECT_EQ(written_by(work), "");
  EXPECT_EQ(type, "std::out_of_range");
  EXPECT_EQ(message, "no such page");
  EXPECT_THAT(trace, HasSubstr("throw_out_of_range"));
  EXPECT_EQ(name, "worker");
  EXPECT_TRUE(in_thread);
  EXPECT_TRUE(same);
}

TEST_F(ExceptHookTest, CustomGetsSystemExitToo) {
  std::atomic<int> count = 0;
  excepthook = [&](const ExceptHookArgs&) { ++count; };
  EXPECT_EQ(written_by([] { throw SystemExit(); }), "");
  EXPECT_EQ(count, 1);
}

TEST_F(ExceptHookTest, IsRestored) {
  const ExceptHook::Hook before = excepthook.get();
  std::atomic<int> count = 0;
  excepthook = [&](const ExceptHookArgs&) { ++count; };
  const ExceptHook::Hook mine = excepthook.get();
  EXPECT_EQ(written_by(work), "");
  excepthook = nullptr;
  EXPECT_THAT(written_by(work), HasSubstr("no such page"));
  excepthook = mine;
  EXPECT_EQ(written_by(work), "");
  excepthook = before;
  EXPECT_THAT(written_by(work), HasSubstr("no such page"));
  excepthook = default_excepthook;
  EXPECT_THAT(written_by(work), HasSubstr("no such page"));
  EXPECT_EQ(count, 2);
}

TEST_F(ExceptHookTest, MayBeCalledByHand) {
  testing::internal::CaptureStderr();
  excepthook({"Type", nullptr, "message", "", current_thread()});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "Exception in thread MainThread:\nType: message\n");
  excepthook = [](const ExceptHookArgs&) { throw ValueError("of the hook"); };
  EXPECT_THROW(excepthook({"Type", nullptr, "message", "", current_thread()}), ValueError);
}

TEST_F(ExceptHookTest, ThatThrowsIsReportedAndTheExceptionToo) {
  excepthook = [](const ExceptHookArgs&) { throw ValueError("of the hook"); };
  const std::string text = written_by(work);
  EXPECT_THAT(text, StartsWith("Exception in threading.excepthook:\nplait::ValueError: of the hook\n"));
  EXPECT_THAT(text, HasSubstr("Exception in thread worker:\nstd::out_of_range: no such page\n"));
}

TEST_F(ExceptHookTest, MayEndTheThread) {
  excepthook = [](const ExceptHookArgs&) { pthread_exit(nullptr); };
  EXPECT_EQ(written_by(work), "");
}

TEST_F(ExceptHookTest, TargetIsReleasedBefore) {
  auto argument = std::make_shared<int>(1);
  const std::weak_ptr<int> weak = argument;
  bool expired = false;
  excepthook = [&](const ExceptHookArgs&) { expired = weak.expired(); };
  written_by([argument = std::move(argument)] { throw 1; });
  EXPECT_TRUE(expired);
}

TEST_F(ExceptHookTest, RunOfASubclassIsCoveredToo) {
  struct Failing : Thread {
    void run() override { throw ValueError("in run"); }
  };
  testing::internal::CaptureStderr();
  Failing thread;
  thread.start();
  thread.join();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("plait::ValueError: in run\n"));
}

}  // namespace
}  // namespace plait::threading
