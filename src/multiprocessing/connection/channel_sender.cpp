// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

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

// Whether anybody can still receive is asked of the kernel at most so often: in less time nobody has ended, and
// somebody else been told so and come here.
constexpr std::chrono::microseconds trust{10};
constexpr std::uint64_t reserve_step = std::uint64_t{32} << 10;

[[noreturn]] void throw_broken_pipe() { os::throw_system_error(EPIPE, "send", "the other end is closed"); }

std::int64_t now() noexcept {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

}  // namespace

// A message ready to be sent.
struct ChannelSender::Draft {
  explicit Draft(const MessageOut& what) : message(what) {
    int from = what.file;
    if (from < 0 && what.bytes.size() > ChannelMemory::most_inline) {
      file = file_of(what.bytes);
      from = file.get();
    }
    in_file = from >= 0;
    descriptors.assign(what.descriptors.begin(), what.descriptors.end());
    if (from >= 0) descriptors.push_back(from);
  }
  [[nodiscard]] bool has_parcel() const noexcept { return in_file || !descriptors.empty(); }
  [[nodiscard]] std::span<const std::byte> in_ring() const noexcept {
    return in_file ? std::span<const std::byte>() : message.bytes;
  }
  [[nodiscard]] std::uint64_t large() const noexcept { return in_file ? message.bytes.size() : 0; }

  const MessageOut& message;
  os::FileDescriptor file;
  bool in_file = false;
  std::vector<int> descriptors;  // the file's is the last
  std::uint64_t head_seen = 0;   // when there was no room
  std::uint64_t end = 0;         // of the message in the ring
};

void ChannelSender::send(const MessageOut& message) {
  Draft draft(message);
  send(draft);
  // Afterwards, for whoever receives need not wait for that. If nobody is there, nobody will see the message.
  if (!somebody_receives() && !was_taken(draft)) throw_broken_pipe();
}

void ChannelSender::send(Draft& draft) {
  {
    const std::scoped_lock lock(shared_.send_lock);
    if (try_send(draft)) return;
  }
  const std::scoped_lock turn(shared_.turn);
  for (;;) {
    wait_for_room(draft);
    const std::scoped_lock lock(shared_.send_lock);
    if (try_send(draft)) return;
  }
}

bool ChannelSender::try_send(Draft& draft) {
  finish_for_the_dead();
  const bool room = has_room(draft);
  draft.head_seen = shared_.head_seen;
  if (!room) return false;
  const std::uint64_t tail = shared_.tail;
  const std::uint64_t size = FrameHead::whole_size(draft.in_ring().size());
  reserve(tail % ChannelMemory::capacity + size + FrameHead::alignment);  // with the place where receivers look next
  FrameHead head{.ready = 0,
                 .size = draft.message.bytes.size(),
                 .type = draft.message.type,
                 .parcel = 0,
                 .large = shared_.large + draft.large()};
  if (draft.has_parcel()) {
    shared_.parcels += 2;
    head.parcel = shared_.parcels + (draft.in_file ? 1 : 0);
    const ParcelHead parcel{head.parcel, draft.message.descriptors.size()};
    PLAIT_KILL_POINT("pipe.parcel.numbered");
    const int error = os::send_packet(socket_.get(), std::as_bytes(std::span(&parcel, 1)), {}, draft.descriptors,
                                      os::Waiting::forbidden);
    if (error == EAGAIN && tail != draft.head_seen) return false;
    if (error == EPIPE || error == ECONNRESET) throw_broken_pipe();
    if (error != 0) os::throw_system_error(error, "send", "descriptors");
    PLAIT_KILL_POINT("pipe.parcel.sent");
    shared_.receivers_asleep = 1;  // so that what rings goes behind it
  }
  if (shared_.receivers_asleep != 0) {
    const ParcelHead rings;
    const int error =
        os::send_packet(socket_.get(), std::as_bytes(std::span(&rings, 1)), {}, {}, os::Waiting::forbidden);
    if (error == EPIPE || error == ECONNRESET) throw_broken_pipe();
    if (error == EAGAIN && draft.has_parcel()) return false;
    if (error != 0 && error != EAGAIN) os::throw_system_error(error, "send");  // EAGAIN: many have rung already
    PLAIT_KILL_POINT("pipe.bell.rung");
    shared_.receivers_asleep = 0;
  }
  PLAIT_KILL_POINT("pipe.awake");
  constexpr std::size_t mark = sizeof head.ready;
  std::memcpy(shared_.ring + tail % ChannelMemory::capacity + mark, reinterpret_cast<std::byte*>(&head) + mark,
              sizeof head - mark);
  PLAIT_KILL_POINT("pipe.half_written");
  copy_in(tail + sizeof head, draft.in_ring());
  shared_.large = head.large;
  PLAIT_KILL_POINT("pipe.written");
  // publish; release: pairs with the acquire in is_message
  shared_.ready(tail).store(shared_.mark(tail), std::memory_order_release);
  PLAIT_KILL_POINT("pipe.published");
  shared_.tail = tail + size;
  draft.end = tail + size;
  PLAIT_KILL_POINT("pipe.counted");
  return true;
}

