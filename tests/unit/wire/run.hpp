// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A call's way through bytes, in one process.

#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/exceptions.hpp"
#include "plait/wire.hpp"

namespace plait::wire {

struct Result final : Invocation {
  MessageRoom result_space(const MessageSize& size) override {
    ++asked;
    bytes.resize(size.bytes);
    return {bytes, {}};
  }
  std::vector<std::byte> bytes;
  int asked = 0;
};

template <class F, class... Args>
std::vector<std::byte> encoded_call(F&& f, Args&&... args) {
  const auto call = make_call(std::forward<F>(f), std::forward<Args>(args)...);
  std::vector<std::byte> bytes(call.size());
  call.write(bytes);
  return bytes;
}

// f(args...), sent and run.
template <class F, class... Args>
auto run(F&& f, Args&&... args) {
  using R = CallResult<F, Args...>;
  Result result;
  run_call(encoded_call(std::forward<F>(f), std::forward<Args>(args)...), result);
  if constexpr (!std::is_void_v<R>) return decode<R>(result.bytes);
}

// The exception of f(args...), sent back.
template <class F, class... Args>
std::exception_ptr run_error(F&& f, Args&&... args) {
  Result result;
  try {
    run_call(encoded_call(std::forward<F>(f), std::forward<Args>(args)...), result);
  } catch (...) {
    return decode_exception(encode_exception(std::current_exception()));
  }
  return nullptr;
}

}  // namespace plait::wire
