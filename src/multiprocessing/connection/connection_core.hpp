// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// One end of a connection, as this process holds it: a transport, and what may be done with it.
//
// close() may come while other threads are in a call: the word `state_` counts these, and has a bit for closed. Who
// makes it "closed, and nobody in a call" destroys the transport. In a forked child the threads that were in a call are
// not there, so a core of an earlier fork generation does not wait for them.

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "multiprocessing/connection/transport.hpp"
#include "os/fork_generation.hpp"

namespace plait::detail {

class ConnectionCore {
 public:
  ConnectionCore(std::unique_ptr<Transport> transport, bool readable, bool writable) noexcept
      : transport_(std::move(transport)), readable_(readable), writable_(writable) {}
  ConnectionCore(const ConnectionCore&) = delete;
  ConnectionCore& operator=(const ConnectionCore&) = delete;

  // While it lives, the transport does.
  class Use : public ConnectionUse {
   public:
    using ConnectionUse::ConnectionUse;
    Transport* operator->() const noexcept { return core_->transport_.get(); }
  };
  [[nodiscard]] Transport& transport() const noexcept { return *transport_; }  // for who has a ConnectionUse

  void receive(MessageIn& message, std::size_t most);
  void close() noexcept;

  [[nodiscard]] bool closed() const noexcept { return (state_.load(std::memory_order_acquire) & closed_bit) != 0; }
  [[nodiscard]] bool readable() const noexcept { return readable_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool writable() const noexcept { return writable_.load(std::memory_order_relaxed); }

 private:
  friend ConnectionUse;
  static constexpr std::uint32_t closed_bit = std::uint32_t{1} << 31;

  // acq_rel: what all others did with the transport lies before its end
  void leave() noexcept {
    if (state_.fetch_sub(1, std::memory_order_acq_rel) == (closed_bit | 1)) transport_.reset();
  }

  std::atomic<std::uint32_t> state_{0};
  std::unique_ptr<Transport> transport_;
  std::atomic<bool> readable_;
  std::atomic<bool> writable_;
  const std::uint64_t generation_ = os::fork_generation();
};

}  // namespace plait::detail
