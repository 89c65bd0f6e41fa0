// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <new>
#include <string>
#include <utility>

#include "os/error.hpp"
#include "os/file_bytes.hpp"
#include "os/shared_file.hpp"
#include "plait/detail/connection_core.hpp"
#include "plait/errors.hpp"

namespace plait::detail {

namespace {
constexpr std::align_val_t alignment{64};
}

std::span<std::byte> MessageSpace::make_elsewhere(std::size_t size) {
  elsewhere_ = static_cast<std::byte*>(::operator new(size, alignment));
  place_ = Place::memory;
  return {elsewhere_, size_ = size};
}

std::span<std::byte> MessageSpace::make_file(std::size_t size) {
  if (place_ != Place::here) reset();
  os::FileDescriptor file;
  try {
    file = os::make_message_file(size, true);
  } catch (const std::system_error& error) {
    if (error.code().value() != ENOSPC && error.code().value() != ENOMEM) throw;
    throw OutOfSharedMemory("no memory for a message of " + std::to_string(size) + " bytes");
  }
  void* const mapped = os::map_message_file(file.get(), size, false);
  if (mapped == nullptr) throw std::bad_alloc();
  elsewhere_ = static_cast<std::byte*>(mapped);
  place_ = Place::mapping;
  file_ = file.release();
  return {elsewhere_, size_ = size};
}

int MessageSpace::finish_file() noexcept {
  if (file_ >= 0) os::seal_message_file(file_);
  return file_;
}

void MessageSpace::take_file(int file, std::size_t size) {
  os::FileDescriptor owned(file);
  if (size == 0 || !os::is_message_file(file, size)) {
    throw DecodeError("plait: the file of a message is not what it should be");
  }
  void* const mapped = os::map_message_file(file, size, true);
  if (mapped == nullptr) throw std::bad_alloc();
  if (place_ != Place::here) reset();
  elsewhere_ = static_cast<std::byte*>(mapped);
  place_ = Place::mapping;
  file_ = owned.release();
  size_ = size;
}

void MessageSpace::reset() noexcept {
  if (place_ == Place::memory) {
    ::operator delete(elsewhere_, alignment);
  } else {
    os::unmap(elsewhere_, size_);
    os::FileDescriptor(std::exchange(file_, -1)).reset();
  }
  place_ = Place::here;
  size_ = 0;
}

}  // namespace plait::detail
