// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <new>
#include <system_error>

#include "multiprocessing/connection/channel.hpp"
#include "os/error.hpp"
#include "os/file_bytes.hpp"
#include "os/random.hpp"
#include "os/shared_file.hpp"
#include "plait/errors.hpp"

namespace plait::detail {
namespace {

constexpr std::size_t ring_at = offsetof(ChannelMemory, ring);
static_assert(ring_at == 4096);

std::size_t offset_of(std::size_t channel) noexcept { return channel * sizeof(ChannelMemory); }

void reserve(int file, std::uint64_t from, std::uint64_t size) {
  if (os::reserve_pages(file, from, size)) return;
  if (errno != ENOSPC && errno != ENOMEM) os::throw_system_error("fallocate", "a pipe");
  throw OutOfSharedMemory("no memory for a pipe");
}

}  // namespace

// The rest is zero, which is an empty ring. Whoever is asleep when the first message comes has to be woken.
void ChannelMemory::make() {
  send_lock.make();
  turn.make();
  receive_lock.make();
  receivers_asleep = 1;
  os::fill_with_random(std::as_writable_bytes(std::span(&secret, 1)));
}

std::shared_ptr<PipeMemory> PipeMemory::make(std::size_t channels) {
  os::FileDescriptor file = os::make_message_file(channels * sizeof(ChannelMemory), false);
  os::seal_message_file(file.get());
  // The first page of the ring too, at which receivers look.
  for (std::size_t i = 0; i < channels; ++i) reserve(file.get(), offset_of(i), 2 * ring_at);
  auto made = std::make_shared<PipeMemory>(std::move(file), channels);
  for (std::size_t i = 0; i < channels; ++i) made->channel(i).make();
  return made;
}

std::shared_ptr<PipeMemory> PipeMemory::open(os::FileDescriptor file, std::size_t channels) {
  if (!os::is_message_file(file.get(), channels * sizeof(ChannelMemory))) {
    throw DecodeError("plait: the memory of a pipe is not what it should be");
  }
  return std::make_shared<PipeMemory>(std::move(file), channels);
}

PipeMemory::PipeMemory(os::FileDescriptor file, std::size_t channels) : file_(std::move(file)), count_(channels) {
  channels_ = static_cast<ChannelMemory*>(os::map_shared_file(file_.get(), channels * sizeof(ChannelMemory), nullptr));
  if (channels_ == nullptr) os::throw_system_error("mmap", "a pipe");
}

PipeMemory::~PipeMemory() { os::unmap(channels_, count_ * sizeof(ChannelMemory)); }

void PipeMemory::reserve_ring(const ChannelMemory& channel, std::uint64_t from, std::uint64_t size) {
  const auto index = static_cast<std::size_t>(&channel - channels_);
  reserve(file_.get(), offset_of(index) + ring_at + from, size);
}

}  // namespace plait::detail
