// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What the tests of connections share.

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <system_error>
#include <thread>

#include "child.hpp"
#include "plait/errors.hpp"
#include "plait/multiprocessing.hpp"

namespace plait::multiprocessing {

// `act` throws a system_error of that number, whose message has the text in it.
template <class Act>
void expect_system_error(int number, const char* text, Act act) {
  try {
    act();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), number) << error.what();
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
}

// A thread of which can be told that it has nothing to do.
class Beside {
 public:
  template <class Act>
  explicit Beside(Act act)
      : thread_([this, act] {
          id_ = ::gettid();
          act();
        }) {}

  // Until the kernel says that it sleeps.
  void wait_until_asleep() const {
    for (int seen = 0; seen < 50;) {  // so often in a row, since it may sleep a little on its way
      const std::string stat = tests::read_file("/proc/self/task/" + std::to_string(id_) + "/stat");
      const auto state = stat.rfind(") ");
      seen = state != std::string::npos && stat[state + 2] == 'S' ? seen + 1 : 0;
      std::this_thread::yield();
    }
  }
  void join() { thread_.join(); }

 private:
  std::atomic<pid_t> id_ = 0;
  std::thread thread_;
};

}  // namespace plait::multiprocessing
