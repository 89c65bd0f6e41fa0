// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "multiprocessing/connection/channel.hpp"
#include "multiprocessing/connection/parcel.hpp"
#include "multiprocessing/connection/wait_readable.hpp"
#include "os/error.hpp"
#include "os/kill_point.hpp"
#include "os/poll.hpp"
#include "os/socket.hpp"
#include "os/spin_seats.hpp"
#include "plait/errors.hpp"

namespace plait::detail {
namespace {

[[noreturn]] void throw_nonsense() { throw DecodeError("plait: the memory of a pipe has been overwritten"); }

}  // namespace

ChannelReceiver::~ChannelReceiver() {
  socket_.reset();
  // release: pairs with the acquire in somebody_receives, which then asks the kernel
  shared_.closings.fetch_add(1, std::memory_order_release);
}

void ChannelReceiver::receive(MessageIn& message, std::size_t most) {
  for (;;) {
    if (!shared_.seems_empty()) {
      if (try_take(message, most) == Taken::message) return;
      continue;
    }
    if (spin()) continue;
    if (!*settle(std::nullopt)) continue;
    const auto begin = os::SpinBudget::Clock::now();
    // Nobody who could publish is there any more, so a look after this one is the last.
    if (wait_readable(socket_.get(), {}).hung_up && *settle(std::nullopt)) {
      throw EOFError("recv: the other end is closed");
    }
    os::SpinBudget budget = budget_.get();
    budget.woke_after(budget.current() + (os::SpinBudget::Clock::now() - begin));
    budget_.set(budget);
  }
}

bool ChannelReceiver::poll(const Until& until) {
  if (!shared_.seems_empty()) return true;
  if (until.is_over()) return look();
  if (spin()) return true;
  for (;;) {
    const std::optional<bool> empty = settle(time_of(until.deadline()));
    if (!empty.value_or(true)) return true;
    if (!empty || until.is_over()) return look();
    const os::Watched socket = wait_readable(socket_.get(), until);
    if (socket.hung_up) return true;
    if (!socket.ready) return !shared_.seems_empty();
  }
}

bool ChannelReceiver::look() {
  const os::Watched socket = wait_readable(socket_.get(), std::chrono::seconds(0));
  if (socket.hung_up) return true;
  // It can be read: for a message that has been taken since, or one that is about to be published.
  if (socket.ready) settle(Deadline::Clock::time_point());
  return !shared_.seems_empty();
}

int ChannelReceiver::expose() {
  {
    const std::scoped_lock lock(shared_.receive_lock);  // who takes after this settles
    shared_.exposed.store(1, std::memory_order_relaxed);
  }
  settle(std::nullopt);
  return socket_.get();
}

bool ChannelReceiver::spin() {
  constexpr int looks_for_a_moment = 16;
  for (int look = 0; look < looks_for_a_moment; ++look) {
    if (!shared_.seems_empty()) return true;
    os::cpu_relax();
  }
  os::SpinBudget budget = budget_.get();
  const bool found = os::spin_in_seat(budget, [&] { return !shared_.seems_empty(); });
  budget_.set(budget);
  return found;
}

std::optional<bool> ChannelReceiver::settle(std::optional<Deadline::Clock::time_point> deadline) {
  if (!shared_.send_lock.lock_until(deadline)) return std::nullopt;
  const std::unique_lock lock(shared_.send_lock, std::adopt_lock);
  if (!shared_.is_empty()) return false;
  shared_.receivers_asleep = 1;
  PLAIT_KILL_POINT("pipe.asleep");
  drain(socket_.get());
  PLAIT_KILL_POINT("pipe.drained");
  return true;
}

ChannelReceiver::Taken ChannelReceiver::try_take(MessageIn& message, std::size_t most) {
  bool exposed = false;
  bool whole = true;
  {
    const std::scoped_lock lock(shared_.receive_lock);
    const std::uint64_t at = shared_.head.load(std::memory_order_relaxed);  // written under this lock
    if (at % FrameHead::alignment != 0) throw_nonsense();
    if (!shared_.is_message(at)) return Taken::nothing;
    FrameHead head;
    std::memcpy(&head, shared_.ring + at % ChannelMemory::capacity, sizeof head);
    if (head.size > most) throw_too_long(head.size);
    const std::size_t in_ring = head.in_file() ? 0 : head.size;
    if (in_ring > ChannelMemory::most_inline) throw_nonsense();
    // All that may fail comes before what takes the message.
    if (!head.in_file()) copy_out(at + sizeof head, message.space.make(in_ring));
    if (head.parcel != 0) whole = take_parcel(message, head);
    PLAIT_KILL_POINT("pipe.copied");
    let_senders_know();
    shared_.large_taken.store(head.large, std::memory_order_relaxed);
    // gone; release: pairs with the acquire in has_room
    shared_.head.store(at + FrameHead::whole_size(in_ring), std::memory_order_release);
    PLAIT_KILL_POINT("pipe.taken");
    exposed = shared_.exposed.load(std::memory_order_relaxed) != 0;
    message.type = head.type;
  }
  if (exposed) settle(std::nullopt);
  return whole ? Taken::message : Taken::lost;
}

bool ChannelReceiver::take_parcel(MessageIn& message, const FrameHead& head) {
  ParcelHead parcel;
  const auto bytes = std::as_writable_bytes(std::span(&parcel, 1));
  for (;;) {
    const os::Packet front = os::receive_packet(socket_.get(), bytes, {}, 0, os::Taking::look);
    if (front.result != os::Received::Result::message) return false;
    if (front.size != sizeof parcel || parcel.number > head.parcel) return false;
    if (parcel.number == head.parcel) break;
    os::receive_packet(socket_.get(), bytes, {}, 0, os::Taking::take);  // rings, or is of a sender that died
  }
  const std::size_t in_file = head.in_file() ? 1 : 0;
  if (parcel.descriptors >= os::most_descriptors) throw_nonsense();
  const std::size_t count = parcel.descriptors + in_file;
  os::Packet packet = os::receive_packet(socket_.get(), bytes, {}, count, os::Taking::look);
  if (packet.descriptors.size() != count) os::throw_system_error(EMFILE, "recv", "the descriptors of a message");
  if (in_file != 0) {
    message.space.take_file(packet.descriptors.back().release(), head.size);
    packet.descriptors.pop_back();
  }
  message.descriptors = std::move(packet.descriptors);
  PLAIT_KILL_POINT("pipe.parcel.looked");
  os::receive_packet(socket_.get(), bytes, {}, 0, os::Taking::take);
  PLAIT_KILL_POINT("pipe.parcel.taken");
  return true;
}

void ChannelReceiver::copy_out(std::uint64_t at, std::span<std::byte> bytes) const noexcept {
  const std::size_t begin = at % ChannelMemory::capacity;
  const std::size_t first = std::min(bytes.size(), ChannelMemory::capacity - begin);
  if (first != 0) std::memcpy(bytes.data(), shared_.ring + begin, first);
  if (first != bytes.size()) std::memcpy(bytes.data() + first, shared_.ring, bytes.size() - first);
}

void ChannelReceiver::let_senders_know() noexcept {
  if (shared_.senders_asleep == 0) return;
  const ParcelHead rings;
  os::send_packet(socket_.get(), std::as_bytes(std::span(&rings, 1)), {}, {}, os::Waiting::forbidden);
  PLAIT_KILL_POINT("pipe.room.rung");
  shared_.senders_asleep = 0;
}

}  // namespace plait::detail
