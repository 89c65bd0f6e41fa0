// SPDX-License-Identifier: Apache-2.0
// Some of these programs leak on purpose, and others leave the leak checker no descriptor or process to work with.

extern "C" const char* __asan_default_options();  // NOLINT(bugprone-reserved-identifier): the sanitizer's name

extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
