// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Marks what the compiled core shows to programs; everything else in it is hidden.

#define PLAIT_EXPORT __attribute__((visibility("default")))
