// SPDX-License-Identifier: Apache-2.0
// refused: plait: a parameter of an abstract class cannot be received, for there are no objects of it
#include "plait/wire.hpp"

struct Shape {
#ifdef REFUSED
  virtual double area() const = 0;
#else
  double area() const { return width; }
#endif
  double width = 0;
  template <class A>
  void serialize(A& ar) {
    ar(width);
  }
};
struct Square : Shape {
  double area() const { return width * width; }
};
double area(const Shape& shape);

void submit(const Square& square) { (void)plait::wire::make_call(area, square); }
