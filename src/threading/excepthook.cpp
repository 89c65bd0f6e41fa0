// SPDX-License-Identifier: Apache-2.0
#include "plait/threading/excepthook.hpp"

#include <cxxabi.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <utility>

#include "os/output.hpp"
#include "plait/detail/wire/exception.hpp"
#include "plait/errors.hpp"
#include "threading/thread_registry.hpp"
#include "threading/uncaught.hpp"
#include "wire/exception_text.hpp"

namespace plait::threading {
namespace {

bool is_system_exit(const std::exception_ptr& error) noexcept {
  if (error == nullptr) return false;
  try {
    std::rethrow_exception(error);
  } catch (const SystemExit&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

void default_excepthook(const ExceptHookArgs& args) {
  if (is_system_exit(args.exc_value)) return;
  const wire::ExceptionText text{args.exc_type, args.message, args.exc_traceback};
  os::write_text(STDERR_FILENO, "Exception in thread " + args.thread.name() + ":\n" + text.report());
}

// Copies and destruction of hooks are the user's code, and run without the mutex.
ExceptHook& ExceptHook::operator=(Hook hook) {
  auto made = hook ? std::make_shared<const Hook>(std::move(hook)) : nullptr;
  detail::ThreadRegistry& registry = detail::ThreadRegistry::get();
  const std::scoped_lock lock(registry.mutex);
  registry.hook.swap(made);
  return *this;
}

ExceptHook::Hook ExceptHook::get() const {
  detail::ThreadRegistry& registry = detail::ThreadRegistry::get();
  std::shared_ptr<const Hook> present;
  {
    const std::scoped_lock lock(registry.mutex);
    present = registry.hook;
  }
  return present != nullptr ? *present : Hook(&default_excepthook);
}

void report_exception(const char* where, const std::exception_ptr& error) noexcept {
  os::write_text(STDERR_FILENO, std::string("Exception in ") + where + ":\n" + wire::exception_text(error).report());
}

// Not by a handler for abi::__forced_unwind: it is given a null reference.
bool is_forced_unwind() noexcept { return abi::__cxa_current_exception_type() == nullptr; }

void report_uncaught(detail::ThreadState& thread, const std::exception_ptr& error) {
  wire::ExceptionText text = wire::exception_text(error);
  const ExceptHookArgs args{std::move(text.type), error, std::move(text.message), std::move(text.trace),
                            detail::ThreadState::handle_of(detail::Ref<detail::ThreadState>(&thread))};
  try {
    wire::call_traced([&args] { excepthook(args); });
    return;
  } catch (...) {
    if (is_forced_unwind()) throw;
    report_exception("threading.excepthook", std::current_exception());
  }
  default_excepthook(args);
}

}  // namespace plait::threading
