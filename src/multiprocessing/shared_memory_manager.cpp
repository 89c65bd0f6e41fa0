// SPDX-License-Identifier: Apache-2.0
#include <mutex>
#include <vector>

#include "os/fork_generation.hpp"
#include "plait/errors.hpp"
#include "plait/multiprocessing/managers.hpp"

namespace plait::multiprocessing::managers {

struct SharedMemoryManager::State {
  enum class Phase : std::uint8_t { initial, started, shut_down };

  const std::uint64_t generation = os::fork_generation();
  std::mutex mutex;
  // Guarded by it:
  Phase phase = Phase::initial;
  std::vector<shared_memory::SharedMemory> segments;  // closed: names only

  [[nodiscard]] bool is_own() const noexcept { return generation == os::fork_generation(); }
};

SharedMemoryManager::SharedMemoryManager() : state_(std::make_unique<State>()) {}
SharedMemoryManager::SharedMemoryManager(SharedMemoryManager&& other) noexcept = default;

SharedMemoryManager& SharedMemoryManager::operator=(SharedMemoryManager&& other) noexcept {
  SharedMemoryManager taken(std::move(other));
  state_.swap(taken.state_);
  return *this;
}

SharedMemoryManager::~SharedMemoryManager() { shutdown(); }

void SharedMemoryManager::start() {
  if (state_ == nullptr || !state_->is_own()) {
    throw AssertionError("SharedMemoryManager: it was moved from, or is of another process");
  }
  const std::scoped_lock lock(state_->mutex);
  if (state_->phase == State::Phase::started) throw ProcessError("SharedMemoryManager: it is started already");
  if (state_->phase == State::Phase::shut_down) throw ProcessError("SharedMemoryManager: it was shut down");
  state_->phase = State::Phase::started;
}

shared_memory::SharedMemory SharedMemoryManager::SharedMemory(std::size_t size) {
  shared_memory::SharedMemory segment({.create = true, .size = size});
  keep(segment);
  return segment;
}

shared_memory::ShareableList SharedMemoryManager::keep(shared_memory::ShareableList list) {
  keep(list.shm());
  return list;
}

// The segment is unlinked if it cannot be kept. So it is made first: whoever shuts down meanwhile waits for nobody.
void SharedMemoryManager::keep(const shared_memory::SharedMemory& segment) {
  try {
    shared_memory::SharedMemory name = segment;
    name.close();
    if (state_ == nullptr || !state_->is_own()) {
      throw AssertionError("SharedMemoryManager: it was moved from, or is of another process");
    }
    const std::scoped_lock lock(state_->mutex);
    if (state_->phase != State::Phase::started) {
      throw AssertionError("SharedMemoryManager: it must be started to create shared memory");
    }
    state_->segments.push_back(std::move(name));
  } catch (...) {
    segment.unlink_own();
    throw;
  }
}

void SharedMemoryManager::shutdown() noexcept {
  if (state_ == nullptr || !state_->is_own()) return;
  std::vector<shared_memory::SharedMemory> segments;
  {
    const std::scoped_lock lock(state_->mutex);
    if (state_->phase == State::Phase::started) state_->phase = State::Phase::shut_down;
    segments.swap(state_->segments);
  }
  for (const auto& segment : segments) segment.unlink_own();
}

}  // namespace plait::multiprocessing::managers
