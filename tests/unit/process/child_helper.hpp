// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Starting children in tests, waiting for their ends, and hearing from them through the shared heap.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

#include "process/process.hpp"
#include "shm/heap.hpp"

namespace plait::process {

using namespace std::chrono_literals;

class ExitRecorder final : public ExitListener {
 public:
  void on_exit(Child&, ExitStatus status, std::shared_ptr<Estate>) noexcept override {
    const std::scoped_lock lock(mutex_);
    ++count_;
    status_ = status;
    changed_.notify_all();
  }
  // The status, or one that is not known and a failure of the test if none comes in time.
  ExitStatus wait() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, 20s, [&] { return count_ > 0; })) << "nobody reported the end of the child";
    return status_;
  }
  int count() {
    const std::scoped_lock lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  ExitStatus status_;
};

struct Started {
  std::shared_ptr<Child> child;
  std::shared_ptr<ExitRecorder> end;
};

inline Started start_child(StartMethod method, void (*run)(std::uint64_t), std::uint64_t argument = 0) {
  auto end = std::make_shared<ExitRecorder>();
  return {start(method, {run, argument}, shm::Heap::get().new_owner(), end), end};
}

// A T in the shared heap; its offset is what a child is told.
template <class T>
class Shared {
 public:
  Shared() : value_(new(shm::Heap::get().allocate(sizeof(T))) T{}) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { shm::Heap::get().deallocate(value_); }
  T* operator->() const noexcept { return value_; }
  T& operator*() const noexcept { return *value_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return shm::Heap::get().offset_of(value_); }

 private:
  T* value_;
};
template <class T>
T& at(std::uint64_t offset) {
  return *static_cast<T*>(shm::Heap::get().at(offset));
}

template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = 10s) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// What gtest prints for a status that was not expected.
inline std::ostream& operator<<(std::ostream& out, const ExitStatus& status) { return out << status.describe(); }

inline const char* name_of(StartMethod method) {
  constexpr const char* names[] = {"forkserver", "spawn", "fork"};
  return names[static_cast<int>(method)];
}

// Base of suites that run over every start method.
class EveryMethod : public testing::TestWithParam<StartMethod> {};
#define PLAIT_FOR_EVERY_METHOD(suite)                                                                                \
  INSTANTIATE_TEST_SUITE_P(, suite, testing::Values(StartMethod::forkserver, StartMethod::spawn, StartMethod::fork), \
                           [](const auto& instance) { return std::string(name_of(instance.param)); })

}  // namespace plait::process
