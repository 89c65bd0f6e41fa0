// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// One direction of a Pipe(): a ring of messages in memory that both sides share, and a pair of sockets. Any number of
// processes and threads may be at either side, and each may be killed between any two instructions.
//
// Messages lie in the ring, whole. The sockets tell who is still there (the kernel counts), carry what only the kernel
// can carry (descriptors, and files with large messages), and wake who sleeps. The rules, proved in
// tests/model/pipe_bell.pml and told in docs/design/connection.md:
//
//   publish    the store of `tail` makes a message so, that of `head` makes it gone; before it nothing has happened,
//   after
//              it everything. So whoever finds a lock of a dead owner has nothing to repair.
//   bell       while the ring is not empty there is a packet in the receivers' socket. A sender that finds
//              `receivers_asleep` sends one, before it publishes; only who finds the ring empty, under the senders'
//              lock, takes packets away, and sets `receivers_asleep` before.
//   room       the same the other way round, for the one sender at a time that waits for room.
//   exposed    once fileno() was asked for, who takes the last message takes the packets away at once: then the socket
//   can
//              be read exactly while there are messages.
//   parcel     what goes through the socket for a message is numbered, goes before a packet that only rings, and is
//              published in the ring afterwards. Its receiver takes everything up to it; so what rings stays.
//
// Locks: the senders' and the receivers', each for one side's fields; never is one taken while the other is held.
// `turn` is taken before the senders'.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "multiprocessing/connection/transport.hpp"
#include "os/file_descriptor.hpp"
#include "os/robust_mutex.hpp"
#include "os/spin.hpp"
#include "plait/until.hpp"

namespace plait::detail {

// What lies before each message in the ring. With a small message it fills a cache line, the only one that moves from
// one processor to the other.
struct FrameHead {
  static constexpr std::size_t alignment = 64;

  std::uint64_t ready = 0;   // ChannelMemory::mark of its place: it is a message
  std::uint64_t size = 0;    // of the message
  std::uint64_t type = 0;    //
  std::uint64_t parcel = 0;  // the number of its parcel, odd if its bytes are in a file there; 0: it has none
  std::uint64_t large = 0;   // bytes in files that were ever sent, with this one

  [[nodiscard]] bool in_file() const noexcept { return (parcel & 1) != 0; }
  // Of head and message, of which so many bytes are in the ring.
  static std::uint64_t whole_size(std::size_t in_ring) noexcept {
    return (sizeof(FrameHead) + in_ring + alignment - 1) & ~(alignment - 1);
  }
};

struct ChannelMemory {
  static constexpr std::size_t capacity = std::size_t{256} << 10;
  static constexpr std::size_t alignment = FrameHead::alignment;
  static constexpr std::size_t most_inline = capacity / 4 - sizeof(FrameHead);
  // Files under way: one of any size, or several of so many bytes in all.
  static constexpr std::uint64_t most_large = std::uint64_t{64} << 20;

  // The senders'; written under send_lock.
  alignas(64) os::RobustMutex send_lock;
  std::uint32_t receivers_asleep;    // bell; under send_lock by receivers too
  std::uint64_t head_seen;           // `head`, as somebody saw it
  std::uint64_t parcels;             // numbers given away
  std::uint64_t large;               // as in FrameHead
  std::uint64_t reserved;            // bytes of `ring` that have pages
  std::uint64_t tail;                // bytes ever put into the ring, or less by the last message of a sender that died
  alignas(64) os::RobustMutex turn;  // of who waits for room

  // The receivers'; written under receive_lock.
  alignas(64) os::RobustMutex receive_lock;
  std::uint32_t senders_asleep;  // room; under receive_lock by senders too
  std::atomic<std::uint32_t> exposed;
  std::atomic<std::uint64_t> large_taken;
  alignas(64) std::atomic<std::uint64_t> head;      // bytes ever taken from it
  alignas(64) std::atomic<std::uint32_t> closings;  // how often a receiver's end was given up
  std::uint64_t secret;                             // makes marks differ from whatever a message may hold; constant

  alignas(4096) std::byte ring[capacity];

  void make();
  // The `ready` of a message that begins after so many bytes.
  [[nodiscard]] std::uint64_t mark(std::uint64_t at) const noexcept { return secret + at; }
  [[nodiscard]] std::atomic_ref<std::uint64_t> ready(std::uint64_t at) noexcept {
    return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(ring + at % capacity));
  }
  // acquire: pairs with the release of who publishes
  [[nodiscard]] bool is_message(std::uint64_t at) noexcept {
    return ready(at).load(std::memory_order_acquire) == mark(at);
  }
  // Under a lock: of the receivers, so that nobody takes, or of the senders, so that nobody writes where it looks.
  // acquire: pairs with the release of who has taken
  [[nodiscard]] bool is_empty() noexcept { return !is_message(head.load(std::memory_order_acquire)); }
  // Without: a look. If others have taken what was first, and a sender is writing there again, then what is read is
  // anything but the mark, for that is secret; and ThreadSanitizer is not to see it.
  [[nodiscard]] bool seems_empty() const noexcept {
    const std::uint64_t at = head.load(std::memory_order_acquire);
    return !is_word(ring + at % capacity, mark(at));
  }
  __attribute__((no_sanitize("thread"))) static bool is_word(const std::byte* place, std::uint64_t word) noexcept {
    return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(place), __ATOMIC_ACQUIRE) == word;
  }
};

