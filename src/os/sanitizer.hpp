// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Whether this is a build with ThreadSanitizer, whose runtime has a thread of its own and must know of every fork.

namespace plait::os {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool under_thread_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool under_thread_sanitizer = true;
#else
inline constexpr bool under_thread_sanitizer = false;
#endif
#else
inline constexpr bool under_thread_sanitizer = false;
#endif

}  // namespace plait::os
