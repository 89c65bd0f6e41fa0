// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What multiprocessing's queues are: messages of bytes in shared memory, which survive everybody's death.

#include <cstddef>
#include <cstdint>
#include <span>

#include "plait/detail/export.hpp"
#include "plait/detail/shared_handle.hpp"
#include "plait/detail/wire/archive.hpp"
#include "plait/until.hpp"

namespace plait::multiprocessing {
class Waitable;
}

namespace plait::detail {

// Room for a message to be put, or one that was got: here, or in a block of the shared heap. To be filled at once: most
// of it is not initialized. References of handles that have not arrived when it ends, and were not put, are given back.
class PLAIT_EXPORT QueueParcel {
 public:
  QueueParcel() noexcept = default;
  // Throws OutOfSharedMemory.
  explicit QueueParcel(const wire::MessageSize& size);
  QueueParcel(const QueueParcel&) = delete;
  QueueParcel& operator=(const QueueParcel&) = delete;
  ~QueueParcel() {
    if (block_ != nullptr) give_up();
  }

  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {block_ != nullptr ? block_ : here_, size_}; }
  // The list of handles in a message; a small one without any has none.
  [[nodiscard]] std::span<std::uint64_t> handles() const noexcept {
    return block_ != nullptr ? list() : std::span<std::uint64_t>();
  }

 private:
  friend class SharedQueueHandle;
  static constexpr std::size_t room_here = 4080;
  void give_up() noexcept;
  [[nodiscard]] std::span<std::uint64_t> list() const noexcept;

  std::size_t size_ = 0;
  std::byte* block_ = nullptr;
  void* hand_ = nullptr;  // the queue's note that this process has the block in its hands
  alignas(64) std::byte here_[room_here];
};

enum class SharedQueueOutcome : std::uint8_t { done, not_in_time, shut_down };

class PLAIT_EXPORT SharedQueueHandle : public SharedHandle {
 protected:
  // maxsize <= 0: without bound. `of_tasks`: what a process has got and not called done is done when it dies. Throws
  // OutOfSharedMemory.
  SharedQueueHandle(std::int64_t maxsize, bool of_tasks);
  explicit SharedQueueHandle(ArrivedHandle arrived);

  // `done`: the parcel is empty. Throw ValueError: closed in this process; OutOfSharedMemory: nothing has changed.
  SharedQueueOutcome put(QueueParcel& parcel, const Until& until) const;
  SharedQueueOutcome get(QueueParcel& parcel, const Until& until) const;

  // Throw std::system_error (EBADF): closed in this process.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::int64_t maxsize() const;

  void task_done() const;
  [[nodiscard]] bool join(const Until& until) const;
  [[nodiscard]] std::size_t unfinished_tasks() const;
  void shut_down(bool immediate) const;
  [[nodiscard]] bool is_shut_down() const;

  void close() const noexcept;
  [[nodiscard]] bool is_closed() const noexcept;

 private:
  friend class multiprocessing::Waitable;
};

// For outcomes that are not `done`: Full or ShutDown, Empty or ShutDown.
[[noreturn]] PLAIT_EXPORT void throw_not_put(SharedQueueOutcome outcome);
[[noreturn]] PLAIT_EXPORT void throw_not_got(SharedQueueOutcome outcome);
[[noreturn]] PLAIT_EXPORT void throw_join_of_open_queue();

}  // namespace plait::detail
