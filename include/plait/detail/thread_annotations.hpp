// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// What clang's -Wthread-safety reads of plait's locks; nothing to other compilers. Users may mark their own data with
// them: `long balance PLAIT_GUARDED_BY(lock) = 0;`

#if defined(__clang__)
#define PLAIT_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define PLAIT_THREAD_ANNOTATION(x)
#endif

#define PLAIT_CAPABILITY(name) PLAIT_THREAD_ANNOTATION(capability(name))
#define PLAIT_SCOPED_CAPABILITY PLAIT_THREAD_ANNOTATION(scoped_lockable)
#define PLAIT_GUARDED_BY(lock) PLAIT_THREAD_ANNOTATION(guarded_by(lock))
#define PLAIT_POINTER_GUARDED_BY(lock) PLAIT_THREAD_ANNOTATION(pt_guarded_by(lock))
#define PLAIT_REQUIRES(...) PLAIT_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define PLAIT_EXCLUDES(...) PLAIT_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define PLAIT_ACQUIRE(...) PLAIT_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define PLAIT_TRY_ACQUIRE(...) PLAIT_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define PLAIT_RELEASE(...) PLAIT_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define PLAIT_NO_THREAD_SAFETY_ANALYSIS PLAIT_THREAD_ANNOTATION(no_thread_safety_analysis)
