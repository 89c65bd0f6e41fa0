// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// local<T>: Python's threading.local, a value of which each thread has its own. Unlike a thread_local variable it may
// be a member, or be made and destroyed at any time.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "plait/detail/export.hpp"

namespace plait::detail {

class LocalBase;
struct LocalTable;

// One thread's value of one local.
class PLAIT_EXPORT LocalNode {
 public:
  LocalNode() noexcept = default;
  LocalNode(const LocalNode&) = delete;
  LocalNode& operator=(const LocalNode&) = delete;
  virtual ~LocalNode() = default;

  [[nodiscard]] virtual void* value() noexcept = 0;
  // Before the node itself.
  virtual void destroy_value() noexcept = 0;

 private:
  friend LocalBase;
  friend LocalTable;

  LocalTable* table_ = nullptr;  // the thread's
  std::size_t slot_ = 0;
  // Guarded by the mutex of local.cpp.
  const LocalBase* local_ = nullptr;  // has it in its list
  LocalNode* next_ = nullptr;         // in that
  LocalNode* previous_ = nullptr;
  bool is_dying_ = false;  // its thread ends and destroys the value
};

// What the calling thread finds its values by: entry `slot` has the value if it has the number of the local.
struct LocalEntry {
  std::uint64_t number = 0;
  void* value = nullptr;
};
struct LocalEntries {
  LocalEntry* entries = nullptr;
  std::size_t count = 0;
};
PLAIT_EXPORT extern constinit thread_local LocalEntries local_entries;

// The part of a local that knows no type.
class PLAIT_EXPORT LocalBase {
 public:
  LocalBase();
  LocalBase(const LocalBase&) = delete;
  LocalBase& operator=(const LocalBase&) = delete;
  ~LocalBase();

  // This thread's value, or null.
  void* find() const noexcept {
    const LocalEntries& mine = local_entries;
    return slot_ < mine.count && mine.entries[slot_].number == number_ ? mine.entries[slot_].value : nullptr;
  }
  // The node becomes this thread's, unless it has one: makers may have used the local. The thread's value then is.
  // Throws std::bad_alloc, std::system_error.
  void* add(std::unique_ptr<LocalNode> node) const;

 private:
  friend LocalTable;

  void unlink(LocalNode& node) const noexcept;

  std::size_t slot_;                    // that of a destroyed one is used again
  std::uint64_t number_;                // never used again
  mutable LocalNode* first_ = nullptr;  // guarded by the mutex of local.cpp
};

template <class T>
class LocalValue final : public LocalNode {
 public:
  template <class Make>
  explicit LocalValue(const Make& make) : object_(make()) {}
  ~LocalValue() override {
    if (!is_destroyed_) object_.~T();
  }

  [[nodiscard]] void* value() noexcept override { return std::addressof(object_); }
  void destroy_value() noexcept override {
    is_destroyed_ = true;
    object_.~T();
  }

 private:
  union {
    T object_;
  };
  bool is_destroyed_ = false;
};

}  // namespace plait::detail

namespace plait::threading {

// In each thread the value is made at its first use there: T(), or what the factory returns. It is destroyed when the
// thread ends, after its thread_locals, or with the local, whichever comes first; the main thread's, and those of
// threads that the end of the program leaves behind, with the local only if the program does not end by then. A value
// that uses its own local while it is destroyed finds itself; what such destructors make of other locals is destroyed
// too, unless that goes on for more than PTHREAD_DESTRUCTOR_ITERATIONS rounds: then the rest is kept.
//
// Using it is thread-safe: nobody else has this thread's value, unless it gives away a reference. May be destroyed, in
// any thread, when no other thread uses it or is going to; that destroys the values of all threads, and waits for those
// that are being destroyed by threads that end. After fork() the child's values are those of the forking thread; those
// of the others are never destroyed there, as their thread_locals are not.
//
//   plait::threading::local<Connection> connection([] { return Connection("db.example"); });
//   connection->send("hello");
//
// Differs from Python: one value of a type instead of attributes: make it a struct. The factory is what __init__ of a
// subclass is there.
template <class T>
class local {  // NOLINT(readability-identifier-naming): Python's
 public:
  using value_type = T;

  local()
    requires std::default_initializable<T>
      : make_([] { return T(); }) {}
  // Called once in each thread that uses the value, in several at a time.
  template <class Factory>
    requires(!std::same_as<std::remove_cvref_t<Factory>, local> && std::is_invocable_r_v<T, std::decay_t<Factory>&>)
  explicit local(Factory&& factory)  // NOLINT(bugprone-forwarding-reference-overload): see its constraint
      : make_(std::forward<Factory>(factory)) {}
  local(const local&) = delete;
  local& operator=(const local&) = delete;
  ~local() = default;

  // This thread's value. Throws what making it throws, std::bad_alloc; the next call then tries again.
  T& get() const {
    void* const value = base_.find();
    return value != nullptr ? *static_cast<T*>(value) : make();
  }
  T& operator*() const { return get(); }
  T* operator->() const { return std::addressof(get()); }

 private:
  [[gnu::noinline]] T& make() const {
    return *static_cast<T*>(base_.add(std::make_unique<detail::LocalValue<T>>(make_)));
  }

  std::function<T()> make_;
  detail::LocalBase base_;  // the last, so that the values are destroyed first
};

template <class Factory>
local(Factory) -> local<std::remove_cvref_t<std::invoke_result_t<Factory&>>>;

}  // namespace plait::threading
