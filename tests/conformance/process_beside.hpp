// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A call that runs in a process of its own, beside the test, and tells when it is asleep; Beside for processes. What it
// is given must travel; shared objects reach it as handles.

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "plait/futures/process_pool_executor.hpp"
#include "plait/multiprocessing/shared_value.hpp"
#include "plait/os.hpp"

namespace plait::tests {

template <class R>
class ProcessBeside {
 public:
  template <class F, class... Args>
    requires std::is_empty_v<F>
  explicit ProcessBeside(F, const Args&... arguments) : result_(process_.submit(Call<F>(), pid_, arguments...)) {}
  ProcessBeside(const ProcessBeside&) = delete;
  ProcessBeside& operator=(const ProcessBeside&) = delete;

  // Waits for it to be asleep in the kernel, as it is when it waits for something that does not come.
  void await_sleep() const {
    while (!is_asleep()) std::this_thread::yield();
  }
  [[nodiscard]] bool is_over() const { return result_.done(); }
  [[nodiscard]] pid_t pid() const { return pid_.atomic().load(); }
  // What it returned or threw.
  R result() { return result_.result(); }

 private:
  template <class F>
  struct Call {
    template <class... Args>
    R operator()(multiprocessing::RawValue<int> pid, Args... arguments) const {
      pid.atomic().store(os::getpid());
      return F()(arguments...);
    }
  };

  [[nodiscard]] bool is_asleep() const {
    if (pid() == 0) return false;
    std::string text;
    std::getline(std::ifstream("/proc/" + std::to_string(pid()) + "/stat"), text);
    const std::size_t end_of_name = text.rfind(')');
    return end_of_name != std::string::npos && text[end_of_name + 2] == 'S';
  }

  multiprocessing::RawValue<int> pid_{0};
  futures::ProcessPoolExecutor process_{{.max_workers = 1}};
  futures::Future<R> result_;
};

}  // namespace plait::tests
