// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/synchronize/lock.hpp"

#include <pthread.h>

#include "multiprocessing/shared_access.hpp"

namespace plait::detail {
namespace {

using Taken = shm::OwnerLock::Taken;

std::uint64_t this_thread() noexcept { return static_cast<std::uint64_t>(pthread_self()); }

// Whether this thread owns a recursive lock.
bool is_mine(const shm::SharedLock& it, shm::OwnerId self) {
  return it.thread.load(std::memory_order_relaxed) == this_thread() && it.lock.owner() == self;
}

void own(shm::SharedLock& it, std::size_t depth) noexcept {
  it.thread.store(this_thread(), std::memory_order_relaxed);
  it.depth = depth;
}

void disown(shm::SharedLock& it) noexcept {
  it.thread.store(0, std::memory_order_relaxed);
  it.lock.release();
}

}  // namespace

bool SharedLockHandle::take(const Until& until, bool* abandoned) const {
  auto& it = shared_object<shm::SharedLock>(hold());
  if (it.is_recursive() && is_mine(it, hold().owner())) return ++it.depth, true;
  const Taken taken = it.lock.acquire(hold().owner(), until);
  if (taken == Taken::no) return false;
  if (it.is_recursive()) own(it, 1);
  if (taken == Taken::yes) return true;
  if (abandoned != nullptr) return *abandoned = true;
  disown(it);
  throw multiprocessing::AbandonedLockError(
      "acquire: the process that held this lock has died; acquire it again to go on");
}

void SharedLockHandle::give_back() const {
  auto& it = shared_object<shm::SharedLock>(hold());
  if (!it.is_recursive()) {
    if (!it.lock.release()) throw ValueError("release of a Lock that is not held");
    return;
  }
  if (!is_mine(it, hold().owner())) throw AssertionError("release of an RLock that this thread does not own");
  if (--it.depth == 0) disown(it);
}

bool SharedLockHandle::locked() const { return shared_object<shm::SharedLock>(hold()).lock.is_held(); }

bool SharedLockHandle::is_owned() const {
  const auto& it = shared_object<shm::SharedLock>(hold());
  return it.is_recursive() ? is_mine(it, hold().owner()) : it.lock.is_held();
}

std::size_t SharedLockHandle::release_save() const {
  auto& it = shared_object<shm::SharedLock>(hold());
  const std::size_t depth = it.is_recursive() ? it.depth : 1;
  disown(it);
  return depth;
}

bool SharedLockHandle::acquire_restore(std::size_t depth) const {
  auto& it = shared_object<shm::SharedLock>(hold());
  const Taken taken = it.lock.acquire(hold().owner(), {});
  if (it.is_recursive()) own(it, depth);
  return taken == Taken::abandoned;
}

}  // namespace plait::detail

namespace plait::multiprocessing {

using shm::ObjectKind;

Lock::Lock() : SharedLockHandle(detail::make_shared_object<shm::SharedLock>(0, ObjectKind::lock)) {}
Lock::Lock(detail::ArrivedHandle arrived) : SharedLockHandle(shm::Hold::arrive(arrived.word, ObjectKind::lock)) {}

RLock::RLock() : SharedLockHandle(detail::make_shared_object<shm::SharedLock>(0, ObjectKind::rlock)) {}
RLock::RLock(detail::ArrivedHandle arrived) : SharedLockHandle(shm::Hold::arrive(arrived.word, ObjectKind::rlock)) {}

}  // namespace plait::multiprocessing
