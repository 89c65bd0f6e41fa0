// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What a Process runs: a callable with its arguments, kept from the making of the object until start(), then copied
// with the whole program (fork) or made again in the child from bytes.

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "plait/detail/export.hpp"
#include "plait/detail/wire/check.hpp"
#include "plait/detail/wire/code.hpp"
#include "plait/detail/wire/encode.hpp"
#include "plait/partial.hpp"

namespace plait::detail {

class PLAIT_EXPORT ProcessTarget {
 public:
  ProcessTarget() noexcept = default;
  ProcessTarget(const ProcessTarget&) = delete;
  ProcessTarget& operator=(const ProcessTarget&) = delete;
  virtual ~ProcessTarget() = default;

  // Once; the arguments are given away.
  virtual void call() = 0;
  // Bytes from which another process of this program makes it again. Throw EncodeError, and what serializers throw.
  [[nodiscard]] virtual wire::MessageSize message_size() const = 0;
  virtual void encode(const wire::MessageRoom& out) const = 0;
};

// The address of such a function is what the bytes of a target begin with.
using TargetReader = std::unique_ptr<ProcessTarget>(wire::Reader& in);

// As what an argument Arg for a parameter P is kept: P's own type if that is a value, what it views if it is a view.
template <class P, class Arg>
struct HeldAs : wire::BoundAs<P, Arg> {};
template <class P, class Arg>
  requires wire::is_span<std::remove_cvref_t<P>>
struct HeldAs<P, Arg> {
  using type = std::vector<typename std::remove_cvref_t<P>::value_type>;
};

template <class P, class Arg>
  requires(wire::std_kind<std::remove_cvref_t<P>> == wire::Kind::view)
struct HeldAs<P, Arg> {
  using type = std::basic_string<typename std::remove_cvref_t<P>::value_type>;
};

template <class F, class... Held>
class ShippableTarget final : public ProcessTarget {
 public:
  template <class G, class... Args>
  explicit ShippableTarget(std::in_place_t, G&& f, Args&&... args)
      : f_(std::forward<G>(f)), args_(hold<Held>(std::forward<Args>(args))...) {}
  // In the order in which put() writes.
  explicit ShippableTarget(wire::Reader& in) : f_(wire::get<F>(in)), args_(wire::get<std::tuple<Held...>>(in)) {}

  void call() override {
    std::apply([this](Held&... args) { static_cast<void>(std::invoke(std::move(f_), std::move(args)...)); }, args_);
  }
  [[nodiscard]] wire::MessageSize message_size() const override {
    if constexpr (std::is_pointer_v<F> || std::is_member_pointer_v<F>) {
      if (f_ == nullptr) wire::throw_encode_error("plait: the function to be called is a null pointer");
    }
    wire::SizeCounter size;
    put(size);
    return size.size();
  }
  void encode(const wire::MessageRoom& out) const override {
    wire::Writer writer(out);
    put(writer);
    writer.finish();
  }

 private:
  static std::unique_ptr<ProcessTarget> read(wire::Reader& in) { return std::make_unique<ShippableTarget>(in); }

  template <class Out>
  void put(Out& out) const {
    wire::put_code(out, wire::locate_code(reinterpret_cast<const void*>(&read)));
    wire::put(out, f_);
    wire::put(out, args_);
  }
  template <class T, class Arg>
  static T hold(Arg&& arg) {
    if constexpr (std::is_constructible_v<T, Arg>) {
      return T(std::forward<Arg>(arg));
    } else {
      const std::span<const typename T::value_type> view(arg);
      return T(view.begin(), view.end());
    }
  }

  F f_;
  std::tuple<Held...> args_;
};

// What only a copy of this program can call: any callable, any arguments.
template <class F, class... Args>
class ForkedTarget final : public ProcessTarget {
 public:
  template <class G, class... Given>
  explicit ForkedTarget(std::in_place_t, G&& f, Given&&... args)
      : f_(std::forward<G>(f)), args_(std::forward<Given>(args)...) {}

  void call() override {
    std::apply([this](Args&... args) { static_cast<void>(std::invoke(std::move(f_), std::move(args)...)); }, args_);
  }
  // Never called: such a process is started by fork.
  [[nodiscard]] wire::MessageSize message_size() const override { return {}; }
  void encode(const wire::MessageRoom&) const override {}

 private:
  F f_;
  std::tuple<Args...> args_;
};

template <class F, class... Args, class... Ps>
auto make_shippable_target(wire::Types<Ps...>, F&& f, Args&&... args) {
  using Target = ShippableTarget<std::decay_t<F>, typename HeldAs<Ps, Args&&>::type...>;
  return std::make_unique<Target>(std::in_place, std::forward<F>(f), std::forward<Args>(args)...);
}

// Does not compile if f(args...) cannot run in another process; the error says why.
template <class F, class... Args>
std::unique_ptr<ProcessTarget> make_process_target(F&& f, Args&&... args) {
  wire::check_sendable<F, Args...>();
  using Checked = wire::SendableCall<std::decay_t<F>, Args&&...>;
  if constexpr (Checked::ok) {
    return make_shippable_target(typename Checked::Params(), std::forward<F>(f), std::forward<Args>(args)...);
  } else {
    return nullptr;
  }
}

template <class F, class... Args>
std::unique_ptr<ProcessTarget> make_forked_target(F&& f, Args&&... args) {
  static_assert(std::invocable<std::decay_t<F>, std::decay_t<Args>...>,
                "plait: the target of this process cannot be called with these arguments; it gets copies of them as "
                "rvalues");
  return std::make_unique<ForkedTarget<std::decay_t<F>, std::decay_t<Args>...>>(std::in_place, std::forward<F>(f),
                                                                                std::forward<Args>(args)...);
}

}  // namespace plait::detail
