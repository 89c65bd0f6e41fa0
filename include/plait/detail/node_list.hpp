// SPDX-License-Identifier: Apache-2.0
#pragma once
//
// Nodes in the order of their coming, linked through themselves: one thread may push while another one pops, each under
// a lock of its own. Neither allocates, and no node is touched after it has been popped.

#include <atomic>
#include <memory>

#include "plait/threading/lock.hpp"

namespace plait::detail {

// push() is guarded by one lock, pop_front() by another one. Who pops must have learnt, through something that
// synchronizes with the push, that the node is there. The list does not delete what is left in it. Node has
// `std::atomic<Node*> next`.
template <class Node>
class NodeList {
 public:
  void push(std::unique_ptr<Node> node) noexcept {
    Node* const last = node.release();
    last->next.store(nullptr, std::memory_order_relaxed);
    if (last_ == nullptr) {
      first_ = last;
    } else {
      // release: pairs with pop_front(), which then may delete the one before
      last_->next.store(last, std::memory_order_release);
    }
    last_ = last;
  }

  // There must be one. It needs the lock of push(), for a moment, when there is nothing behind it.
  std::unique_ptr<Node> pop_front(threading::Lock& lock_of_push) {
    Node* const node = first_;
    Node* next = node->next.load(std::memory_order_acquire);
    if (next == nullptr) {
      const threading::With held(lock_of_push);
      next = node->next.load(std::memory_order_relaxed);
      if (next == nullptr) last_ = nullptr;  // and the next push() sets first_
    }
    if (next != nullptr) first_ = next;
    return std::unique_ptr<Node>(node);
  }

 private:
  Node* last_ = nullptr;  // for who pushes
  // For who pops, while there is a node; else for who pushes. On another line.
  alignas(64) Node* first_ = nullptr;
};

}  // namespace plait::detail
