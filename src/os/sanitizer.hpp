// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Which sanitizer this is a build with: ThreadSanitizer's runtime has a thread of its own and must know of every fork,
// AddressSanitizer sees only what is allocated one by one.

namespace plait::os {

#if defined(__has_feature)
#define PLAIT_HAS_FEATURE(feature) __has_feature(feature)
#else
#define PLAIT_HAS_FEATURE(feature) 0
#endif

#if defined(__SANITIZE_THREAD__) || PLAIT_HAS_FEATURE(thread_sanitizer)
inline constexpr bool under_thread_sanitizer = true;
#else
inline constexpr bool under_thread_sanitizer = false;
#endif

#if defined(__SANITIZE_ADDRESS__) || PLAIT_HAS_FEATURE(address_sanitizer)
inline constexpr bool under_address_sanitizer = true;
#else
inline constexpr bool under_address_sanitizer = false;
#endif

#undef PLAIT_HAS_FEATURE

}  // namespace plait::os
