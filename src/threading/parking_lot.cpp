// SPDX-License-Identifier: Apache-2.0
#include "threading/parking_lot.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "os/fork_handlers.hpp"

namespace plait::threading::parking_lot {

struct alignas(64) Bucket {
  std::mutex mutex;
  detail::WaiterList waiters;  // of all the addresses that fall here
};

namespace {

constexpr std::size_t bucket_bits = 7;

// Never destroyed: static objects and abandoned threads use it to the end.
constinit std::array<Bucket, std::size_t{1} << bucket_bits> buckets{};
static_assert(std::is_trivially_destructible_v<Bucket>);

// In the child nobody waits, and a lock that another thread held would stay held.
[[gnu::constructor(os::registers_handlers)]] void register_handlers() {
  pthread_atfork(nullptr, nullptr, [] {
    for (Bucket& bucket : buckets) std::construct_at(&bucket);
  });
}

Bucket& bucket_of(const void* address) noexcept {
  const auto key = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address)) >> 2;
  return buckets[(key * 0x9e3779b97f4a7c15U) >> (64 - bucket_bits)];  // Fibonacci hashing
}

Parked* first_of(const void* address, detail::Waiter* waiter) noexcept {
  for (; waiter != nullptr; waiter = detail::WaiterList::next(*waiter)) {
    auto* const parked = static_cast<Parked*>(waiter);
    if (parked->address == address) return parked;
  }
  return nullptr;
}

}  // namespace

Line::Line(const void* address) : address_(address), bucket_(bucket_of(address)), lock_(bucket_.mutex) {}

Parked* Line::first() const noexcept { return first_of(address_, bucket_.waiters.first()); }

Parked* Line::after(const Parked& parked) const noexcept {
  return first_of(address_, detail::WaiterList::next(parked));
}

void Line::join(Parked& parked) noexcept {
  if (parked.wants_hand_over) {
    bucket_.waiters.push_front(parked);
  } else {
    bucket_.waiters.push_back(parked);
  }
}

void Line::leave(Parked& parked) noexcept { bucket_.waiters.remove(parked); }

void Line::let_go(Parked& parked) noexcept {
  bucket_.waiters.remove(parked);
  woken_.add(&parked);
}

}  // namespace plait::threading::parking_lot
