// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What differs between the kinds of shared objects. (Not virtual functions: the objects lie in shared memory, where a
// table of one program's functions means nothing.)

#include "shm/shared_object.hpp"

namespace plait::shm {

// Puts in order what the dead process had in its hands, and wakes all who wait for the object.
void recover_object(SharedObject& object, OwnerId dead) noexcept;

// Whether recover_object() has something to do for a process that may have no handle of the object any more: it holds
// the lock, or has got tasks from the queue.
[[nodiscard]] bool is_involved(SharedObject& object, OwnerId process) noexcept;

// The process ends, and nothing went wrong: what it has begun is for others to finish.
void hand_over_object(SharedObject& object, OwnerId self) noexcept;

// Gives up what it refers to, before it is freed.
void clear_object(SharedObject& object) noexcept;

}  // namespace plait::shm
