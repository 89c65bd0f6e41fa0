// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/wire/exception.hpp"

#include <cxxabi.h>

#include <mutex>
#include <typeinfo>

#include "os/fork_handlers.hpp"
#include "plait/exceptions.hpp"
#include "wire/known_exceptions.hpp"
#include "wire/module.hpp"
#include "wire/symbols.hpp"
#include "wire/throw_trace.hpp"

namespace plait::wire {
namespace {

std::atomic<const ExceptionCodec*> registered{nullptr};
constinit std::mutex adding;

[[gnu::constructor(os::registers_innermost_locks)]] void register_handlers() { os::hold_over_fork<adding>(); }

template <class Matches>
const ExceptionCodec* find_codec(const Matches& matches) {
  const ExceptionCodec* codec = registered.load(std::memory_order_acquire);  // pairs with the push in add_exception
  for (; codec != nullptr; codec = codec->next) {
    if (matches(*codec)) return codec;
  }
  for (const ExceptionCodec* known : known_exceptions()) {
    if (matches(*known)) return known;
  }
  return nullptr;
}

// What there is to say about the exception that is being handled.
struct Description {
  const std::type_info* type = nullptr;
  std::string message;
  std::optional<std::string> earlier_trace;  // of the process that it came from to this one
};

Description describe(const std::exception_ptr& error) {
  Description about;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    about.type = &typeid(e);
    about.message = e.what();
  } catch (const RemoteOrigin& e) {
    about.type = &typeid(e);
    about.message = e.message();
  } catch (const std::string& e) {
    about = {&typeid(e), e, {}};
  } catch (const char* e) {
    about = {&typeid(e), e != nullptr ? e : "", {}};
  } catch (int e) {
    about = {&typeid(e), std::to_string(e), {}};
  } catch (...) {
    about.type = abi::__cxa_current_exception_type();
  }
  about.earlier_trace = remote_traceback(error);
  return about;
}

// The thrown object: what an exception_ptr points to.
const void* object_of(const std::exception_ptr& error) noexcept {
  static_assert(sizeof(error) == sizeof(void*));
  return *reinterpret_cast<const void* const*>(&error);
}

void put_trace(auto& out, const ThrowTrace& trace) {
  put(out, static_cast<std::uint32_t>(trace.count));
  for (std::size_t i = 0; i < trace.count; ++i) {
    const Module* module = find_module(reinterpret_cast<std::uintptr_t>(trace.frames[i]));
    put_code(out, module != nullptr ? locate_code(trace.frames[i])
                                    : CodeRef{.offset = reinterpret_cast<std::uintptr_t>(trace.frames[i])});
  }
}

std::vector<CodeRef> get_trace(Reader& in) {
  const auto count = get<std::uint32_t>(in);
  if (count > ThrowTrace::max_frames) throw_decode_error("plait: an exception has too many frames");
  std::vector<CodeRef> frames;
  for (std::uint32_t i = 0; i < count; ++i) frames.push_back(get_code(in));
  return frames;
}

std::exception_ptr make_exception(Reader& in) {
  const auto type = get<std::string>(in);
  auto message = get<std::string>(in);
  const auto earlier_trace = get<std::optional<std::string>>(in);
  std::string trace = format_trace(get_trace(in));
  if (earlier_trace) trace = *earlier_trace + (trace.empty() ? "" : "thrown again by\n" + trace);
  const bool has_details = get<bool>(in);
  const ExceptionCodec* codec =
      has_details ? find_codec([&](const ExceptionCodec& c) { return type == c.type->name(); }) : nullptr;
  if (codec != nullptr) return codec->make(in, RemoteOrigin(std::move(message), std::move(trace)));
  return std::make_exception_ptr(RemoteError(demangle(type.c_str()), std::move(message), std::move(trace)));
}

}  // namespace

RemoteOrigin::~RemoteOrigin() = default;

void add_exception(ExceptionCodec& codec) noexcept {
  const std::scoped_lock lock(adding);
  if (codec.added.exchange(true, std::memory_order_relaxed)) return;  // relaxed: under the mutex
  codec.next = registered.load(std::memory_order_relaxed);            // relaxed: written under the mutex only
  registered.store(&codec, std::memory_order_release);                // pairs with find_codec()
}

std::vector<std::byte> encode_exception(const std::exception_ptr& error) {
  const Description about = describe(error);
  const void* object = object_of(error);
  const ExceptionCodec* codec =
      find_codec([&](const ExceptionCodec& c) { return *c.type == *about.type || *c.remade == *about.type; });
  std::vector<std::byte> details;
  if (codec != nullptr) details = codec->details(object, *codec->remade == *about.type);
  static const ThrowTrace no_trace;
  const ThrowTrace& trace = last_throw().object == object ? last_throw() : no_trace;

  const auto put_all = [&](auto& out) {
    put(out, std::string_view(codec != nullptr ? codec->type->name() : about.type->name()));
    put(out, about.message);
    put(out, about.earlier_trace);
    put_trace(out, trace);
    put(out, codec != nullptr);
    out.bytes(details.data(), details.size());
  };
  SizeCounter size;
  put_all(size);
  std::vector<std::byte> bytes(size.position());
  Writer out(bytes);
  put_all(out);
  last_throw().object = nullptr;  // the next exception may lie at the same address
  return bytes;
}

std::exception_ptr decode_exception(std::span<const std::byte> bytes) noexcept {
  try {
    Reader in(bytes);
    return make_exception(in);
  } catch (...) {
    return std::current_exception();
  }
}

std::string message_of_exception(std::span<const std::byte> bytes) {
  Reader in(bytes);
  static_cast<void>(get<std::string>(in));  // the type
  return get<std::string>(in);
}

}  // namespace plait::wire

namespace plait {

std::optional<std::string> remote_traceback(const std::exception& error) {
  if (const auto* origin = dynamic_cast<const wire::RemoteOrigin*>(&error)) return origin->traceback();
  if (const auto* remote = dynamic_cast<const RemoteError*>(&error)) return remote->traceback();
  return std::nullopt;
}

std::optional<std::string> remote_traceback(const std::exception_ptr& error) {
  if (error == nullptr) return std::nullopt;
  try {
    std::rethrow_exception(error);
  } catch (const wire::RemoteOrigin& origin) {
    return origin.traceback();
  } catch (const RemoteError& remote) {
    return remote.traceback();
  } catch (...) {
    return std::nullopt;
  }
}

}  // namespace plait
