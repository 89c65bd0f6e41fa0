// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Descriptors inside messages. A message is bytes, and a descriptor means nothing elsewhere: so a ticket stands for it
// in the bytes, and the descriptor itself goes beside them. Over a connection that can carry it, it goes with the
// message (SCM_RIGHTS); else the process that encodes keeps a duplicate, and the one that decodes fetches it from
// there. docs/design/connection.md.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/detail/export.hpp"
#include "plait/detail/wire/archive.hpp"

namespace plait::detail {

struct DescriptorTicket {
  std::array<std::uint64_t, 4> words{};
};

// Duplicates the descriptors and sends them on their way; called where a value is encoded. Throws std::system_error:
// EBADF, EMFILE, EAGAIN (no thread to wait for who fetches them).
[[nodiscard]] PLAIT_EXPORT DescriptorTicket pack_descriptors(std::span<const int> descriptors);
// The descriptors again, which the caller owns; called where a value is decoded, once for a ticket. Throws
// std::system_error: ECONNREFUSED (who sent them is gone, or has withdrawn them), EMFILE; DecodeError: no such ticket.
PLAIT_EXPORT void unpack_descriptors(const DescriptorTicket& ticket, std::span<int> descriptors);

// For save() and load() of a class that owns descriptors.
template <class A>
void put_descriptors(A& archive, std::span<const int> descriptors) {
  DescriptorTicket ticket;
  if constexpr (!std::is_same_v<A, wire::SizeCounter>) ticket = pack_descriptors(descriptors);
  archive(ticket);
}
template <class A>
void get_descriptors(A& archive, std::span<int> descriptors) {
  DescriptorTicket ticket;
  archive(ticket);
  unpack_descriptors(ticket, descriptors);
}

// Duplicates that wait to be fetched. Who sends a message that may be lost holds on to what lies ready for it, and lets
// go when the message has arrived or never will; what nobody holds waits until it is fetched. Move-only.
class PLAIT_EXPORT Deposits {
 public:
  Deposits() noexcept = default;
  Deposits(Deposits&&) noexcept = default;
  Deposits& operator=(Deposits&& other) noexcept {
    if (this != &other) withdraw();
    numbers_ = std::move(other.numbers_);
    return *this;
  }
  ~Deposits() { withdraw(); }

  void add(std::uint64_t number);
  void withdraw() noexcept {
    if (numbers_ != nullptr) withdraw_all();
  }
  // They wait until they are fetched, from here on.
  void release() noexcept { numbers_.reset(); }

 private:
  void withdraw_all() noexcept;
  std::unique_ptr<std::vector<std::uint64_t>> numbers_;
};

// While it lives, what this thread packs goes into it. Scopes nest; the innermost counts.
class PLAIT_EXPORT PackingScope {
 public:
  // attached: for a message that descriptors can go with, as many as `room`; what is more is deposited.
  explicit PackingScope(std::size_t room = 0) noexcept : outer_(std::exchange(current, this)), room_(room) {}
  // deposited: for a message that several processes get.
  struct ForAll {};
  explicit PackingScope(ForAll) noexcept : PackingScope() { is_for_all_ = true; }
  PackingScope(const PackingScope&) = delete;
  PackingScope& operator=(const PackingScope&) = delete;
  ~PackingScope() {
    current = outer_;
    if (!attached_.empty()) close_attached();
  }

  // What is to go with the message; the scope's own.
  [[nodiscard]] std::span<const int> attached() const noexcept { return attached_; }
  // What waits to be fetched; the caller's from here on.
  [[nodiscard]] Deposits take_deposits() noexcept { return std::move(deposits_); }

 private:
  friend DescriptorTicket pack_descriptors(std::span<const int>);
  void close_attached() noexcept;

  static thread_local constinit PackingScope* current;
  PackingScope* outer_;
  std::size_t room_;
  bool is_for_all_ = false;
  std::vector<int> attached_;
  Deposits deposits_;
};

// While it lives, tickets that this thread unpacks are for the descriptors that came with a message.
class PLAIT_EXPORT UnpackingScope {
 public:
  // Owns the descriptors from here on; closes those that nobody unpacked.
  explicit UnpackingScope(std::vector<int> arrived) noexcept
      : outer_(std::exchange(current, this)), arrived_(std::move(arrived)) {}
  UnpackingScope(const UnpackingScope&) = delete;
  UnpackingScope& operator=(const UnpackingScope&) = delete;
  ~UnpackingScope() {
    current = outer_;
    if (!arrived_.empty()) close_arrived();
  }

 private:
  friend void unpack_descriptors(const DescriptorTicket&, std::span<int>);
  void close_arrived() noexcept;

  static thread_local constinit UnpackingScope* current;
  UnpackingScope* outer_;
  std::vector<int> arrived_;
};

}  // namespace plait::detail