// The memory of a pipe: one channel, or two.
class PipeMemory {
 public:
  // Throws std::system_error, OutOfSharedMemory.
  static std::shared_ptr<PipeMemory> make(std::size_t channels);
  // Throws DecodeError: the file is none of ours.
  static std::shared_ptr<PipeMemory> open(os::FileDescriptor file, std::size_t channels);
  PipeMemory(os::FileDescriptor file, std::size_t channels);
  PipeMemory(const PipeMemory&) = delete;
  PipeMemory& operator=(const PipeMemory&) = delete;
  ~PipeMemory();

  [[nodiscard]] ChannelMemory& channel(std::size_t i) noexcept { return channels_[i]; }
  [[nodiscard]] std::size_t channels() const noexcept { return count_; }
  [[nodiscard]] int file() const noexcept { return file_.get(); }
  // Gives pages to so many bytes of the channel's ring. Throws OutOfSharedMemory.
  void reserve_ring(const ChannelMemory& channel, std::uint64_t from, std::uint64_t size);

 private:
  os::FileDescriptor file_;
  std::size_t count_;
  ChannelMemory* channels_ = nullptr;
};

// How long to spin before sleeping; what threads of an end have learnt of it.
class SharedBudget {
 public:
  // relaxed: a hint
  [[nodiscard]] os::SpinBudget get() const noexcept {
    return os::SpinBudget(std::chrono::nanoseconds(nanoseconds_.load(std::memory_order_relaxed)));
  }
  void set(const os::SpinBudget& budget) noexcept {
    nanoseconds_.store(budget.current().count(), std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> nanoseconds_{os::SpinBudget::most.count()};
};

class ChannelSender {
 public:
  ChannelSender(std::shared_ptr<PipeMemory> memory, std::size_t channel, os::FileDescriptor socket) noexcept
      : memory_(std::move(memory)), shared_(memory_->channel(channel)), socket_(std::move(socket)) {}

  void send(const MessageOut& message);
  [[nodiscard]] int socket() const noexcept { return socket_.get(); }

 private:
  struct Draft;
  void send(Draft& draft);
  // Under send_lock. False: there is no room.
  bool try_send(Draft& draft);
  void finish_for_the_dead() noexcept;
  [[nodiscard]] bool has_room(const Draft& draft) noexcept;
  void reserve(std::uint64_t end);
  void copy_in(std::uint64_t at, std::span<const std::byte> bytes) noexcept;
  void wait_for_room(const Draft& draft);
  [[nodiscard]] bool was_taken(const Draft& draft) const noexcept;
  [[nodiscard]] bool somebody_receives();

  std::shared_ptr<PipeMemory> memory_;
  ChannelMemory& shared_;
  os::FileDescriptor socket_;
  std::atomic<std::int64_t> asked_at_{0};        // when the kernel said that somebody is there
  std::atomic<std::uint32_t> closings_seen_{0};  // of ChannelMemory, before that
  SharedBudget budget_;
};

class ChannelReceiver {
 public:
  ChannelReceiver(std::shared_ptr<PipeMemory> memory, std::size_t channel, os::FileDescriptor socket) noexcept
      : memory_(std::move(memory)), shared_(memory_->channel(channel)), socket_(std::move(socket)) {}
  ChannelReceiver(const ChannelReceiver&) = delete;
  ChannelReceiver& operator=(const ChannelReceiver&) = delete;
  ~ChannelReceiver();

  void receive(MessageIn& message, std::size_t most);
  bool poll(const Until& until);
  // The socket, exposed.
  int expose();
  [[nodiscard]] int socket() const noexcept { return socket_.get(); }

 private:
  enum class Taken : std::uint8_t { message, nothing, lost };
  Taken try_take(MessageIn& message, std::size_t most);
  // Under receive_lock. False: the parcel is gone with a receiver that died.
  bool take_parcel(MessageIn& message, const FrameHead& head);
  void copy_out(std::uint64_t at, std::span<std::byte> bytes) const noexcept;
  void let_senders_know() noexcept;
  bool look();
  // Takes packets away if the ring is empty, and asks to be woken; true: it is. nullopt: not before the deadline.
  std::optional<bool> settle(std::optional<Deadline::Clock::time_point> deadline);
  bool spin();

  std::shared_ptr<PipeMemory> memory_;
  ChannelMemory& shared_;
  os::FileDescriptor socket_;
  SharedBudget budget_;
};

}  // namespace plait::detail
