// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Python's multiprocessing.managers. So far: SharedMemoryManager, which unlinks the shared memory that was made by it.
//
//   plait::multiprocessing::managers::SharedMemoryManager manager;
//   manager.start();
//   auto pixels = manager.SharedMemory(1 << 20);
//   auto list = manager.ShareableList({1, 2.5, "spam"});

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <ranges>
#include <utility>

#include "plait/detail/export.hpp"
#include "plait/multiprocessing/shareable_list.hpp"
#include "plait/multiprocessing/shared_memory.hpp"

namespace plait::multiprocessing::managers {

// Owns names, not memory: when it goes, the names of all segments that were made by it go, as by their unlink(), and
// who has them mapped keeps them. What was unlinked before is passed over, also if another segment has the name by now.
// If the manager's process is killed, the tracker of the program unlinks them (see SharedMemory).
//
// Thread-safe, but for moving and destroying. A copy of it in a forked process does nothing, and throws AssertionError.
// It cannot be sent to other processes; what it makes can.
//
// Differs from Python: there is no server process, since there is nothing for it to do: the names are unlinked by their
// manager's destructor, and if that does not come to it by the tracker, which every program with shared memory has. So
// there is no address and no connect(), and start() only begins the manager's life. Nothing blocks.
class PLAIT_EXPORT SharedMemoryManager {
 public:
  // Not started yet.
  SharedMemoryManager();
  SharedMemoryManager(SharedMemoryManager&& other) noexcept;
  SharedMemoryManager& operator=(SharedMemoryManager&& other) noexcept;
  // As shutdown(); what Python does at the end of `with`.
  ~SharedMemoryManager();

  // Throws ProcessError: it was started before.
  void start();

  // A new segment, or list. Throw as the constructors of those; AssertionError: the manager is not started, was shut
  // down, or moved from, or is of another process.
  // NOLINTBEGIN(readability-identifier-naming): Python's
  [[nodiscard]] shared_memory::SharedMemory SharedMemory(std::size_t size);
  [[nodiscard]] shared_memory::ShareableList ShareableList(
      std::initializer_list<shared_memory::ShareableList::Item> items) {
    return keep(shared_memory::ShareableList(items));
  }
  template <std::ranges::input_range R>
    requires(shared_memory::ShareableList::is_sequence<R>())
  [[nodiscard]] shared_memory::ShareableList ShareableList(R&& items) {
    return keep(shared_memory::ShareableList(std::forward<R>(items)));
  }
  // NOLINTEND(readability-identifier-naming)

  // Unlinks all that it has made. It stays shut down. Does nothing the second time, and before start().
  void shutdown() noexcept;

 private:
  shared_memory::ShareableList keep(shared_memory::ShareableList list);
  void keep(const shared_memory::SharedMemory& segment);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plait::multiprocessing::managers
