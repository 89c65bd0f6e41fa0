// SPDX-License-Identifier: Apache-2.0
#include "threading/deadlock.hpp"

#include <execinfo.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/thread.hpp"
#include "plait/threading/lock.hpp"
#include "wire/symbols.hpp"

namespace plait::threading::deadlock {
namespace {

// Never given out twice, as the system's are.
using ThreadId = std::uint64_t;

struct Stack {
  std::array<void*, 32> frames{};
  int count = 0;

  static Stack here() noexcept {
    Stack stack;
    stack.count = ::backtrace(stack.frames.data(), static_cast<int>(stack.frames.size()));
    return stack;
  }

  // From the caller of the lock outwards.
  [[nodiscard]] std::string text() const {
    std::vector<wire::CodeRef> code;
    for (int i = 0; i < count; ++i) {
      try {
        // Return addresses lie after the call.
        code.push_back(wire::locate_code(static_cast<const char*>(frames[static_cast<std::size_t>(i)]) - 1));
      } catch (const Error&) {
        continue;  // generated code
      }
    }
    const auto is_lock = [](const wire::CodeRef& frame) {
      const std::string name = wire::function_name(frame);
      constexpr std::array own = {"plait::threading::Lock::", "plait::threading::RLock::",
                                  "plait::threading::Condition::", "plait::threading::deadlock::", "plait::detail::"};
      return std::any_of(own.begin(), own.end(), [&](const char* part) { return name.starts_with(part); });
    };
    const auto caller = std::find_if_not(code.begin(), code.end(), is_lock);
    return wire::format_trace(std::span(caller, code.end()));
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
  std::set<const void*> before;      // the locks that have it in `then`
};

struct ThreadRecord {
  std::string name;
  std::vector<const void*> held;
  const void* waits_for = nullptr;     // for ever
  std::stop_source* rescue = nullptr;  // ends that wait, unless it has to be
  std::string verdict;                 // why it was ended
};

std::string name_of(const void* lock) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "the lock at %p", lock);
  return text.data();
}

class Watch {
 public:
  // Never destroyed: static locks are released to the end.
  static void make() {
    Stack::here();  // loads what it needs, outside of any lock
    made = new Watch;
    pthread_atfork([] { get().mutex_.lock(); }, [] { get().mutex_.unlock(); }, [] { get().mutex_.unlock(); });
  }
  static Watch& get() { return *made; }

  // Of the calling thread; when it ends, what it still holds has no owner any more.
  static ThreadId self() noexcept {
    static std::atomic<ThreadId> last{0};
    struct Life {
      ~Life() { get().end_thread(id); }
      ThreadId id = last.fetch_add(1, std::memory_order_relaxed) + 1;
    };
    thread_local const Life life;
    return life.id;
  }

  void about_to_acquire(const void* lock) {
    const std::scoped_lock held(mutex_);
    ThreadRecord& self = this_thread();
    for (const void* before : self.held) {
      LockRecord& record = locks_[before];
      if (before == lock || record.is_signal || record.then.contains(lock)) continue;
      if (self.name.empty()) self.name = os::thread_name();
      record.then[lock] = {self.name, record.acquired_at, Stack::here()};
      locks_[lock].before.insert(before);
      const std::vector<const void*> path = find_path(lock, before);
      if (!path.empty()) report(before, lock, path);
    }
  }

  void acquired(const void* lock) {
    const std::scoped_lock held(mutex_);
    LockRecord& record = locks_[lock];
    record.owned = true;
    record.owner = self();
    record.acquired_at = Stack::here();
    this_thread().held.push_back(lock);
  }

  void released(const void* lock) {
    const std::scoped_lock held(mutex_);
    LockRecord& record = locks_[lock];
    if (!record.owned) return;
    record.owned = false;
    if (record.owner != self()) record.is_signal = true;
    drop(record.owner, lock);
  }

  void forget(const void* lock) {
    const std::scoped_lock held(mutex_);
    const auto found = locks_.find(lock);
    if (found == locks_.end()) return;
    if (found->second.owned) drop(found->second.owner, lock);
    for (const void* other : found->second.before) locks_[other].then.erase(lock);
    for (const auto& [other, edge] : found->second.then) locks_[other].before.erase(lock);
    locks_.erase(found);
  }

  void end_thread(ThreadId thread) {
    const std::scoped_lock held(mutex_);
    const auto record = threads_.find(thread);
    if (record == threads_.end()) return;
    for (const void* lock : record->second.held) locks_[lock].owned = false;
    threads_.erase(record);
  }

