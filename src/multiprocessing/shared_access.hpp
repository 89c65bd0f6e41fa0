// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// From handles to the shared objects, for the sources of this folder.

#include <cerrno>
#include <new>
#include <utility>

#include "os/error.hpp"
#include "plait/detail/shared_handle.hpp"
#include "shm/hold.hpp"
#include "shm/shared_objects.hpp"

namespace plait::detail {

// A new object, with one handle. Throws OutOfSharedMemory.
template <class Object, class... Args>
shm::Hold& make_shared_object(std::size_t extra_bytes, Args&&... args) {
  shm::Heap& heap = shm::Heap::get();
  void* const block = heap.allocate(sizeof(Object) + extra_bytes);
  Object* object = nullptr;
  try {
    object = new (block) Object(std::forward<Args>(args)...);
  } catch (...) {
    heap.deallocate(block);
    throw;
  }
  return shm::Hold::create(*object);
}

// The object of a handle, kept while another one is made that refers to it and takes a reference of its own; however
// that ends, there is nothing to undo.
class ReferredObject {
 public:
  // Throws RuntimeError: the handle is inherited by fork.
  explicit ReferredObject(const SharedHandle& handle) : object_(*shm::find_object(handle.depart())) {}
  ReferredObject(const ReferredObject&) = delete;
  ReferredObject& operator=(const ReferredObject&) = delete;
  ~ReferredObject() { shm::drop_reference(object_); }

  [[nodiscard]] shm::Offset offset() const noexcept { return shm::Heap::get().offset_of(&object_); }

 private:
  shm::SharedObject& object_;
};

// The object of a hold whose handles are of that type. Throws RuntimeError: it is inherited by fork.
template <class Object>
Object& shared_object(const shm::Hold& hold) {
  return static_cast<Object&>(hold.object());
}

// The queue of a hold, for what looks at it. Throws std::system_error (EBADF): closed in this process; RuntimeError.
inline shm::ByteQueue& readable_queue(const shm::Hold& hold) {
  if (hold.is_closed()) os::throw_system_error(EBADF, "queue", "closed in this process");
  return shared_object<shm::SharedQueue>(hold).queue;
}

// One more handle of an object to which another one refers.
inline shm::Hold& hold_again(shm::Offset offset) {
  auto& object = *static_cast<shm::SharedObject*>(shm::Heap::get().at(offset));
  shm::add_reference(object);
  return shm::Hold::arrive(shm::word_of(object), object.kind);
}

}  // namespace plait::detail
