// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/descriptor_ticket.hpp"

#include <algorithm>

#include "multiprocessing/resource_sharer.hpp"
#include "os/file_descriptor.hpp"

// A ticket: {0, index, count, 0} for descriptors that come with the message, else address, number and secret.
namespace plait::detail {

thread_local constinit PackingScope* PackingScope::current = nullptr;
thread_local constinit UnpackingScope* UnpackingScope::current = nullptr;

void Deposits::add(std::uint64_t number) {
  if (numbers_ == nullptr) numbers_ = std::make_unique<std::vector<std::uint64_t>>();
  numbers_->push_back(number);
}

void Deposits::withdraw_all() noexcept {
  for (const std::uint64_t number : *numbers_) detail::withdraw(number);
  numbers_.reset();
}

void PackingScope::close_attached() noexcept {
  for (const int descriptor : attached_) os::FileDescriptor(descriptor).reset();
}

void UnpackingScope::close_arrived() noexcept {
  for (const int descriptor : arrived_) os::FileDescriptor(descriptor).reset();
}

DescriptorTicket pack_descriptors(std::span<const int> descriptors) {
  std::vector<os::FileDescriptor> duplicates;
  for (const int descriptor : descriptors) duplicates.push_back(os::duplicate(descriptor));
  PackingScope* const scope = PackingScope::current;
  if (scope != nullptr && scope->room_ >= scope->attached_.size() + descriptors.size()) {
    const std::size_t index = scope->attached_.size();
    scope->attached_.reserve(index + descriptors.size());
    for (os::FileDescriptor& duplicate : duplicates) scope->attached_.push_back(duplicate.release());
    return {{0, index, descriptors.size(), 0}};
  }
  const SharedResource resource =
      deposit(std::move(duplicates), scope != nullptr && scope->is_for_all_ ? Fetched::often : Fetched::once);
  try {
    if (scope != nullptr) scope->deposits_.add(resource.number);
  } catch (...) {
    withdraw(resource.number);
    throw;
  }
  return {{resource.address[0], resource.number, resource.secret, resource.address[1]}};
}

void unpack_descriptors(const DescriptorTicket& ticket, std::span<int> descriptors) {
  const auto& words = ticket.words;
  if (words[0] != 0) {
    std::vector<os::FileDescriptor> fetched = fetch({{words[0], words[3]}, words[1], words[2]}, descriptors.size());
    std::ranges::transform(fetched, descriptors.begin(), [](os::FileDescriptor& fd) { return fd.release(); });
    return;
  }
  UnpackingScope* const scope = UnpackingScope::current;
  const std::size_t arrived = scope != nullptr ? scope->arrived_.size() : 0;
  if (words[2] != descriptors.size() || words[1] > arrived || words[2] > arrived - words[1]) {
    wire::throw_decode_error("plait: a descriptor did not come with its message");
  }
  const auto mine = std::span(scope->arrived_).subspan(words[1], words[2]);
  if (std::ranges::find(mine, -1) != mine.end()) wire::throw_decode_error("plait: a descriptor was received twice");
  for (std::size_t i = 0; i < mine.size(); ++i) descriptors[i] = std::exchange(mine[i], -1);
}

}  // namespace plait::detail
