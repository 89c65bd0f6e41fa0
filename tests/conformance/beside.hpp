// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A call that runs in a thread of its own, beside the test, and tells when it is asleep.

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace plait::tests {

template <class R>
class Beside {
 public:
  template <class F>
  explicit Beside(F function) {
    std::packaged_task<R()> task(std::move(function));
    result_ = task.get_future();
    thread_ = std::thread([this, task = std::move(task)]() mutable {
      tid_.store(::gettid());
      task();
    });
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;
  ~Beside() {
    if (thread_.joinable()) thread_.join();
  }

  // Waits for it to be asleep in the kernel, as it is when it waits for something that does not come.
  void await_sleep() const {
    while (!is_asleep()) std::this_thread::yield();
  }
  [[nodiscard]] bool is_over() const { return result_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  // What it returned or threw.
  R result() {
    thread_.join();
    return result_.get();
  }

 private:
  [[nodiscard]] bool is_asleep() const {
    const pid_t tid = tid_.load();
    if (tid == 0) return false;
    std::string text;
    std::getline(std::ifstream("/proc/self/task/" + std::to_string(tid) + "/stat"), text);
    const std::size_t end_of_name = text.rfind(')');
    return end_of_name != std::string::npos && text[end_of_name + 2] == 'S';
  }

  std::atomic<pid_t> tid_{0};
  std::future<R> result_;
  std::thread thread_;
};

template <class F>
Beside(F) -> Beside<std::invoke_result_t<F>>;

}  // namespace plait::tests
