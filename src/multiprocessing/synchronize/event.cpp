// SPDX-License-Identifier: Apache-2.0
#include "plait/multiprocessing/synchronize/event.hpp"

#include "multiprocessing/shared_access.hpp"

namespace plait::multiprocessing {

using shm::SharedEvent;

Event::Event() : SharedHandle(detail::make_shared_object<SharedEvent>(0)) {}
Event::Event(detail::ArrivedHandle arrived) : SharedHandle(shm::Hold::arrive(arrived.word, SharedEvent::its_kind)) {}

bool Event::is_set() const { return detail::shared_object<SharedEvent>(hold()).event.is_set(); }
void Event::set() const { detail::shared_object<SharedEvent>(hold()).event.set(); }
void Event::clear() const { detail::shared_object<SharedEvent>(hold()).event.clear(); }
bool Event::wait(const Until& until) const { return detail::shared_object<SharedEvent>(hold()).event.wait(until); }

}  // namespace plait::multiprocessing
