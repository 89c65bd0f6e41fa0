// SPDX-License-Identifier: Apache-2.0
#include "threading/deadlock.hpp"

#include <execinfo.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "os/thread.hpp"
#include "plait/threading/lock.hpp"
#include "wire/symbols.hpp"

namespace plait::threading::deadlock {
namespace {

using ThreadId = pthread_t;

struct Stack {
  std::array<void*, 32> frames{};
  int count = 0;

  static Stack here() noexcept {
    Stack stack;
    stack.count = ::backtrace(stack.frames.data(), static_cast<int>(stack.frames.size()));
    return stack;
  }

  [[nodiscard]] std::string text() const {
    std::vector<wire::CodeRef> code;
    constexpr int own = 3;  // here() and two of the lock
    for (int i = std::min(own, count); i < count; ++i) {
      try {
        // Return addresses lie after the call.
        code.push_back(wire::locate_code(static_cast<const char*>(frames[static_cast<std::size_t>(i)]) - 1));
      } catch (const Error&) {
        continue;  // generated code
      }
    }
    return wire::format_trace(code);
  }
};

// That a thread wanted a lock while it held another.
struct Edge {
  std::string thread;
  Stack held_at, wanted_at;
};

struct LockRecord {
  bool owned = false;
  bool is_signal = false;  // was released by a thread that had not acquired it: it has no owner, then
  ThreadId owner{};
  Stack acquired_at;
  std::map<const void*, Edge> then;  // the locks that were wanted while it was held
};

struct ThreadRecord {
  std::string name;
  std::vector<const void*> held;
  const void* waits_for = nullptr;  // for ever
};

std::string name_of(const void* lock) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "the lock at %p", lock);
  return text.data();
}

class Watch {
 public:
  // Never destroyed: static locks are released to the end.
  static Watch& get() {
    static auto* const watch = new Watch;
    return *watch;
  }

  void about_to_acquire(const void* lock) {
    const std::scoped_lock held(mutex_);
    ThreadRecord& self = this_thread();
    for (const void* before : self.held) {
      LockRecord& record = locks_[before];
      if (before == lock || record.is_signal || record.then.contains(lock)) continue;
      if (self.name.empty()) self.name = os::thread_name();
      record.then[lock] = {self.name, record.acquired_at, Stack::here()};
      std::vector<const void*> path{lock};
      std::set<const void*> seen;
      if (find_path(before, path, seen)) report(before, lock, path);
    }
  }

  void acquired(const void* lock) {
    const std::scoped_lock held(mutex_);
    LockRecord& record = locks_[lock];
    record.owned = true;
    record.owner = pthread_self();
    record.acquired_at = Stack::here();
    this_thread().held.push_back(lock);
  }

  void released(const void* lock) {
    const std::scoped_lock held(mutex_);
    LockRecord& record = locks_[lock];
    if (!record.owned) return;
    record.owned = false;
    if (pthread_equal(record.owner, pthread_self()) == 0) record.is_signal = true;
    drop(record.owner, lock);
  }

  void forget(const void* lock) {
    const std::scoped_lock held(mutex_);
    const auto found = locks_.find(lock);
    if (found == locks_.end()) return;
    if (found->second.owned) drop(found->second.owner, lock);
    locks_.erase(found);
    for (auto& [address, record] : locks_) record.then.erase(lock);
  }

  void begin_waiting(const void* lock, bool for_ever) {
    const std::scoped_lock held(mutex_);
    if (!for_ever) return;
    ThreadRecord& self = this_thread();
    if (self.name.empty()) self.name = os::thread_name();
    // Each thread on the way has recorded what it holds before it recorded what it waits for, so the last to join a
    // circle sees all of it.
    std::string way;
    for (const void* wanted = lock; wanted != nullptr;) {
      const auto record = locks_.find(wanted);
      if (record == locks_.end() || !record->second.owned || record->second.is_signal) break;
      const ThreadId owner = record->second.owner;
      if (pthread_equal(owner, pthread_self()) != 0) throw_deadlock(self, lock, wanted, way);
      const ThreadRecord& other = threads_[owner];
      way += "\n  " + name_of(wanted) + " is held by thread " + other.name + ", acquired at\n" +
             record->second.acquired_at.text() + "  and that thread waits for";
      wanted = other.waits_for;
    }
    self.waits_for = lock;
  }

