// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What differs between the kinds of shared objects. (Not virtual functions: the objects lie in shared memory, where a
// table of one program's functions means nothing.)

#include "shm/shared_object.hpp"

namespace plait::shm {

// Puts in order what the dead process had in its hands, and wakes all who wait for the object.
void recover_object(SharedObject& object, OwnerId dead) noexcept;

// Whether the process holds a lock that it may have no handle of any more.
[[nodiscard]] bool is_owned_by(const SharedObject& object, OwnerId process) noexcept;

// Gives up what it refers to, before it is freed.
void clear_object(SharedObject& object) noexcept;

}  // namespace plait::shm
