// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// The compiled part of wait() and as_completed(): watches a set of futures' states, and tells which have settled, in
// the order in which they did.

#include <atomic>
#include <cstddef>
#include <cstdint>
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
  // Watches `states` from here on; several references to one state count once.
  explicit Completions(std::vector<Ref<FutureState>> states);
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;
  ~Completions();

  // Distinct states.
  std::size_t total() const noexcept { return entries_.size(); }
  // Waits until `count` of them have settled. False: the deadline has passed. Throws what FutureState::before_sleep
  // does.
  bool wait_for(std::size_t count, Deadline deadline);
  // The one that settled after those taken before, or nullptr if none has.
  Ref<FutureState> take_next() noexcept;
  // All of them, in the order given.
  SettledAndUnsettled sorted() const;

 private:
  struct Entry final : Observer {
    void settled(FutureState&) noexcept override { owner->add(*this); }
    Completions* owner = nullptr;
    Ref<FutureState> state;
    Entry* next = nullptr;
    bool added = false;
  };

  void add(Entry& entry) noexcept;
  bool reached() const noexcept;
  void help(Deadline deadline);

  std::vector<Entry> entries_;                     // never resized: the states refer to them
  std::size_t next_to_run_ = 0;                    // those before it have begun; see FutureState::before_sleep
  Driver* driver_ = nullptr;                       // that of all states, nullptr if they differ
  std::atomic<std::uint32_t> settled_{0};          // how many; a futex word
  std::atomic<std::uint32_t> wanted_{UINT32_MAX};  // at how many the waiting thread is to be woken
  std::mutex mutex_;                               // guards the list
  Entry* first_ = nullptr;
  Entry* last_ = nullptr;
};

}  // namespace plait::detail
