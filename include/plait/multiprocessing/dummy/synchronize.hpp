// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Locks, semaphores, conditions, events and barriers between threads, with the interface of those between processes
// (multiprocessing/synchronize.hpp): handles, of which copies share one object. Each has one of plait::threading
// inside; how it waits, wakes and refuses misuse is told there.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "plait/detail/thread_annotations.hpp"
#include "plait/errors.hpp"
#include "plait/multiprocessing/synchronize.hpp"
#include "plait/threading.hpp"
#include "plait/until.hpp"

namespace plait::detail {

// A handle: copies share one T. A moved-from one may only be assigned and destroyed.
template <class T>
class DummyHandle {
 public:
  // Of the same object.
  friend bool operator==(const DummyHandle&, const DummyHandle&) noexcept = default;

 protected:
  template <class... Args>
  explicit DummyHandle(std::in_place_t, Args&&... args) : object_(std::make_shared<T>(std::forward<Args>(args)...)) {}

  [[nodiscard]] T& object() const noexcept { return *object_; }
  [[nodiscard]] const std::shared_ptr<T>& shared() const noexcept { return object_; }

 private:
  std::shared_ptr<T> object_;
};

// What Lock, RLock and Condition have in common. Zero, negative and past timeouts are a poll, as between processes. The
// option `abandoned` is without meaning: threads do not die of themselves.
template <class Self>
class DummyLockable {
  using AcquireOptions = multiprocessing::AcquireOptions;

 public:
  bool acquire() const { return take({}); }
  // False: it was not to be had in time, or a stop was requested.
  [[nodiscard]] bool acquire(const Until& until) const { return take(until); }
  [[nodiscard]] bool acquire(const AcquireOptions& options) const {
    return take(options.block ? options.timeout : Until(std::chrono::seconds::zero()));
  }
  template <std::same_as<bool> Bool>
  [[nodiscard]] bool acquire(Bool block) const {
    return take(block ? Until() : Until(std::chrono::seconds::zero()));
  }

  // For std::scoped_lock, std::unique_lock and std::lock.
  void lock() const { take({}); }
  [[nodiscard]] bool try_lock() const { return take(std::chrono::seconds::zero()); }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> timeout) const {
    return take(timeout);
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) const {
    return take(time);
  }
  void unlock() const { static_cast<const Self&>(*this).release(); }

 protected:
  template <class L>
  static bool take_from(L& lock, const Until& until) PLAIT_NO_THREAD_SAFETY_ANALYSIS {
    return until.is_over() ? lock.try_lock() : lock.acquire(until);
  }

 private:
  bool take(const Until& until) const { return static_cast<const Self&>(*this).take_within(until); }
};

}  // namespace plait::detail

namespace plait::multiprocessing::dummy {

using multiprocessing::AcquireOptions, threading::BrokenBarrierError;

class Lock : public detail::DummyHandle<threading::Lock>, public detail::DummyLockable<Lock> {
 public:
  Lock() : DummyHandle(std::in_place) {}

  // By any thread. Throws RuntimeError: it is not held.
  void release() const PLAIT_NO_THREAD_SAFETY_ANALYSIS { object().release(); }
  [[nodiscard]] bool locked() const noexcept { return object().locked(); }

 private:
  friend DummyLockable;
  friend class Condition;
  bool take_within(const Until& until) const { return take_from(object(), until); }
};

class RLock : public detail::DummyHandle<threading::RLock>, public detail::DummyLockable<RLock> {
 public:
  RLock() : DummyHandle(std::in_place) {}

  // Throws RuntimeError: this thread does not own it.
  void release() const PLAIT_NO_THREAD_SAFETY_ANALYSIS { object().release(); }
  [[nodiscard]] bool locked() const noexcept { return object().locked(); }

 private:
  friend DummyLockable;
  friend class Condition;
  bool take_within(const Until& until) const { return take_from(object(), until); }
};

namespace detail_of_dummy {

struct ConditionAndLock {
  template <class L>
  explicit ConditionAndLock(std::shared_ptr<L> shared) : lock(shared), condition(*shared) {}
  std::shared_ptr<void> lock;  // kept for the condition
  threading::Condition condition;
};

struct CountedSemaphore {
  explicit CountedSemaphore(std::int64_t value) : semaphore(value), free(value) {}
  CountedSemaphore(std::int64_t value, std::true_type) : bounded(std::in_place, value), semaphore(0), free(value) {}
  threading::Semaphore& used() noexcept { return bounded ? *bounded : semaphore; }