// One that died after it had published its message, and before it had counted it.
void ChannelSender::finish_for_the_dead() noexcept {
  if (!shared_.is_message(shared_.tail)) return;
  FrameHead head;
  std::memcpy(&head, shared_.ring + shared_.tail % ChannelMemory::capacity, sizeof head);
  shared_.tail += FrameHead::whole_size(head.in_file() ? 0 : head.size);
}

bool ChannelSender::has_room(const Draft& draft) noexcept {
  const std::uint64_t tail = shared_.tail;
  const std::uint64_t size = FrameHead::whole_size(draft.in_ring().size());
  const auto fits = [&] { return tail + size - shared_.head_seen <= ChannelMemory::capacity; };
  if (fits() && draft.large() == 0) return true;
  // acquire: pairs with the release in try_take; what it has copied out may be overwritten
  shared_.head_seen = shared_.head.load(std::memory_order_acquire);
  if (!fits()) return false;
  if (draft.large() == 0 || tail == shared_.head_seen) return true;
  const std::uint64_t under_way = shared_.large - shared_.large_taken.load(std::memory_order_relaxed);
  return under_way == 0 ||
         (under_way <= ChannelMemory::most_large && draft.large() <= ChannelMemory::most_large - under_way);
}

void ChannelSender::reserve(std::uint64_t end) {
  end = std::min<std::uint64_t>(end, ChannelMemory::capacity);
  if (end <= shared_.reserved) return;
  const std::uint64_t size = (end - shared_.reserved + reserve_step - 1) & ~(reserve_step - 1);
  memory_->reserve_ring(shared_, shared_.reserved, size);
  shared_.reserved += size;
}

void ChannelSender::copy_in(std::uint64_t at, std::span<const std::byte> bytes) noexcept {
  const std::size_t begin = at % ChannelMemory::capacity;
  const std::size_t first = std::min(bytes.size(), ChannelMemory::capacity - begin);
  if (first != 0) std::memcpy(shared_.ring + begin, bytes.data(), first);
  if (first != bytes.size()) std::memcpy(shared_.ring, bytes.data() + first, bytes.size() - first);
}

// Without a receiver, so that nobody takes it any more.
bool ChannelSender::was_taken(const Draft& draft) const noexcept {
  return shared_.head.load(std::memory_order_acquire) >= draft.end;
}

bool ChannelSender::somebody_receives() {
  const std::int64_t time = now();
  // acquire: pairs with the release of who has closed; relaxed: hints, the kernel decides
  const std::uint32_t closings = shared_.closings.load(std::memory_order_acquire);
  const bool trusted = time - asked_at_.load(std::memory_order_relaxed) < trust / std::chrono::nanoseconds(1) &&
                       closings == closings_seen_.load(std::memory_order_relaxed);
  if (trusted) return true;
  if (os::has_hung_up(socket_.get())) return false;
  closings_seen_.store(closings, std::memory_order_relaxed);
  asked_at_.store(time, std::memory_order_relaxed);
  return true;
}

// One sender at a time: who has the turn.
void ChannelSender::wait_for_room(const Draft& draft) {
  // relaxed: try_send looks again
  const auto has_moved = [&] { return shared_.head.load(std::memory_order_relaxed) != draft.head_seen; };
  os::SpinBudget budget = budget_.get();
  const auto begin = os::SpinBudget::Clock::now();
  if (!os::spin_in_seat(budget, has_moved)) {
    {
      const std::scoped_lock lock(shared_.receive_lock);
      if (has_moved()) return;
      shared_.senders_asleep = 1;
      PLAIT_KILL_POINT("pipe.room.asked");
    }
    const os::Watched woken = wait_readable(socket_.get(), {});
    if (woken.hung_up) throw_broken_pipe();
    PLAIT_KILL_POINT("pipe.room.woken");
    drain(socket_.get());  // only whoever has the turn asks for packets
    budget.woke_after(os::SpinBudget::Clock::now() - begin);
  }
  budget_.set(budget);
}

}  // namespace plait::detail
