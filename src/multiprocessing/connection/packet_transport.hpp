// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Messages as packets of a socket: the kernel keeps them whole and in order, wakes who waits, and notices whoever is
// gone. Large ones lie in a file without a name that goes with its packet, so what is never received is never lost
// either: the kernel frees it.

#include "multiprocessing/connection/transport.hpp"

namespace plait::detail {

class PacketTransport final : public Transport {
 public:
  explicit PacketTransport(os::FileDescriptor socket) noexcept : socket_(std::move(socket)) {}

  void send(const MessageOut& message) override;
  void receive(MessageIn& message, std::size_t most) override;
  bool poll(const Until& until) override;
  int fileno() override { return socket_.get(); }
  [[nodiscard]] std::size_t room_for_descriptors() const noexcept override;
  [[nodiscard]] std::size_t file_from() const noexcept override;
  [[nodiscard]] Kind kind() const noexcept override { return Kind::pipe; }
  [[nodiscard]] std::vector<int> descriptors() const override { return {socket_.get()}; }

 private:
  os::FileDescriptor socket_;
};

}  // namespace plait::detail