  std::optional<threading::BoundedSemaphore> bounded;
  threading::Semaphore semaphore;  // unless it is bounded
  std::atomic<std::int64_t> free;  // lags behind a little
};

}  // namespace detail_of_dummy

class Condition : public detail::DummyHandle<detail_of_dummy::ConditionAndLock>,
                  public detail::DummyLockable<Condition> {
 public:
  // With an RLock of its own.
  Condition() : Condition(RLock()) {}
  explicit Condition(const Lock& lock) : DummyHandle(std::in_place, lock.shared()) {}
  explicit Condition(const RLock& lock) : DummyHandle(std::in_place, lock.shared()) {}

  void release() const PLAIT_NO_THREAD_SAFETY_ANALYSIS { object().condition.release(); }

  // As threading::Condition. Throw RuntimeError: the lock is not held.
  bool wait(const Until& until = {}) const { return object().condition.wait(until); }
  template <std::invocable Predicate>
  auto wait_for(Predicate predicate, const Until& until = {}) const {
    return object().condition.wait_for(std::move(predicate), until);
  }
  void notify(std::int64_t n = 1) const { object().condition.notify(n); }
  void notify_all() const { object().condition.notify_all(); }

 private:
  friend DummyLockable;
  bool take_within(const Until& until) const { return take_from(object().condition, until); }
};

class Semaphore : public detail::DummyHandle<detail_of_dummy::CountedSemaphore>,
                  public detail::DummyLockable<Semaphore> {
 public:
  // Throws ValueError: value < 0.
  explicit Semaphore(std::int64_t value = 1) : DummyHandle(std::in_place, value) {}

  // Throws ValueError, and nothing changes: n < 1, or more than a BoundedSemaphore had at first.
  void release(std::int64_t n = 1) const {
    object().used().release(n);
    object().free.fetch_add(n, std::memory_order_relaxed);
  }
  // A snapshot.
  [[nodiscard]] std::int64_t get_value() const noexcept {
    return std::max<std::int64_t>(0, object().free.load(std::memory_order_relaxed));
  }
  [[nodiscard]] bool locked() const noexcept { return get_value() == 0; }

 protected:
  Semaphore(std::int64_t value, std::true_type bounded) : DummyHandle(std::in_place, value, bounded) {}

 private:
  friend DummyLockable;
  bool take_within(const Until& until) const {
    if (!take_from(object().used(), until)) return false;
    object().free.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
};

class BoundedSemaphore : public Semaphore {
 public:
  explicit BoundedSemaphore(std::int64_t value = 1) : Semaphore(value, std::true_type()) {}
};

class Event : public detail::DummyHandle<threading::Event> {
 public:
  Event() : DummyHandle(std::in_place) {}

  [[nodiscard]] bool is_set() const noexcept { return object().is_set(); }
  void set() const noexcept { object().set(); }
  void clear() const noexcept { object().clear(); }
  bool wait(const Until& until = {}) const { return object().wait(until); }
};

class Barrier : public detail::DummyHandle<threading::Barrier> {
 public:
  using Options = threading::Barrier::Options;

  // Throws ValueError: parties < 1.
  explicit Barrier(int parties) : Barrier(Options{}, parties) {}
  Barrier(Options options, int parties) : DummyHandle(std::in_place, std::move(options), parties) {}

  int wait() const { return object().wait(); }
  int wait(const Until& until) const { return object().wait(until); }
  void reset() const { object().reset(); }
  void abort() const { object().abort(); }
  [[nodiscard]] int parties() const noexcept { return object().parties(); }
  [[nodiscard]] int n_waiting() const noexcept { return object().n_waiting(); }
  [[nodiscard]] bool broken() const noexcept { return object().broken(); }
};

}  // namespace plait::multiprocessing::dummy
