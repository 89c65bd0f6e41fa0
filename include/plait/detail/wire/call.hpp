// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// A call as bytes: the address of the function that runs it (`run<…>`, made by the compiler for each type of call),
// then the callable unless it is stateless, then the arguments in order. It is written straight from the caller's
// arguments and read straight into the parameters of the callee.

#include <cstddef>
#include <functional>
#include <span>
#include <type_traits>
#include <utility>

#include "plait/detail/export.hpp"
#include "plait/detail/wire/check.hpp"
#include "plait/detail/wire/code.hpp"
#include "plait/detail/wire/encode.hpp"
#include "plait/detail/wire/exception.hpp"
#include "plait/detail/wire/parameter.hpp"

namespace plait::wire {

// The side that runs a call gives it the place for its value.
class Invocation {
 public:
  // Room for a value of that size, to be filled before the call ends. Asked for once, when the callee has
  // returned; with 0 if the result is void. May throw: the call then fails with that.
  virtual MessageRoom result_space(const MessageSize& size) = 0;

 protected:
  ~Invocation() = default;
};

// Reads a call, runs it in this thread and writes its value. Throws what the callee and the serializers of the user
// throw, and DecodeError if the bytes are no call of this program, in which case nothing was called. An exception's
// stack is remembered for encode_exception in this thread.
// `handles`: the list of those among the bytes, if there is one.
PLAIT_EXPORT void run_call(std::span<const std::byte> call, std::span<std::uint64_t> handles, Invocation& invocation);
inline void run_call(std::span<const std::byte> call, Invocation& invocation) { run_call(call, {}, invocation); }

// What a callable is called in an error: the function's name in the source if the program's symbols have it, else
// `name`. For Call::name() and Call::code(). Reads files; throws std::bad_alloc.
PLAIT_EXPORT std::string describe_callable(const char* name, const void* code);

using RunFunction = void(Reader&, Invocation&);

template <class F, class Indices, class... Ps>
class Runner;
template <class F, std::size_t... i, class... Ps>
class Runner<F, std::index_sequence<i...>, Ps...> {
  struct Arguments : Received<i, Ps>... {  // bases are made in order
    explicit Arguments(Reader& in) : Received<i, Ps>(in)... {}
  };

 public:
  static void run(Reader& in, Invocation& invocation) {
    F f = wire::get<F>(in);
    Arguments arguments(in);
    in.finish();
    const auto call = [&]() -> decltype(auto) {
      return std::invoke(std::move(f), static_cast<Received<i, Ps>&>(arguments).pass()...);
    };
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      invocation.result_space({});
    } else {
      const auto& result = call();
      encode(result, invocation.result_space(message_size(result)));
    }
  }
};

// The arguments of a call until they are written.
template <class Indices, class Args, class Params>
class SentArguments;
template <std::size_t... i, class... Args, class... Ps>
class SentArguments<std::index_sequence<i...>, Types<Args...>, Types<Ps...>> : Sent<i, Ps, Args>... {
 public:
  explicit SentArguments(std::remove_reference_t<Args>&... arguments) : Sent<i, Ps, Args>(arguments)... {}
  template <class Out>
  void put(Out& out) const {
    (Sent<i, Ps, Args>::put(out), ...);
  }
};

// What a call is made of; nothing for a call that was refused.
template <class F, class Args, class Params>
struct CallParts;
template <class F, class... Args, class... Ps>
struct CallParts<F, Types<Args...>, Types<Ps...>> {
  using Indices = std::index_sequence_for<Ps...>;
  using Run = Runner<F, Indices, Ps...>;
  using Arguments = SentArguments<Indices, Types<Args...>, Types<Ps...>>;
};

// A call of F with Args (both with their references). Refers to its callable and arguments, which must outlive it,
// until it is written; arguments that are not of their parameter's type are converted when it is made.
template <class F, class... Args>
class Call {
  using Callable = std::decay_t<F>;
  using Checked = CheckedCall<Callable, Args...>;

  using Parts = CallParts<Callable, Types<Args...>, typename Checked::Params>;

 public:
  // What comes back: the decayed type that f returns.
  using Result = typename Checked::Result;

  Call(std::remove_reference_t<F>& f, std::remove_reference_t<Args>&... args)
      : f_(f), run_(locate_code(reinterpret_cast<const void*>(&Parts::Run::run))), arguments_(args...) {}

  // What write() fills. Throws EncodeError, and what a serializer of the user throws.
  [[nodiscard]] MessageSize message_size() const {
    if constexpr (kind_of<Callable> == Kind::function || kind_of<Callable> == Kind::member) {
      if (f_ == nullptr) throw_encode_error("plait: the function to be called is a null pointer");
    }
    SizeCounter counter;
    put(counter);
    return counter.size();
  }
  [[nodiscard]] std::size_t size() const { return message_size().bytes; }
  // Fills `out`, which has that size; the list of zeroes, or none. Throws as message_size().
  void write(const MessageRoom& out) const {
    Writer writer(out);
    put(writer);
    writer.finish();
  }
  void write(std::span<std::byte> out) const { write(MessageRoom{out, {}}); }
  // The callable for error messages: a name that lives as long as the program, and its address or nullptr.
  [[nodiscard]] const char* name() const noexcept { return callable_name<Callable>(); }
  [[nodiscard]] const void* code() const noexcept { return wire::code_of<Callable>(f_); }

 private:
  template <class Out>
  void put(Out& out) const {
    put_code(out, run_);
    wire::put<Out, Callable>(out, f_);
    arguments_.put(out);
  }

  std::conditional_t<std::is_function_v<std::remove_reference_t<F>>, Callable, const std::remove_reference_t<F>&> f_;
  CodeRef run_;
  typename Parts::Arguments arguments_;
};

// The call f(args...), to be encoded before f or args change. Does not compile if it cannot run in another process.
template <class F, class... Args>
Call<F&&, Args&&...> make_call(F&& f, Args&&... args) {
  check_shippable<F, Args...>();
  return Call<F&&, Args&&...>(f, args...);
}

// What future of a call f(args...) in another process holds.
template <class F, class... Args>
using CallResult = typename CheckedCall<std::decay_t<F>, Args&&...>::Result;

}  // namespace plait::wire
