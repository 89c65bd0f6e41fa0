// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// One end of a Pipe(): a channel to receive from, one to send to, or both.

#include <memory>
#include <optional>

#include "multiprocessing/connection/channel.hpp"
#include "multiprocessing/connection/transport.hpp"

namespace plait::detail {

class PipeTransport final : public Transport {
 public:
  // Which end: the first receives from channel 0 and sends to channel 1, the second the other way round. A pipe that is
  // not duplex has channel 0 only.
  struct End {
    bool second = false;
    bool duplex = true;
    [[nodiscard]] bool receives() const noexcept { return duplex || !second; }
    [[nodiscard]] bool sends() const noexcept { return duplex || second; }
    [[nodiscard]] std::size_t channels() const noexcept { return duplex ? 2 : 1; }
    // Of the memory, and a socket for each channel.
    [[nodiscard]] std::size_t descriptors() const noexcept { return 1 + channels(); }
  };

  // The sockets of this end, by channels; those of channels that it has none of are empty.
  PipeTransport(End end, const std::shared_ptr<PipeMemory>& memory, os::FileDescriptor first_channel,
                os::FileDescriptor second_channel);
  // An end that another process has sent. Throws DecodeError.
  PipeTransport(End end, std::vector<os::FileDescriptor> descriptors);

  void send(const MessageOut& message) override { sender_->send(message); }
  void receive(MessageIn& message, std::size_t most) override { receiver_->receive(message, most); }
  bool poll(const Until& until) override { return receiver_->poll(until); }
  int fileno() override { return receiver_ ? receiver_->expose() : sender_->socket(); }
  [[nodiscard]] std::size_t room_for_descriptors() const noexcept override;
  [[nodiscard]] std::size_t file_from() const noexcept override { return ChannelMemory::most_inline + 1; }
  [[nodiscard]] Kind kind() const noexcept override { return Kind::pipe; }
  [[nodiscard]] std::vector<int> descriptors() const override;
  [[nodiscard]] std::uint8_t end() const noexcept override;

 private:
  End end_;
  std::shared_ptr<PipeMemory> memory_;
  std::optional<ChannelReceiver> receiver_;
  std::optional<ChannelSender> sender_;
};

}  // namespace plait::detail