  void end_waiting() {
    const std::scoped_lock held(mutex_);
    this_thread().waits_for = nullptr;
    forget_idle(pthread_self());
  }

 private:
  Watch() {
    static Watch* watch = nullptr;
    watch = this;
    pthread_atfork([] { watch->mutex_.lock(); }, [] { watch->mutex_.unlock(); }, [] { watch->mutex_.unlock(); });
  }

  ThreadRecord& this_thread() { return threads_[pthread_self()]; }

  void forget_idle(ThreadId thread) {
    const auto record = threads_.find(thread);
    if (record->second.held.empty() && record->second.waits_for == nullptr) threads_.erase(record);
  }

  void drop(ThreadId thread, const void* lock) {
    auto& held = threads_[thread].held;
    const auto last = std::find(held.rbegin(), held.rend(), lock);
    if (last != held.rend()) held.erase(std::next(last).base());
    forget_idle(thread);
  }

  // Whether the locks wanted while path.back() was held lead to `goal`; then the path has all between.
  bool find_path(const void* goal, std::vector<const void*>& path, std::set<const void*>& seen) {
    if (!seen.insert(path.back()).second || locks_[path.back()].is_signal) return false;
    for (const auto& [lock, edge] : locks_[path.back()].then) {
      path.push_back(lock);
      if (lock == goal || find_path(goal, path, seen)) return true;
      path.pop_back();
    }
    return false;
  }

  std::string describe(const void* held, const void* wanted) {
    const Edge& edge = locks_[held].then[wanted];
    return "\n  thread " + edge.thread + " held " + name_of(held) + ", acquired at\n" + edge.held_at.text() +
           "  and wanted " + name_of(wanted) + " at\n" + edge.wanted_at.text();
  }

  // held -> wanted is new; path leads from wanted to held.
  void report(const void* held, const void* wanted, std::span<const void* const> path) {
    std::string text = "plait: locks are acquired in contradicting orders, which can end in a deadlock:";
    text += describe(held, wanted);
    for (std::size_t i = 0; i + 1 < path.size(); ++i) text += describe(path[i], path[i + 1]);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }

  [[noreturn]] void throw_deadlock(const ThreadRecord& self, const void* lock, const void* held,
                                   const std::string& way) {
    std::string text = "deadlock: thread " + self.name + " wants " + name_of(lock) + " at\n" + Stack::here().text();
    if (!way.empty()) text += "  which it would never get:" + way + ' ' + name_of(held) + ",\n";
    text += "  which this thread itself holds, acquired at\n" + locks_[held].acquired_at.text();
    forget_idle(pthread_self());
    throw DeadlockError(text);
  }

  std::mutex mutex_;
  std::map<const void*, LockRecord> locks_;
  std::map<ThreadId, ThreadRecord> threads_;
};

}  // namespace

bool is_watching() noexcept {
  static const bool watching = [] {
    const char* const value = std::getenv("PLAIT_DEADLOCK");
    return value != nullptr && *value != '\0' && !(value[0] == '0' && value[1] == '\0');
  }();
  return watching;
}

void about_to_acquire(const void* lock) noexcept { Watch::get().about_to_acquire(lock); }

void acquired(const void* lock) noexcept { Watch::get().acquired(lock); }

void released(const void* lock) noexcept { Watch::get().released(lock); }

void forget(const void* lock) noexcept { Watch::get().forget(lock); }

Waiting::Waiting(const void* lock, bool for_ever) { Watch::get().begin_waiting(lock, for_ever); }

Waiting::~Waiting() { Watch::get().end_waiting(); }

}  // namespace plait::threading::deadlock
