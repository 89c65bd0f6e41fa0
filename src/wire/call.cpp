// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/wire/call.hpp"

#include <atomic>

#include "os/advice.hpp"
#include "plait/errors.hpp"
#include "wire/throw_trace.hpp"

namespace plait::wire {

void throw_encode_error(const char* what) { throw EncodeError(what); }
void throw_decode_error(const char* what) { throw DecodeError(what); }

void take_from_list(std::uint64_t& entry, std::uint64_t word) {
  std::uint64_t expected = word;
  // acquire: what the sender did with the object. Who drops the message may be doing so at the same time, if this
  // process is taken for dead.
  if (word == 0 || !std::atomic_ref(entry).compare_exchange_strong(expected, 0, std::memory_order_acquire)) {
    throw_decode_error("plait: a handle in a message is not the one in its list");
  }
}

void expect_large_block(void* begin, std::size_t size) noexcept { os::expect_to_be_filled(begin, size); }

// Has a type_info of ours: the compiler expects it where key() is, which is nowhere, and finds throw_trace.cpp's.
struct ThrowProbe {
  virtual void key();

 protected:
  ~ThrowProbe() = default;
};
#ifndef __GLIBCXX__
void ThrowProbe::key() {}
#endif

__attribute__((noinline)) void call_traced(void (*f)(void*), void* context) {
  const TraceLimit limit(__builtin_frame_address(0));
  try {
    f(context);
  } catch (ThrowProbe&) {  // never taken
  } catch (...) {          // a handler here makes the search end here, so that it passes the probe once
    throw;
  }
}

void run_call(std::span<const std::byte> call, std::span<std::uint64_t> handles, Invocation& invocation) {
  call_traced([&] {
    Reader in(call, handles);
    const CodeRef code = get_code(in);
    if (code.module == 0) throw_decode_error("plait: these bytes are no call");
    auto* run = reinterpret_cast<RunFunction*>(const_cast<void*>(resolve_code(code)));
    run(in, invocation);
  });
}

}  // namespace plait::wire
