// SPDX-License-Identifier: Apache-2.0
#include "multiprocessing/connection/connection_core.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include "os/error.hpp"
#include "plait/errors.hpp"

namespace plait::detail {

void throw_too_long(std::size_t size) {
  os::throw_system_error(EMSGSIZE, "recv", "a message of " + std::to_string(size) + " bytes");
}

ConnectionUse::ConnectionUse(ConnectionCore* core, For what, const char* call) : core_(core) {
  if (core == nullptr) os::throw_system_error(EBADF, call, "handle is closed");
  // acquire: pairs with the release of who made the core; a closed one is left as it was
  if ((core->state_.fetch_add(1, std::memory_order_acquire) & ConnectionCore::closed_bit) != 0) {
    core->leave();
    os::throw_system_error(EBADF, call, "handle is closed");
  }
  const bool allowed = what == For::anything || (what == For::receiving ? core->readable() : core->writable());
  if (allowed) return;
  core->leave();
  os::throw_system_error(EBADF, call, what == For::receiving ? "connection is write-only" : "connection is read-only");
}

ConnectionUse::~ConnectionUse() { core_->leave(); }

void ConnectionCore::receive(MessageIn& message, std::size_t most) {
  const Use use(this, Use::For::receiving, "recv");
  try {
    use->receive(message, most);
  } catch (const std::system_error& error) {
    if (error.code().value() != EMSGSIZE) throw;
    readable_.store(false, std::memory_order_relaxed);
    if (!writable()) close();
    throw;
  }
}

void ConnectionCore::close() noexcept {
  const std::uint32_t before = state_.fetch_or(closed_bit, std::memory_order_acq_rel);
  if ((before & closed_bit) != 0) return;
  if (before == 0 || generation_ != os::fork_generation()) transport_.reset();
}

OutgoingMessage::OutgoingMessage(const ConnectionRef& core, std::uint64_t type, std::size_t size)
    : use_(core.get(), ConnectionUse::For::sending, "send"),
      core_(core.get()),
      type_(type),
      descriptors_(core->transport().room_for_descriptors()) {
  bytes_ = size >= core->transport().file_from() ? space_.make_file(size) : space_.make(size);
}

void OutgoingMessage::send() {
  core_->transport().send(
      {.type = type_, .bytes = bytes_, .file = space_.finish_file(), .descriptors = descriptors_.attached()});
  descriptors_.take_deposits().release();
}

IncomingMessage::IncomingMessage(const ConnectionRef& core) {
  if (core == nullptr) os::throw_system_error(EBADF, "recv", "handle is closed");
  MessageIn message(space_);
  core->receive(message, Transport::never);
  type_ = message.type;
  if (message.descriptors.empty()) return;
  std::vector<int> arrived;
  arrived.reserve(message.descriptors.size());
  for (os::FileDescriptor& descriptor : message.descriptors) arrived.push_back(descriptor.release());
  descriptors_.emplace(std::move(arrived));
}

std::span<const std::byte> IncomingMessage::encoded(std::uint64_t type, const char* type_name) {
  std::span<const std::byte> bytes = space_.bytes();
  if (type_ == MessageIn::type_is_in_bytes) {
    constexpr std::size_t type_size = 16;
    type_ = 0;
    if (bytes.size() >= type_size) {
      std::memcpy(&type_, bytes.data(), sizeof type_);
      bytes = bytes.subspan(type_size);
    }
  }
  if (type_ != type) {
    throw TypeError(std::string("recv: the message is no ") + type_name +
                    (type_ == 0 ? ", but was sent by send_bytes()" : ""));
  }
  return bytes;
}

}  // namespace plait::detail
