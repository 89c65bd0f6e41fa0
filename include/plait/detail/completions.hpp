// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The compiled part of wait(), as_completed() and imap_unordered(): watches futures' states, and tells which have
// settled, in the order in which they did.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "plait/deadline.hpp"
#include "plait/detail/export.hpp"
#include "plait/detail/future_state.hpp"
#include "plait/detail/ref.hpp"

namespace plait::detail {

struct SettledAndUnsettled {
  std::vector<Ref<FutureState>> settled, unsettled;
};

// For one waiting thread. Neither copied nor moved: the states refer to it.
class PLAIT_EXPORT Completions {
 public:
  // Watches nothing yet.
  Completions() = default;
  // Watches `states` from here on; several references to one state count once.
  explicit Completions(std::vector<Ref<FutureState>> states);
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;
  ~Completions();

  // Watches one more, which is not watched yet. Throws std::bad_alloc.
  void watch(Ref<FutureState> state);
  // Those watched.
  std::size_t size() const noexcept { return entries_.size() - free_.size(); }
  // Waits until `count` of them have settled. False: the deadline has passed. Throws what FutureState::before_sleep
  // does.
  bool wait_for(std::size_t count, Deadline deadline);
  // Cancels those that have not begun.
  void cancel() noexcept;
  // The first that has settled, which is not watched any more; nullptr: none has.
  Ref<FutureState> take_next() noexcept;
  // The same, but sorted() still has it, unless watch() is called again.
  FutureState* pass_next() noexcept;
  // All that the constructor was given and take_next() has not taken, in that order.
  SettledAndUnsettled sorted() const;

 private:
  struct Entry final : Observer {
    void settled(FutureState&) noexcept override { owner->add(*this); }
    Completions* owner = nullptr;
    Ref<FutureState> state;
    Entry* next = nullptr;
    bool observes = false;  // the state may refer to it
  };

  void add(Entry& entry) noexcept;
  Entry* stop_watching_next() noexcept;
  void fetch() noexcept;
  bool reached() const noexcept;
  void help(Deadline deadline);
  void sleep_until_reached(Deadline deadline) noexcept;

  // The waiting thread's own.
  std::deque<Entry> entries_;    // stay where they are: the states refer to them
  std::vector<Entry*> free_;     // of those, watch nothing; has room for all of them
  std::size_t next_to_run_ = 0;  // those before it have begun; see FutureState::before_sleep
  Driver* driver_ = nullptr;     // that of all states, nullptr if they differ
  Entry* fetched_ = nullptr;     // the first of those that it has fetched from the list below
  std::uint32_t fetched_count_ = 0;
  std::uint32_t wanted_ = 0;  // it waits until so many have settled, beside those fetched

  // Those that have settled and were not fetched; written under the mutex.
  std::mutex mutex_;
  Entry* first_ = nullptr;
  Entry* last_ = nullptr;
  std::atomic<std::uint32_t> settled_{0};  // their number; a futex word
  std::uint32_t wake_at_ = UINT32_MAX;     // at how many the waiting thread is to be woken
};

}  // namespace plait::detail
