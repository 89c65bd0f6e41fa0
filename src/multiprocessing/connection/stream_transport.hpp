// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Messages through a descriptor of the user's, framed as Python's multiprocessing frames them: the length in four
// bytes, big-endian and signed, then the bytes; from 2 GiB on, -1 and the length in eight bytes.

#include <mutex>

#include "multiprocessing/connection/transport.hpp"

namespace plait::detail {

class StreamTransport final : public Transport {
 public:
  explicit StreamTransport(os::FileDescriptor stream) noexcept : stream_(std::move(stream)) {}

  void send(const MessageOut& message) override;
  void receive(MessageIn& message, std::size_t most) override;
  bool poll(const Until& until) override;
  int fileno() override { return stream_.get(); }
  [[nodiscard]] std::size_t room_for_descriptors() const noexcept override { return 0; }
  [[nodiscard]] std::size_t file_from() const noexcept override { return never; }
  [[nodiscard]] Kind kind() const noexcept override { return Kind::stream; }
  [[nodiscard]] std::vector<int> descriptors() const override { return {stream_.get()}; }

 private:
  os::FileDescriptor stream_;
};

}  // namespace plait::detail
