// SPDX-License-Identifier: Apache-2.0
// refused: plait: a pointer to a polymorphic class cannot be sent, for its dynamic type is not known
#include "plait/wire.hpp"

struct Shape {
#ifdef REFUSED
  virtual ~Shape() = default;
#endif
  double width, height;
  template <class A>
  void serialize(A& ar) {
    ar(width, height);
  }
};
double area(const std::shared_ptr<Shape>& shape);

void submit(const std::shared_ptr<Shape>& shape) { (void)plait::wire::make_call(area, shape); }
