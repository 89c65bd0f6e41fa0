// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/connection/pipe_transport.hpp"

#include "os/socket.hpp"

namespace plait::detail {

PipeTransport::PipeTransport(End end, const std::shared_ptr<PipeMemory>& memory, os::FileDescriptor first_channel,
                             os::FileDescriptor second_channel)
    : end_(end), memory_(memory) {
  if (!end.second) {
    receiver_.emplace(memory, 0, std::move(first_channel));
    if (end.duplex) sender_.emplace(memory, 1, std::move(second_channel));
  } else {
    sender_.emplace(memory, 0, std::move(first_channel));
    if (end.duplex) receiver_.emplace(memory, 1, std::move(second_channel));
  }
}

PipeTransport::PipeTransport(End end, std::vector<os::FileDescriptor> descriptors)
    : PipeTransport(end, PipeMemory::open(std::move(descriptors[0]), end.channels()), std::move(descriptors[1]),
                    end.duplex ? std::move(descriptors[2]) : os::FileDescriptor()) {}

std::size_t PipeTransport::room_for_descriptors() const noexcept { return os::most_descriptors - 1; }

std::vector<int> PipeTransport::descriptors() const {
  std::vector<int> all{memory_->file(), end_.second ? sender_->socket() : receiver_->socket()};
  if (end_.duplex) all.push_back(end_.second ? receiver_->socket() : sender_->socket());
  return all;
}

std::uint8_t PipeTransport::end() const noexcept {
  return static_cast<std::uint8_t>((end_.second ? 1 : 0) | (end_.duplex ? 2 : 0));
}

}  // namespace plait::detail
