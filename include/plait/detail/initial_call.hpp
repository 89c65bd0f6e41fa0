// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A call that several processes are to run, as the initializer of a pool. It is encoded for each of them, since handles
// and descriptors among its arguments arrive once.

#include <memory>

#include "plait/detail/descriptor_ticket.hpp"
#include "plait/detail/export.hpp"
#include "plait/detail/message.hpp"
#include "plait/detail/process_target.hpp"

namespace plait::detail {

// For one process. What has not arrived there is given back when this ends.
struct PLAIT_EXPORT InitialCall {
  InitialCall() = default;
  // Bytes for wire::run_call. Throws EncodeError, OutOfSharedMemory, std::bad_alloc, and what serializers throw.
  explicit InitialCall(const ProcessTarget& target);

  Message message;
  Deposits deposits;
};

// The rest of a message is a target, aligned as a message of its own. Throws DecodeError, and what serializers throw.
[[nodiscard]] PLAIT_EXPORT std::unique_ptr<ProcessTarget> read_process_target(wire::Reader& in);

}  // namespace plait::detail
