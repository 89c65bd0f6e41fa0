// SPDX-License-Identifier: Apache-2.0
#include "wire/known_exceptions.hpp"

#include <any>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <typeinfo>

#include "plait/errors.hpp"

namespace plait::wire {
namespace {

// Stands for a category of the user's: same name, but equal to none of this process.
class ForeignCategory final : public std::error_category {
 public:
  explicit ForeignCategory(std::string name) : name_(std::move(name)) {}
  const char* name() const noexcept override { return name_.c_str(); }
  std::string message(int value) const override { return name_ + " error " + std::to_string(value); }

  const ForeignCategory* next = nullptr;

 private:
  std::string name_;
};

// Error categories are objects of one process. The standard ones are known by their names, others are made; these
// are kept, as codes refer to them. Without a lock, for a child may be forked at any time.
const std::error_category& category_named(const std::string& name) {
  for (const std::error_category* category :
       {&std::generic_category(), &std::system_category(), &std::iostream_category(), &std::future_category()}) {
    if (name == category->name()) return *category;
  }
  static constinit std::atomic<const ForeignCategory*> foreign{nullptr};
  const ForeignCategory* head = foreign.load(std::memory_order_acquire);  // pairs with the push below
  for (const ForeignCategory* category = head; category != nullptr; category = category->next) {
    if (name == category->name()) return *category;
  }
  auto made = std::make_unique<ForeignCategory>(name);
  made->next = head;  // two threads may both add one; that does no harm
  while (!foreign.compare_exchange_weak(made->next, made.get(), std::memory_order_acq_rel)) {
  }
  return *made.release();
}

template <class Out>
void put_error_code(Out& out, const std::error_code& code) {
  put(out, std::string_view(code.category().name()));
  put(out, code.value());
}
std::error_code get_error_code(Reader& in) {
  const auto name = get<std::string>(in);
  return {get<int>(in), category_named(name)};
}

// A message without what the exception's constructor adds to it from the code.
std::string own_part(const std::string& message, const std::error_code& code) {
  const std::string added = code.message();
  if (!message.ends_with(added)) return message;
  std::string own = message.substr(0, message.size() - added.size());
  if (own.ends_with(": ")) own.resize(own.size() - 2);
  return own;
}

template <class E>
struct SystemErrorDetails {
  template <class Out>
  static void put(Out& out, const E& error) {
    put_error_code(out, error.code());
  }
  static E make(Reader& in, const std::string& message) {
    const std::error_code code = get_error_code(in);
    const std::string own = own_part(message, code);
    if constexpr (std::is_same_v<E, std::ios_base::failure>) {
      return E(own, code);
    } else {
      return own.empty() ? E(code) : E(code, own);
    }
  }
};

struct FilesystemErrorDetails {
  using E = std::filesystem::filesystem_error;
  template <class Out>
  static void put(Out& out, const E& error) {
    put_error_code(out, error.code());
    wire::put(out, error.path1());
    wire::put(out, error.path2());
  }
  static E make(Reader& in, const std::string& message) {
    const std::error_code code = get_error_code(in);
    auto path1 = get<std::filesystem::path>(in);
    return E(message, path1, get<std::filesystem::path>(in), code);
  }
};

struct FutureErrorDetails {
  template <class Out>
  static void put(Out& out, const std::future_error& error) {
    wire::put(out, error.code().value());
  }
  static std::future_error make(Reader& in, const std::string&) {
    return std::future_error(static_cast<std::future_errc>(get<int>(in)));
  }
};

struct RegexErrorDetails {
  template <class Out>
  static void put(Out& out, const std::regex_error& error) {
    wire::put(out, static_cast<int>(error.code()));
  }
  static std::regex_error make(Reader& in, const std::string&) {
    return std::regex_error(static_cast<std::regex_constants::error_type>(get<int>(in)));
  }
};

struct RemoteErrorDetails {
  template <class Out>
  static void put(Out& out, const RemoteError& error) {
    wire::put(out, error.type_name());
    wire::put(out, error.message());
    wire::put(out, error.traceback());
  }
  static RemoteError make(Reader& in, const std::string&) {
    auto type = get<std::string>(in);
    auto message = get<std::string>(in);
    return {std::move(type), std::move(message), get<std::string>(in)};
  }
};

struct WorkerDiedDetails {
  template <class Out>
  static void put(Out& out, const futures::WorkerDied& error) {
    wire::put(out, futures::WorkerDied::Cause{error.pid(), error.signal(), error.exit_code(), error.known()});
    wire::put(out, error.task());
  }
  static futures::WorkerDied make(Reader& in, const std::string&) {
    const auto cause = get<futures::WorkerDied::Cause>(in);
    return {cause, get<std::string>(in)};
  }
};

struct SystemExitDetails {
  template <class Out>
  static void put(Out& out, const SystemExit& error) {
    wire::put(out, error.code());
  }
  static SystemExit make(Reader& in, const std::string&) { return SystemExit(get<int>(in)); }
};

struct BufferTooShortDetails {
  template <class Out>
  static void put(Out& out, const multiprocessing::BufferTooShort& error) {
    wire::put(out, error.message());
  }
  static multiprocessing::BufferTooShort make(Reader& in, const std::string&) {
    return multiprocessing::BufferTooShort(get<std::string>(in));
  }
};

}  // namespace

std::span<const ExceptionCodec* const> known_exceptions() {
  static const ExceptionCodec* const known[] = {
      &exception_codec_with<std::exception, MessageException<std::exception>>(),
      &exception_codec<std::runtime_error>(),
      &exception_codec<std::logic_error>(),
      &exception_codec<std::invalid_argument>(),
      &exception_codec<std::domain_error>(),
      &exception_codec<std::length_error>(),
      &exception_codec<std::out_of_range>(),
      &exception_codec<std::range_error>(),
      &exception_codec<std::overflow_error>(),
      &exception_codec<std::underflow_error>(),
      &exception_codec_with<std::bad_alloc, MessageException<std::bad_alloc>>(),
      &exception_codec_with<std::bad_array_new_length, MessageException<std::bad_array_new_length>>(),
      &exception_codec_with<std::bad_cast, MessageException<std::bad_cast>>(),
      &exception_codec_with<std::bad_typeid, MessageException<std::bad_typeid>>(),
      &exception_codec_with<std::bad_exception, MessageException<std::bad_exception>>(),
      &exception_codec_with<std::bad_weak_ptr, MessageException<std::bad_weak_ptr>>(),
      &exception_codec_with<std::bad_function_call, MessageException<std::bad_function_call>>(),
      &exception_codec_with<std::bad_optional_access, MessageException<std::bad_optional_access>>(),
      &exception_codec_with<std::bad_variant_access, MessageException<std::bad_variant_access>>(),
      &exception_codec_with<std::bad_any_cast, MessageException<std::bad_any_cast>>(),
      &exception_codec_with<std::system_error, SystemErrorDetails<std::system_error>>(),
      &exception_codec_with<std::ios_base::failure, SystemErrorDetails<std::ios_base::failure>>(),
      &exception_codec_with<std::filesystem::filesystem_error, FilesystemErrorDetails>(),
      &exception_codec_with<std::future_error, FutureErrorDetails>(),
      &exception_codec_with<std::regex_error, RegexErrorDetails>(),
      &exception_codec<Error>(),
      &exception_codec<ValueError>(),
      &exception_codec<TypeError>(),
      &exception_codec<IndexError>(),
      &exception_codec<KeyError>(),
      &exception_codec<AttributeError>(),
      &exception_codec<RuntimeError>(),
      &exception_codec<TimeoutError>(),
      &exception_codec<CancelledError>(),
      &exception_codec<InvalidStateError>(),
      &exception_codec<AssertionError>(),
      &exception_codec<EOFError>(),
      &exception_codec<NotImplementedError>(),
      &exception_codec<OutOfSharedMemory>(),
      &exception_codec_with<SystemExit, SystemExitDetails>(),
      &exception_codec<EncodeError>(),
      &exception_codec<DecodeError>(),
      &exception_codec<BrokenExecutor>(),
      &exception_codec<futures::BrokenThreadPool>(),
      &exception_codec<futures::BrokenProcessPool>(),
      &exception_codec<multiprocessing::ProcessError>(),
      &exception_codec_with<multiprocessing::BufferTooShort, BufferTooShortDetails>(),
      &exception_codec<threading::DeadlockError>(),
      &exception_codec<threading::BrokenBarrierError>(),
      &exception_codec<multiprocessing::AbandonedLockError>(),
      &exception_codec<queue::Empty>(),
      &exception_codec<queue::Full>(),
      &exception_codec<queue::ShutDown>(),
      &exception_codec_with<RemoteError, RemoteErrorDetails>(),
      &exception_codec_with<futures::WorkerDied, WorkerDiedDetails>(),
  };
  return known;
}

namespace {
[[maybe_unused]] const auto made_early = known_exceptions();
}  // namespace

}  // namespace plait::wire
