// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Waiting for several queues at once, without taking anything.
//
// Who waits so is one of the getters of every queue that it waits for: it sleeps on all their words. A put wakes one
// getter, and this may be the one; but it takes no item, and wake-ups of several queues may hit it at once. So whatever
// it was woken by, and wherever it goes on to, it passes on what it may have got, to each queue that it slept on
// (model: tests/model/queue_wait.pml). When it is killed before it has done so, ByteQueue::recover() wakes all.

#include <cstddef>
#include <span>

#include "shm/byte_queue.hpp"
#include "shm/wait.hpp"

namespace plait::shm {

// A thread cannot sleep on more.
inline constexpr std::size_t most_queues_of_a_wait = Sleep::most_words;

// Waits until a get from one of the queues (at most most_queues_of_a_wait) would not wait; false: not before `until`.
// It may be over again, or have been taken by another, when this returns.
bool wait_for_queues(std::span<ByteQueue* const> queues, const Until& until) noexcept;

}  // namespace plait::shm
