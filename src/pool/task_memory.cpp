// SPDX-License-Identifier: Apache-2.0
//
// Each thread that makes tasks has a home for blocks: for each size a list that only it uses, and one to which other
// threads return its blocks. It takes the whole of the second when the first is empty, so no element is ever popped
// from under another thread, and a block's address may be pushed again at once (no ABA).
//
// Blocks of another thread's go back several at a time, so a thread that frees holds some back.
//
// Homes are never freed, since blocks refer to them: that of a thread that has ended is given to the next new one.
// What lies unused in a home is bounded; more goes back to the system.
#include "plait/detail/task_memory.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <utility>

#include "os/sanitizer.hpp"

namespace plait::detail {
namespace {

class Shelf;

struct Header {
  Shelf* shelf;  // where it is kept when unused; nullptr: nowhere
  Header* next;  // on the shelf
};
static_assert(sizeof(Header) % alignof(std::max_align_t) == 0);

constexpr std::size_t step = 32;             // sizes of blocks, with their headers, are multiples of it
constexpr std::size_t shelf_count = 10;      // larger ones are not kept
constexpr std::uint32_t most_unused = 4096;  // on each list of a shelf

// The unused blocks of one size that one thread has made.
class Shelf {
 public:
  // By its thread.
  Header* take() noexcept {
    if (unused_ == nullptr) {
      // acquire: pairs with give_back(); what the other threads did with the blocks is over
      unused_ = returned_.exchange(nullptr, std::memory_order_acquire);
      unused_count_ = unused_ == nullptr ? 0 : returned_count_.exchange(0, std::memory_order_relaxed);
    }
    if (unused_ == nullptr) return nullptr;
    if (unused_count_ > 0) --unused_count_;
    return std::exchange(unused_, unused_->next);
  }
  // By its thread. False: there are enough.
  bool keep(Header* block) noexcept {
    if (unused_count_ >= most_unused) return false;
    ++unused_count_;
    block->next = std::exchange(unused_, block);
    return true;
  }
  // By any thread, a chain of so many blocks. False: there are enough. The counts may drift a little; they bound what
  // is kept, and nothing else.
  bool give_back(Header* first, Header* last, std::uint32_t count) noexcept {
    if (returned_count_.load(std::memory_order_relaxed) >= most_unused) return false;
    returned_count_.fetch_add(count, std::memory_order_relaxed);
    last->next = returned_.load(std::memory_order_relaxed);
    // release: pairs with take()
    while (!returned_.compare_exchange_weak(last->next, first, std::memory_order_release, std::memory_order_relaxed)) {
    }
    return true;
  }

 private:
  Header* unused_ = nullptr;
  std::uint32_t unused_count_ = 0;
  alignas(64) std::atomic<Header*> returned_{nullptr};
  std::atomic<std::uint32_t> returned_count_{0};
};

void free_block(Header* block) noexcept { ::operator delete(block); }

// Blocks on their way back to one shelf of another thread: several go at a time.
class Outbox {
 public:
  void add(Shelf* shelf, Header* block) noexcept {
    if (shelf != shelf_) {
      flush();
      shelf_ = shelf;
    }
    block->next = first_;
    if (first_ == nullptr) last_ = block;
    first_ = block;
    if (++count_ == batch) flush();
  }
  void flush() noexcept {
    if (first_ != nullptr && !shelf_->give_back(first_, last_, count_)) {
      while (first_ != nullptr) free_block(std::exchange(first_, first_->next));
    }
    first_ = nullptr;
    count_ = 0;
  }

 private:
  static constexpr std::uint32_t batch = 16;

  Shelf* shelf_ = nullptr;
  Header* first_ = nullptr;
  Header* last_ = nullptr;
  std::uint32_t count_ = 0;
};

struct Home {
  std::array<Shelf, shelf_count> shelves;
  Outbox outbox;
  Home* next = nullptr;  // in the list of those without a thread

  [[nodiscard]] bool has(const Shelf* shelf) const noexcept {
    return !std::less<>()(shelf, shelves.data()) && std::less<>()(shelf, shelves.data() + shelf_count);
  }
};

constinit std::atomic<Home*> homes_without_thread{nullptr};

void put_away(Home* first, Home* last) noexcept {
  last->next = homes_without_thread.load(std::memory_order_relaxed);
  // release: pairs with find_home()
  while (!homes_without_thread.compare_exchange_weak(last->next, first, std::memory_order_release,
                                                     std::memory_order_relaxed)) {
  }
}

// One that has no thread, or a new one; nullptr: there is no memory. Without a lock, which a fork might find held.
Home* find_home() noexcept {
  Home* const found = homes_without_thread.exchange(nullptr, std::memory_order_acquire);
  if (found == nullptr) return new (std::nothrow) Home;
  if (Home* const others = std::exchange(found->next, nullptr)) {
    Home* last = others;
    while (last->next != nullptr) last = last->next;
    put_away(others, last);
  }
  return found;
}

constinit thread_local Home* home_of_this_thread = nullptr;
constinit thread_local bool thread_ends = false;

// Gives the home away when its thread ends; blocks that the thread frees after that are returned like a stranger's.
struct HomeHolder {
  HomeHolder() = default;
  HomeHolder(const HomeHolder&) = delete;
  HomeHolder& operator=(const HomeHolder&) = delete;
  ~HomeHolder() {
    thread_ends = true;
    Home* const home = std::exchange(home_of_this_thread, nullptr);
    if (home == nullptr) return;
    home->outbox.flush();
    put_away(home, home);
  }
};

// nullptr: this thread is about to end, or there is no memory for a home.
Home* home() noexcept {
  if (home_of_this_thread != nullptr) return home_of_this_thread;
  if (thread_ends) return nullptr;
  thread_local HomeHolder holder;
  static_cast<void>(holder);
  return home_of_this_thread = find_home();
}

void* contents(Header* block) noexcept { return block + 1; }

}  // namespace

void* allocate_task(std::size_t size) {
  if constexpr (os::under_address_sanitizer) return ::operator new(size);  // which shows a use after the end
  const std::size_t steps = (size + sizeof(Header) + step - 1) / step;
  Shelf* shelf = nullptr;
  Header* block = nullptr;
  if (steps <= shelf_count) {
    Home* const mine = home();
    if (mine != nullptr) shelf = &mine->shelves[steps - 1];
    if (shelf != nullptr) block = shelf->take();
  }
  if (block == nullptr) block = new (::operator new(steps* step)) Header{shelf, nullptr};
  return contents(block);
}

void deallocate_task(void* memory) noexcept {
  if constexpr (os::under_address_sanitizer) return ::operator delete(memory);
  Header* const block = static_cast<Header*>(memory) - 1;
  Shelf* const shelf = block->shelf;
  Home* const mine = shelf != nullptr ? home() : nullptr;
  if (mine == nullptr) return free_block(block);
  if (!mine->has(shelf)) return mine->outbox.add(shelf, block);
  if (!shelf->keep(block)) free_block(block);
}

}  // namespace plait::detail
