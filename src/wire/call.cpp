// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/wire/call.hpp"

#include "plait/errors.hpp"
#include "wire/throw_trace.hpp"

namespace plait::wire {

void throw_encode_error(const char* what) { throw EncodeError(what); }
void throw_decode_error(const char* what) { throw DecodeError(what); }

void run_call(std::span<const std::byte> call, Invocation& invocation) {
  call_traced([&] {
    Reader in(call);
    const CodeRef code = get_code(in);
    if (code.module == 0) throw_decode_error("plait: these bytes are no call");
    auto* run = reinterpret_cast<RunFunction*>(const_cast<void*>(resolve_code(code)));
    run(in, invocation);
  });
}

}  // namespace plait::wire
