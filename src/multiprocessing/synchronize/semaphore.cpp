// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/synchronize/semaphore.hpp"

#include <climits>
#include <string>

#include "multiprocessing/shared_access.hpp"

namespace plait::multiprocessing {
namespace {

static_assert(shm::PermitWord::most == SEM_VALUE_MAX);

std::uint32_t checked(std::int64_t value) {
  if (value < 0 || value > shm::PermitWord::most) {
    throw ValueError("a semaphore has 0 to " + std::to_string(shm::PermitWord::most) + " permits, not " +
                     std::to_string(value));
  }
  return static_cast<std::uint32_t>(value);
}

}  // namespace

Semaphore::Semaphore(std::int64_t value, std::int64_t bound)
    : SharedHandle(detail::make_shared_object<shm::SharedSemaphore>(0, checked(value), checked(bound))) {}

Semaphore::Semaphore(detail::ArrivedHandle arrived)
    : SharedHandle(shm::Hold::arrive(arrived.word, shm::ObjectKind::semaphore)) {}

bool Semaphore::take(const Until& until) const {
  return detail::shared_object<shm::SharedSemaphore>(hold()).permits.acquire(until);
}

void Semaphore::release(std::int64_t n) const {
  auto& it = detail::shared_object<shm::SharedSemaphore>(hold());
  if (n < 1) throw ValueError("release: n must be 1 or more, not " + std::to_string(n));
  if (n > most_permits || !it.permits.release(static_cast<std::uint32_t>(n), it.bound)) {
    throw ValueError("release: the semaphore cannot have more than " + std::to_string(it.bound) + " permits");
  }
}

std::int64_t Semaphore::get_value() const {
  return detail::shared_object<shm::SharedSemaphore>(hold()).permits.permits();
}

}  // namespace plait::multiprocessing
