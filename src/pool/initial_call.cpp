// SPDX-License-Identifier: Apache-2.0
#include "plait/detail/initial_call.hpp"

#include "plait/detail/wire/call.hpp"
#include "shm/size_class.hpp"

namespace plait::detail {
namespace {

void run(wire::Reader& in, wire::Invocation& invocation) {
  read_process_target(in)->call();
  invocation.result_space({});
}

template <class Out>
void put_head(Out& out) {
  wire::put_code(out, wire::locate_code(reinterpret_cast<const void*>(&run)));
  out.align(shm::block_alignment);
}

}  // namespace

std::unique_ptr<ProcessTarget> read_process_target(wire::Reader& in) {
  in.align(shm::block_alignment);
  wire::Reader target = in.rest();
  const void* const reader = wire::resolve_code(wire::get_code(target));
  auto made = reinterpret_cast<TargetReader*>(const_cast<void*>(reader))(target);
  target.finish();
  return made;
}

InitialCall::InitialCall(const ProcessTarget& target) {
  PackingScope descriptors;
  wire::SizeCounter head;
  put_head(head);
  const wire::MessageSize size = target.message_size();
  message = Message({head.position() + size.bytes, size.handles});
  const wire::MessageRoom room = message.room();
  wire::Writer writer(room.bytes);
  put_head(writer);
  target.encode({room.bytes.subspan(head.position()), room.handles});
  deposits = descriptors.take_deposits();
}

}  // namespace plait::detail
