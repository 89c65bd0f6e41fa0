// SPDX-License-Identifier: Apache-2.0
#include "shm/process_table.hpp"

#include <unistd.h>

#include <atomic>

#include "os/kill_point.hpp"
#include "shm/heap_arena.hpp"
#include "shm/heap_table.hpp"
#include "shm/page_list.hpp"

namespace plait::shm {
namespace {

constexpr os::SinceBoot not_known = os::SinceBoot::max();

// A process in the upper half of a word, and something about it in the lower.
class Word {
 public:
  constexpr Word(OwnerId process, std::uint32_t what) noexcept : bits_(std::uint64_t{process} << 32 | what) {}
  explicit constexpr Word(std::uint64_t bits) noexcept : bits_(bits) {}
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
  [[nodiscard]] constexpr OwnerId process() const noexcept { return static_cast<OwnerId>(bits_ >> 32); }
  [[nodiscard]] constexpr std::uint32_t what() const noexcept { return static_cast<std::uint32_t>(bits_); }

 private:
  std::uint64_t bits_;
};

class Entry {
 public:
  // By who starts the process. False: the entry is not free.
  bool announce(OwnerId process, OwnerId watcher) noexcept {
    std::uint64_t free_one = 0;
    // acquire: pairs with remove(). The rest of the entry is still that of another process, which adopt() sees.
    if (watched_.load(std::memory_order_relaxed) != 0 ||
        !watched_.compare_exchange_strong(free_one, Word(process, watcher).bits(), std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
      return false;
    }
    PLAIT_KILL_POINT("processes.announcing");
    begun_.store(not_known, std::memory_order_relaxed);
    life_.store(Word(process, 0).bits(), std::memory_order_release);
    return true;
  }

  // By the process itself. False: refused.
  bool begin(OwnerId self, pid_t pid) noexcept {
    std::uint64_t announced = Word(self, 0).bits();
    // acq_rel: either it sees all that was done before it was started, or adopt() has ended that
    if (!life_.compare_exchange_strong(announced, Word(self, static_cast<std::uint32_t>(pid)).bits(),
                                       std::memory_order_acq_rel, std::memory_order_relaxed)) {
      return false;
    }
    PLAIT_KILL_POINT("processes.beginning");
    begun_.store(os::since_boot(), std::memory_order_release);
    return true;
  }

  // By who has seen the death of `dead`. False: it is no child of that.
  bool adopt(OwnerId dead, OwnerId watcher, Orphan& orphan) noexcept {
    const Word watched(watched_.load(std::memory_order_acquire));
    if (watched.process() == 0 || watched.what() != dead) return false;
    // Nobody else changes it: its watcher is dead, and we alone saw that.
    watched_.store(Word(watched.process(), watcher).bits(), std::memory_order_release);
    PLAIT_KILL_POINT("processes.adopting");
    orphan = {watched.process(), 0, not_known};
    std::uint64_t life = life_.load(std::memory_order_acquire);
    // Not begun: it may not any more. Of another process: `dead` had no time to start this one.
    if (life == Word(orphan.process, 0).bits() && life_.compare_exchange_strong(life, 0, std::memory_order_acq_rel)) {
      return true;
    }
    if (Word(life).process() == orphan.process) {
      orphan.pid = static_cast<pid_t>(Word(life).what());
      orphan.begun = begun_.load(std::memory_order_acquire);
    }
    return true;
  }

  bool remove(OwnerId process) noexcept {
    if (!is(process)) return false;
    watched_.store(0, std::memory_order_release);
    return true;
  }

  [[nodiscard]] bool is(OwnerId process) const noexcept {
    return Word(watched_.load(std::memory_order_acquire)).process() == process;
  }

 private:
  std::atomic<std::uint64_t> watched_{0};  // the process, and who watches it; 0: the entry is free
  std::atomic<std::uint64_t> life_{0};     // the process, and its pid; 0 for that: announced
  std::atomic<os::SinceBoot> begun_{not_known};
};

using Table = PageList<Entry, 100>;

}  // namespace

void make_process_table() { heap_table<Table>(Heap::get().header().processes); }

void announce_process(OwnerId process, OwnerId watcher) {
  Heap& heap = Heap::get();
  static_cast<void>(heap.self());  // an orphan of a fork founds its own family
  heap_table<Table>(heap.header().processes).take([&](Entry& entry) { return entry.announce(process, watcher); });
}

bool begin_process(OwnerId self) noexcept {
  Table* const table = existing_heap_table<Table>(Heap::get().header().processes);
  if (table == nullptr) return false;
  Entry* const entry = table->find([self](const Entry& each) { return each.is(self); });
  return entry != nullptr && entry->begin(self, ::getpid());
}

std::optional<Orphan> adopt_child(OwnerId dead, OwnerId watcher) noexcept {
  Table* const table = existing_heap_table<Table>(Heap::get().header().processes);
  Orphan orphan{};
  const auto adopt = [&](Entry& entry) { return entry.adopt(dead, watcher, orphan); };
  return table != nullptr && table->find(adopt) != nullptr ? std::optional(orphan) : std::nullopt;
}

void remove_process(OwnerId process) noexcept {
  Table* const table = existing_heap_table<Table>(Heap::get().header().processes);
  if (table != nullptr) table->find([process](Entry& entry) { return entry.remove(process); });
}

}  // namespace plait::shm