  // From here on this thread waits for the lock for ever, or until `rescue` is used. Not if that would never end: then
  // the reason is returned. Who has to wait, whatever comes of it, has no `rescue`: instead another one of those who
  // wait in the circle is sent away.
  std::string begin_waiting(const void* lock, std::stop_source* rescue) {
    const std::scoped_lock held(mutex_);
    ThreadRecord& self = this_thread();
    if (self.name.empty()) self.name = os::thread_name();
    std::string reason;
    // Each thread on the way has recorded what it holds before it recorded what it waits for, so the last to join a
    // circle sees all of it.
    std::string way;
    ThreadRecord* victim = nullptr;
    std::set<ThreadId> seen;  // for there may be a circle on the way that is being broken
    for (const void* wanted = lock; wanted != nullptr;) {
      const auto record = locks_.find(wanted);
      if (record == locks_.end() || !record->second.owned || record->second.is_signal) break;
      const ThreadId owner = record->second.owner;
      if (owner == Watch::self()) {
        reason = describe_deadlock(self, lock, wanted, way);
        break;
      }
      if (!seen.insert(owner).second) break;
      ThreadRecord& other = threads_[owner];
      way += "\n  " + name_of(wanted) + " is held by thread " + other.name + ", acquired at\n" +
             record->second.acquired_at.text() + "  and that thread waits for";
      wanted = other.waits_for;
      if (other.rescue != nullptr && other.verdict.empty()) victim = &other;
    }
    if (!reason.empty() && rescue != nullptr) return reason;
    if (!reason.empty() && victim != nullptr) {
      victim->verdict = reason;
      victim->rescue->request_stop();
      reason.clear();
    }
    self.waits_for = lock;
    self.rescue = rescue;
    return reason;
  }

  // Returns why the wait was ended by another thread, if it was.
  std::string end_waiting() {
    const std::scoped_lock held(mutex_);
    ThreadRecord& record = this_thread();
    std::string verdict = std::exchange(record.verdict, {});
    record.waits_for = nullptr;
    record.rescue = nullptr;
    forget_idle(self());
    return verdict;
  }

 private:
  Watch() = default;

  ThreadRecord& this_thread() { return threads_[self()]; }

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

  // The locks from `start` to `goal`, each wanted while the one before was held; empty if there is no such way.
  std::vector<const void*> find_path(const void* start, const void* goal) {
    std::map<const void*, const void*> reached_from{{start, nullptr}};
    std::vector<const void*> to_visit{start};
    while (!to_visit.empty() && !reached_from.contains(goal)) {
      const void* const lock = to_visit.back();
      to_visit.pop_back();
      if (locks_[lock].is_signal) continue;
      for (const auto& [next, edge] : locks_[lock].then) {
        if (reached_from.emplace(next, lock).second) to_visit.push_back(next);
      }
    }
    std::vector<const void*> path;
    if (!reached_from.contains(goal)) return path;
    for (const void* lock = goal; lock != nullptr; lock = reached_from[lock]) path.insert(path.begin(), lock);
    return path;
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

  std::string describe_deadlock(const ThreadRecord& self, const void* lock, const void* held, const std::string& way) {
    std::string text = "deadlock: thread " + self.name + " wants " + name_of(lock) + " at\n" + Stack::here().text();
    if (!way.empty()) text += "  which it would never get:" + way + ' ' + name_of(held) + ",\n";
    return text + "  which this thread itself holds, acquired at\n" + locks_[held].acquired_at.text();
  }

  static constinit inline Watch* made = nullptr;

  std::mutex mutex_;
  std::map<const void*, LockRecord> locks_;
  std::map<ThreadId, ThreadRecord> threads_;
};

}  // namespace

bool is_watching() noexcept {
  static const bool watching = [] {
    const char* const value = std::getenv("PLAIT_DEADLOCK");
    const bool on = value != nullptr && *value != '\0' && std::string_view(value) != "0";
    if (on) Watch::make();  // its handlers of fork come before those of who uses locks in his
    return on;
  }();
  return watching;
}

namespace {
[[maybe_unused]] const bool asked_early = is_watching();
}  // namespace

void about_to_acquire(const void* lock) noexcept { Watch::get().about_to_acquire(lock); }

void acquired(const void* lock) noexcept { Watch::get().acquired(lock); }

void released(const void* lock) noexcept { Watch::get().released(lock); }

void forget(const void* lock) noexcept { Watch::get().forget(lock); }

Waiting::Waiting(const void* lock) {
  const std::string reason = Watch::get().begin_waiting(lock, &rescue_);
  if (!reason.empty()) throw DeadlockError(reason);
}

Waiting::~Waiting() {
  if (waits_) Watch::get().end_waiting();
}

void Waiting::ended() {
  waits_ = false;
  const std::string verdict = Watch::get().end_waiting();
  if (!verdict.empty()) throw DeadlockError(verdict);
}

HavingTo::HavingTo(const void* lock) noexcept {
  const std::string reason = Watch::get().begin_waiting(lock, nullptr);
  if (reason.empty()) return;
  const std::string text = "plait: " + reason;
  std::fwrite(text.data(), 1, text.size(), stderr);
}

HavingTo::~HavingTo() { Watch::get().end_waiting(); }

}  // namespace plait::threading::deadlock
