// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/shared_memory.hpp"

#include <array>
#include <system_error>
#include <utility>

#include "multiprocessing/memory_segment.hpp"
#include "os/named_memory.hpp"
#include "os/random.hpp"
#include "plait/errors.hpp"
#include "process/tracked_names.hpp"
#include "process/tracker.hpp"

namespace plait::multiprocessing::shared_memory {
namespace {

std::string checked_name(const std::string& name) {
  if (name.find('\0') != std::string::npos) throw ValueError("SharedMemory: there is a zero byte in the name");
  return name.starts_with('/') ? name.substr(1) : name;
}

std::string random_name() {
  std::array<std::byte, 4> bytes{};
  os::fill_with_random(bytes);
  std::string name = "psm_";
  for (const std::byte byte : bytes) {
    for (const unsigned digit : {std::to_integer<unsigned>(byte) >> 4, std::to_integer<unsigned>(byte) & 15U}) {
      name += "0123456789abcdef"[digit];
    }
  }
  return name;
}

std::shared_ptr<const detail::MemorySegment> map(int fd, std::size_t size, const std::string& name) {
  void* const begin = os::map_memory(fd, size, name);
  try {
    return std::make_shared<detail::MemorySegment>(begin, size);
  } catch (...) {
    os::unmap(begin, size);
    throw;
  }
}

// The tracker hears of it first: if this process is killed in between, there is just no such file.
void give_name(int fd, const std::string& name, os::FileIdentity file, bool track) {
  os::check_memory_name("shm_open", name);
  if (!track) return os::name_memory(fd, name);
  process::track_name(name, file);
  try {
    os::name_memory(fd, name);
  } catch (...) {
    process::forget_name(file);
    throw;
  }
}

// Names by chance, until one is free.
std::string give_random_name(int fd, os::FileIdentity file, bool track) {
  for (;;) {
    std::string name = random_name();
    try {
      give_name(fd, name, file, track);
      return name;
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::file_exists) throw;
    }
  }
}

}  // namespace

SharedMemory::SharedMemory() noexcept = default;
SharedMemory::SharedMemory(const SharedMemory& other) = default;
SharedMemory& SharedMemory::operator=(const SharedMemory& other) = default;
SharedMemory::~SharedMemory() = default;

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : segment_(std::move(other.segment_)),
      name_(std::exchange(other.name_, {})),
      size_(std::exchange(other.size_, 0)),
      device_(other.device_),
      inode_(other.inode_) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  SharedMemory taken(std::move(other));
  segment_.swap(taken.segment_);
  name_.swap(taken.name_);
  std::swap(size_, taken.size_);
  std::swap(device_, taken.device_);
  std::swap(inode_, taken.inode_);
  return *this;
}

SharedMemory::SharedMemory(Options options) : SharedMemory(std::move(options), nullptr, nullptr) {}

SharedMemory::SharedMemory(Options options, Fill* fill, const void* context) {
  if (options.create && options.size == 0) throw ValueError("SharedMemory: .size must be a positive number");
  if (!options.create && !options.name) throw ValueError("SharedMemory: .name can only be left out with .create");
  if (options.name) name_ = checked_name(*options.name);
  os::FileDescriptor file = options.create ? os::make_memory(options.size) : os::open_memory(name_);
  const os::MemoryStatus status = os::status_of_memory(file.get(), name_);
  if (status.size == 0) throw ValueError("SharedMemory: /" + name_ + " is empty");
  size_ = status.size;
  device_ = status.identity.device;
  inode_ = status.identity.inode;
  segment_ = map(file.get(), size_, name_);
  if (!options.create) return;
  if (fill != nullptr) fill(buf(), context);
  if (options.name) {
    give_name(file.get(), name_, status.identity, options.track);
  } else {
    name_ = give_random_name(file.get(), status.identity, options.track);
  }
}

std::span<std::byte> SharedMemory::buf() const noexcept {
  return segment_ != nullptr ? segment_->bytes() : std::span<std::byte>();
}

void SharedMemory::close() noexcept { segment_.reset(); }

void SharedMemory::unlink() const {
  if (name_.empty()) throw ValueError("SharedMemory::unlink: this handle is of no segment");
  os::unlink_memory(name_);
  process::forget_name({device_, inode_});
}

void SharedMemory::unlink_own() const noexcept {
  const os::FileIdentity file{device_, inode_};
  os::unlink_memory_of(name_.c_str(), file);
  process::forget_name(file);
}

void SharedMemory::attach_received() {
  segment_.reset();
  if (name_.empty()) {
    size_ = 0;
    return;
  }
  const std::size_t sent = size_;
  SharedMemory attached({.name = name_});
  if (attached.size() < sent) {
    throw ValueError("SharedMemory: /" + name_ + " is smaller here than where it was sent: it is another");
  }
  *this = std::move(attached);
}

}  // namespace plait::multiprocessing::shared_memory
