// SPDX-License-Identifier: Apache-2.0
// refused: plait: this type has no serializer; make it an aggregate, or give it `template <class A> void serialize.A&
// ar. { ar.*`
#include "plait/wire.hpp"

class Account {
 public:
  explicit Account(int n = 0) : n_(n) {}
#ifndef REFUSED
  template <class A>
  void serialize(A& ar) {
    ar(n_);
  }
#endif

 private:
  int n_;
};
int balance(const Account& account);

void submit(const Account& account) { (void)plait::wire::make_call(balance, account); }
