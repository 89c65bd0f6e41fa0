// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Manager of threads: Python's multiprocessing.dummy.Manager(), which there is the module itself. It makes what threads
// share, as a manager of processes makes what these share.
//
//   plait::multiprocessing::dummy::Manager manager;
//   auto lock = manager.Lock();
//   auto results = manager.dict<std::string, int>();
//   auto log = manager.list<std::string>({"begun"});
//   plait::multiprocessing::dummy::Process worker([=] { results["x"] = 1; });

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/detail/array_interface.hpp"
#include "plait/detail/export.hpp"
#include "plait/multiprocessing/dummy/mapping_proxies.hpp"
#include "plait/multiprocessing/dummy/queue.hpp"
#include "plait/multiprocessing/dummy/sequence_proxies.hpp"
#include "plait/multiprocessing/dummy/synchronize.hpp"
#include "plait/multiprocessing/pool.hpp"

namespace plait::multiprocessing::dummy {
namespace managers {

// Not started yet, as Python's managers.SyncManager; a Manager is. A handle: copies are one manager. Thread-safe. What
// it has made needs it no more, and lives as long as its handles.
//
// All that make something throw AssertionError: it is not started, or was shut down; and what the constructor of what
// they make throws.
//
// Differs from Python: shutdown() ends it, where a module has no end, so that a program which uses a manager too late
// hears of it here and not first with processes. What was made is not taken away, as it is with processes. No Pipe,
// Process and the like, which Python's has as a module: these are in the namespace.
class PLAIT_EXPORT SyncManager {
 public:
  SyncManager();
  SyncManager(const SyncManager&) = default;
  SyncManager& operator=(const SyncManager&) = default;
  ~SyncManager() = default;

  // Throws ProcessError: it was started before.
  void start();
  // It makes nothing more. Repeatable, also before start().
  void shutdown() noexcept;

  // NOLINTBEGIN(readability-identifier-naming): Python's
  [[nodiscard]] dummy::Lock Lock() const { return made<dummy::Lock>(); }
  [[nodiscard]] dummy::RLock RLock() const { return made<dummy::RLock>(); }
  // With an RLock of its own, or with this lock.
  [[nodiscard]] dummy::Condition Condition() const { return made<dummy::Condition>(); }
  [[nodiscard]] dummy::Condition Condition(const dummy::Lock& lock) const { return made<dummy::Condition>(lock); }
  [[nodiscard]] dummy::Condition Condition(const dummy::RLock& lock) const { return made<dummy::Condition>(lock); }
  [[nodiscard]] dummy::Semaphore Semaphore(std::int64_t value = 1) const { return made<dummy::Semaphore>(value); }
  [[nodiscard]] dummy::BoundedSemaphore BoundedSemaphore(std::int64_t value = 1) const {
    return made<dummy::BoundedSemaphore>(value);
  }
  [[nodiscard]] dummy::Event Event() const { return made<dummy::Event>(); }
  [[nodiscard]] dummy::Barrier Barrier(int parties) const { return made<dummy::Barrier>(parties); }
  [[nodiscard]] dummy::Barrier Barrier(dummy::Barrier::Options options, int parties) const {
    return made<dummy::Barrier>(std::move(options), parties);
  }
  template <class T>
  [[nodiscard]] dummy::Queue<T> Queue(std::int64_t maxsize = 0) const {
    return made<dummy::Queue<T>>(maxsize);
  }
  template <class T>
  [[nodiscard]] dummy::JoinableQueue<T> JoinableQueue(std::int64_t maxsize = 0) const {
    return made<dummy::JoinableQueue<T>>(maxsize);
  }

  // Not a handle: it is terminated at the end of its scope, `auto pool = manager.Pool(4);`.
  [[nodiscard]] ThreadPool Pool(const ThreadPoolOptions& options = {}) const {
    check_running();
    return ThreadPool(options);
  }
  [[nodiscard]] ThreadPool Pool(int processes) const { return Pool(ThreadPoolOptions{.processes = processes}); }

  // T(args...); zero without.
  template <class T, class... Args>
    requires std::constructible_from<T, Args...>
  [[nodiscard]] ValueProxy<T> Value(Args&&... args) const {
    return made<ValueProxy<T>>(T(std::forward<Args>(args)...));
  }
  // So many zeros. Throws ValueError: less than 0; OutOfSharedMemory: more than there can be.
  template <class T>
  [[nodiscard]] ArrayProxy<T> Array(std::ptrdiff_t size) const {
    return made<ArrayProxy<T>>(std::vector<T>(detail::checked_array_size(size, sizeof(T)) / sizeof(T)));
  }
  template <class T>
  [[nodiscard]] ArrayProxy<T> Array(std::initializer_list<T> items) const {
    return made<ArrayProxy<T>>(std::vector<T>(items));
  }
  template <class T, std::ranges::input_range R>
  [[nodiscard]] ArrayProxy<T> Array(R&& items) const {
    return made<ArrayProxy<T>>(collect<T>(items));
  }
  [[nodiscard]] NamespaceProxy Namespace() const { return made<NamespaceProxy>(); }
  // NOLINTEND(readability-identifier-naming)

  // `manager.list<int>()`, `manager.list({1, 2})`, `manager.list<long>(range)`.
  template <class T>
  [[nodiscard]] ListProxy<T> list() const {
    return made<ListProxy<T>>(std::vector<T>());
  }
  template <class T>
  [[nodiscard]] ListProxy<T> list(std::initializer_list<T> items) const {
    return made<ListProxy<T>>(std::vector<T>(items));
  }
  template <class T, std::ranges::input_range R>
  [[nodiscard]] ListProxy<T> list(R&& items) const {
    return made<ListProxy<T>>(collect<T>(items));
  }
  template <class K, class V>
  [[nodiscard]] DictProxy<K, V> dict(std::initializer_list<std::pair<K, V>> items = {}) const {
    return dict<K, V>(std::vector(items));
  }
  template <class K, class V, std::ranges::input_range R>
  [[nodiscard]] DictProxy<K, V> dict(R&& items) const {
    auto mapping = made<DictProxy<K, V>>();
    mapping.update(std::forward<R>(items));
    return mapping;
  }

  // Of the same manager.
  friend bool operator==(const SyncManager&, const SyncManager&) noexcept = default;

 private:
  void check_running() const;
  template <class T, class... Args>
  T made(Args&&... args) const {
    check_running();
    return T(std::forward<Args>(args)...);
  }
  template <class T, class R>
  static std::vector<T> collect(R&& items) {
    std::vector<T> all;
    for (auto&& item : items) all.push_back(static_cast<T>(std::forward<decltype(item)>(item)));
    return all;
  }

  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace managers

// A manager that is started.
class Manager : public managers::SyncManager {
 public:
  Manager() { start(); }
};

}  // namespace plait::multiprocessing::dummy
