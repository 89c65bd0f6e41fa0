// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/shared_handle.hpp"

#include "shm/hold.hpp"

namespace plait::detail {

SharedHandle::SharedHandle(const SharedHandle& other) noexcept : hold_(other.hold_) { hold_->add_handle(); }

SharedHandle& SharedHandle::operator=(const SharedHandle& other) noexcept {
  if (this == &other) return *this;
  other.hold_->add_handle();
  hold_->drop_handle();
  hold_ = other.hold_;
  return *this;
}

SharedHandle::~SharedHandle() { hold_->drop_handle(); }

std::uint64_t SharedHandle::depart() const { return hold_->send(); }

}  // namespace plait::detail
