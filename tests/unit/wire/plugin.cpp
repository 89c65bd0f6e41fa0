// SPDX-License-Identifier: Apache-2.0
extern "C" __attribute__((visibility("default"))) int plugin_triple(int n) { return 3 * n; }
