// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/shared_queue.hpp"

#include <utility>

#include "multiprocessing/shared_access.hpp"
#include "plait/errors.hpp"
#include "shm/message_block.hpp"

namespace plait::detail {
namespace {

using shm::ByteQueue;
using shm::SharedQueue;

SharedQueueOutcome translate(ByteQueue::Outcome outcome) noexcept {
  switch (outcome) {
    case ByteQueue::Outcome::done:
      return SharedQueueOutcome::done;
    case ByteQueue::Outcome::shut_down:
      return SharedQueueOutcome::shut_down;
    case ByteQueue::Outcome::not_in_time:
      break;
  }
  return SharedQueueOutcome::not_in_time;
}

// For what moves items.
ByteQueue& open_queue(const shm::Hold& hold) {
  if (hold.is_closed()) throw ValueError("the queue is closed in this process");
  return shared_object<SharedQueue>(hold).queue;
}

}  // namespace

// With a list of handles whatever its size is: the block is where the list is.
QueueParcel::QueueParcel(const wire::MessageSize& size) : size_(size.bytes) {
  static_assert(room_here == ByteQueue::longest_inline);
  if (size.bytes <= room_here && size.handles == 0) return;
  block_ = static_cast<std::byte*>(shm::allocate_message(size.bytes, size.handles));
}

std::span<std::uint64_t> QueueParcel::list() const noexcept { return shm::handles_in(block_, size_); }

void QueueParcel::give_up() noexcept {
  if (hand_ != nullptr) {
    ByteQueue::finish({{}, static_cast<ByteQueue::Hand*>(hand_)});
  } else {
    shm::free_message(block_, size_);
  }
}

SharedQueueHandle::SharedQueueHandle(std::int64_t maxsize, bool of_tasks)
    : SharedHandle(make_shared_object<SharedQueue>(0, maxsize, of_tasks)) {}

SharedQueueHandle::SharedQueueHandle(ArrivedHandle arrived)
    : SharedHandle(shm::Hold::arrive(arrived.word, SharedQueue::its_kind)) {}

SharedQueueOutcome SharedQueueHandle::put(QueueParcel& parcel, const Until& until) const {
  ByteQueue& queue = open_queue(hold());
  const shm::OwnerId self = hold().owner();
  if (parcel.block_ == nullptr) return translate(queue.put(self, parcel.bytes(), until));
  const ByteQueue::Outcome outcome = queue.put_block(self, parcel.block_, parcel.size_, until);
  if (outcome == ByteQueue::Outcome::done) parcel.block_ = nullptr;
  return translate(outcome);
}

SharedQueueOutcome SharedQueueHandle::get(QueueParcel& parcel, const Until& until) const {
  ByteQueue::Message message;
  const ByteQueue::Outcome outcome = open_queue(hold()).get(hold().owner(), parcel.here_, message, until);
  if (outcome == ByteQueue::Outcome::done) {
    parcel.size_ = message.bytes.size();
    parcel.hand_ = message.hand;
    if (message.hand != nullptr) parcel.block_ = const_cast<std::byte*>(message.bytes.data());
  }
  return translate(outcome);
}

std::size_t SharedQueueHandle::size() const { return readable_queue(hold()).size(); }

std::int64_t SharedQueueHandle::maxsize() const { return shared_object<SharedQueue>(hold()).maxsize; }

void SharedQueueHandle::task_done() const {
  if (!shared_object<SharedQueue>(hold()).queue.task_done(hold().owner()))
    throw ValueError("task_done() called too many times");
}

bool SharedQueueHandle::join(const Until& until) const { return shared_object<SharedQueue>(hold()).queue.join(until); }

std::size_t SharedQueueHandle::unfinished_tasks() const {
  return shared_object<SharedQueue>(hold()).queue.unfinished_tasks();
}

void SharedQueueHandle::shut_down(bool immediate) const {
  ByteQueue& queue = shared_object<SharedQueue>(hold()).queue;
  if (immediate) {
    queue.shut_down_now(hold().owner());
  } else {
    queue.shut_down();
  }
}

bool SharedQueueHandle::is_shut_down() const { return shared_object<SharedQueue>(hold()).queue.is_shut_down(); }

void SharedQueueHandle::close() const noexcept { hold().close(); }
bool SharedQueueHandle::is_closed() const noexcept { return hold().is_closed(); }

void throw_not_put(SharedQueueOutcome outcome) {
  if (outcome == SharedQueueOutcome::shut_down) throw queue::ShutDown();
  throw queue::Full();
}

void throw_not_got(SharedQueueOutcome outcome) {
  if (outcome == SharedQueueOutcome::shut_down) throw queue::ShutDown();
  throw queue::Empty();
}

void throw_join_of_open_queue() { throw AssertionError("join_thread: the queue is not closed; call close() first"); }

}  // namespace plait::detail
