// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <string>

#include "os/error.hpp"
#include "os/file_descriptor.hpp"
#include "plait/errors.hpp"
#include "plait/multiprocessing/reduction.hpp"

namespace plait::multiprocessing::reduction {

struct DupFd::Owned {
  os::FileDescriptor descriptor;
};

DupFd::DupFd(int descriptor) : owned_(std::make_shared<Owned>(os::duplicate(descriptor))) {}

DupFd::DupFd(int descriptor, Adopt) {
  if (!os::set_close_on_exec(descriptor, true)) {
    os::throw_system_error("fcntl", "F_SETFD of descriptor " + std::to_string(descriptor));
  }
  take(descriptor);
}

void DupFd::take(int descriptor) {
  os::FileDescriptor taken(descriptor);
  owned_ = taken ? std::make_shared<Owned>(std::move(taken)) : nullptr;
}

int DupFd::fileno() const noexcept { return owned_ != nullptr ? owned_->descriptor.get() : -1; }

int DupFd::detach() {
  if (owned_ == nullptr) throw RuntimeError("detach: this DupFd owns no descriptor");
  const int given =
      owned_.use_count() == 1 ? owned_->descriptor.release() : os::duplicate(owned_->descriptor.get()).release();
  owned_.reset();
  return given;
}

}  // namespace plait::multiprocessing::reduction
