// SPDX-License-Identifier: Apache-2.0
#include "wire/throw_trace.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <unwind.h>

#include <cstdint>
#include <exception>
#include <string_view>
#include <typeinfo>

namespace plait::wire {
namespace {

constinit thread_local ThrowTrace trace;
constinit thread_local const void* trace_limit = nullptr;

// The runtime's own frames, from the throw to here, are no more than these.
constexpr std::size_t runtime_frames = 12;

struct Walk {
  bool thrown = false;  // past the runtime's own frames
};

// By address, and by name in case a sanitizer or profiler has put itself in front of it.
bool is_throw(const void* function) noexcept {
  if (function == reinterpret_cast<const void*>(&abi::__cxa_throw) ||
      function == reinterpret_cast<const void*>(&abi::__cxa_rethrow) ||
      function == reinterpret_cast<const void*>(&std::rethrow_exception)) {
    return true;
  }
  Dl_info info;
  if (function == nullptr || ::dladdr(function, &info) == 0 || info.dli_saddr != function) return false;
  const std::string_view name = info.dli_sname;
  return name == "__cxa_throw" || name == "__cxa_rethrow" || name.starts_with("_ZSt17rethrow_exception");
}

_Unwind_Reason_Code add_frame(_Unwind_Context* context, void* walk) {
  auto& [thrown] = *static_cast<Walk*>(walk);
  if (_Unwind_GetCFA(context) > reinterpret_cast<std::uintptr_t>(trace_limit)) return _URC_END_OF_STACK;
  int before_instruction = 0;
  auto address = static_cast<std::uintptr_t>(_Unwind_GetIPInfo(context, &before_instruction));
  if (address == 0) return _URC_END_OF_STACK;
  if (before_instruction == 0) --address;
  if (trace.count < ThrowTrace::max_frames) trace.frames[trace.count++] = reinterpret_cast<const void*>(address);
  if (!thrown && trace.count <= runtime_frames &&
      is_throw(_Unwind_FindEnclosingFunction(reinterpret_cast<void*>(address)))) {
    thrown = true;
    trace.count = 0;  // what comes now is the program
  }
  return _URC_NO_REASON;
}

}  // namespace

#ifdef __GLIBCXX__
class ProbeTypeInfo final : public std::type_info {
 public:
  ProbeTypeInfo() : std::type_info("N5plait4wire10ThrowProbeE") {}

  bool __do_catch(const std::type_info* thrown, void** object, unsigned) const override {
    if (*thrown == typeid(abi::__forced_unwind)) return false;  // a thread that ends throws nothing
    trace.object = *object;
    trace.count = 0;
    Walk walk;
    _Unwind_Backtrace(&add_frame, &walk);
    return false;
  }
};

// Never destroyed: threads that the end of the program leaves behind may throw.
union Undying {
  Undying() : info() {}
  Undying(const Undying&) = delete;
  Undying& operator=(const Undying&) = delete;
  ~Undying() {}  // NOLINT(modernize-use-equals-default): that would be deleted
  ProbeTypeInfo info;
};

// Under the name where the compiler looks for ThrowProbe's. Made before the program's own objects.
extern const Undying probe_type_info __asm__("_ZTIN5plait4wire10ThrowProbeE");
__attribute__((init_priority(101), used)) const Undying probe_type_info;
#else
// Other runtimes do not ask the type_info: there are no traces.
#endif

ThrowTrace& last_throw() noexcept { return trace; }

TraceLimit::TraceLimit(const void* limit) noexcept : outer_(trace_limit) {
  trace_limit = limit;
  trace.object = nullptr;
}
TraceLimit::~TraceLimit() { trace_limit = outer_; }

}  // namespace plait::wire
