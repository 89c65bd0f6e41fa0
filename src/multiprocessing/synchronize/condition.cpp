// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/synchronize/condition.hpp"

#include <string>

#include "multiprocessing/shared_access.hpp"

namespace plait::multiprocessing {
namespace {

using shm::SharedCondition;
using shm::WaiterTable;

shm::Hold& make(const detail::SharedLockHandle& lock) {
  const detail::ReferredObject its_lock(lock);
  return detail::make_shared_object<SharedCondition>(0, its_lock.offset());
}

}  // namespace

Condition::Condition(const detail::SharedLockHandle& lock) : SharedHandle(make(lock)), lock_(lock) {}

Condition::Condition(detail::ArrivedHandle arrived)
    : SharedHandle(shm::Hold::arrive(arrived.word, SharedCondition::its_kind)),
      lock_(detail::hold_again(detail::shared_object<SharedCondition>(hold()).lock)) {}

void Condition::check_owned(const char* call) const {
  if (!lock_.is_owned()) {
    throw AssertionError(std::string(call) + ": the condition's lock must be held; acquire it first");
  }
}

bool Condition::wait(const Until& until) const {
  auto& it = detail::shared_object<SharedCondition>(hold());
  check_owned("wait");
  WaiterTable::Place& place = it.waiters.claim(hold().owner());
  const std::size_t depth = lock_.release_save();
  place.wait(until);
  const bool was_abandoned = lock_.acquire_restore(depth);
  const bool was_notified = place.finish() == WaiterTable::notified;
  if (was_abandoned) {
    if (was_notified) it.waiters.notify(1);  // this one will look at something else first
    throw AbandonedLockError("wait: a process has died that held the condition's lock, which is held again now");
  }
  return was_notified;
}

void Condition::notify(std::int64_t n) const {
  auto& it = detail::shared_object<SharedCondition>(hold());
  check_owned("notify");
  it.waiters.notify(n);
}

}  // namespace plait::multiprocessing
