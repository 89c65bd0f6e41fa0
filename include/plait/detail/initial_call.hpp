// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A call that several processes run, as the initializer of a pool: encoded once, by who makes it. A handle in a message
// arrives once, so that each of them gets a copy of a message with handles; its descriptors can be fetched by all.

#include <memory>
#include <utility>

#include "plait/detail/descriptor_ticket.hpp"
#include "plait/detail/message.hpp"
#include "plait/detail/wire/call.hpp"

namespace plait::detail {

struct InitialCall {
  Message message;
  Deposits deposits;

  // Throws EncodeError, OutOfSharedMemory, std::bad_alloc, std::system_error, and what serializers throw.
  template <class F, class... Args>
  static std::shared_ptr<const InitialCall> make(F&& function, Args&&... args) {
    const auto call = wire::make_call(std::forward<F>(function), std::forward<Args>(args)...);
    PackingScope descriptors(PackingScope::ForAll{});
    auto made = std::make_shared<InitialCall>();
    made->message = Message(call.message_size());
    call.write(made->message.room());
    made->deposits = descriptors.take_deposits();
    return made;
  }
};

}  // namespace plait::detail
