// SPDX-License-Identifier: Apache-2.0
#include "wire/throw_trace.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <thread>

#include "plait/errors.hpp"
#include "run.hpp"

namespace plait::wire {
namespace {

__attribute__((noinline)) int fail_at_zero(int n) {
  if (n == 0) throw std::runtime_error("here");
  const volatile int below = fail_at_zero(n - 1);  // volatile: no optimizer makes a loop of the recursion
  return below + 1;
}
__attribute__((noinline)) int outer(int n) { return fail_at_zero(n) + 1; }
__attribute__((noinline)) int survive(int n) {
  try {
    return outer(n);
  } catch (const std::runtime_error&) {
    return -1;
  }
}
int throw_again() {
  try {
    return outer(0);
  } catch (...) {
    throw;
  }
}

std::string trace_of(const std::exception_ptr& error) { return remote_traceback(error).value_or("none"); }

TEST(ThrowTrace, NamesTheFunctionsFromTheThrowToTheCallee) {
  const std::string trace = trace_of(run_error(outer, 2));
  EXPECT_NE(trace.find("fail_at_zero(int)"), std::string::npos) << trace;
  EXPECT_NE(trace.find("outer(int)"), std::string::npos) << trace;
  EXPECT_LT(trace.find("fail_at_zero"), trace.find("outer"));
  EXPECT_EQ(trace.find("__cxa_throw"), std::string::npos) << trace;
  EXPECT_EQ(trace.find("run_call"), std::string::npos) << trace;
}

TEST(ThrowTrace, StartsInTheRuntimeWhenThatThrew) {
  const std::string trace = trace_of(run_error([](const std::vector<int>& v) { return v.at(7); }, std::vector<int>()));
  EXPECT_NE(trace.find("libstdc++"), std::string::npos) << trace;
}

TEST(ThrowTrace, CaughtExceptionsLeaveNothing) {
  last_throw().object = nullptr;
  EXPECT_EQ(run(survive, 3), -1);
  EXPECT_EQ(last_throw().object, nullptr);
}

TEST(ThrowTrace, OfARethrownExceptionIsWhereItWasThrownLast) {
  const std::string trace = trace_of(run_error(throw_again));
  EXPECT_NE(trace.find("throw_again"), std::string::npos) << trace;
}

TEST(ThrowTrace, BelongsToItsException) {
  (void)run_error(outer, 2);
  const auto other = std::make_exception_ptr(std::runtime_error("elsewhere"));
  EXPECT_EQ(trace_of(decode_exception(encode_exception(other))), "");
}

TEST(ThrowTrace, DeepStacksAreCut) {
  (void)run_error(outer, 500);
  EXPECT_EQ(last_throw().count, ThrowTrace::max_frames);
}

TEST(ThrowTrace, IsKeptByCallTracedForAHandlerOutside) {
  try {
    call_traced([] { (void)outer(1); });
    FAIL();
  } catch (...) {
    const auto error = decode_exception(encode_exception(std::current_exception()));
    EXPECT_NE(trace_of(error).find("fail_at_zero(int)"), std::string::npos) << trace_of(error);
  }
}

TEST(ThrowTrace, ThreadsThatEndPassThrough) {
  bool returned = false;
  bool unwound = false;
  struct Guard {
    bool& flag;
    ~Guard() { flag = true; }
  };
  std::thread thread([&] {
    call_traced([&] {
      const Guard guard{unwound};
      ::pthread_exit(nullptr);
    });
    returned = true;
  });
  thread.join();
  EXPECT_TRUE(unwound);
  EXPECT_FALSE(returned);
}

}  // namespace
}  // namespace plait::wire
