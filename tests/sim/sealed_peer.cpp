#include "tests/sim/sealed_peer.hpp"

namespace sim {

SealedPeer::SealedPeer(Scheduler& scheduler, Network& network, common::Random& random,
                       const common::Identity& identity, const common::UserName& name,
                       SimPins& pins, const common::Endpoint& endpoint, bool has_hook,
                       std::size_t buffer_bytes, Hooks hooks)
    : scheduler_(scheduler),
      network_(network),
      endpoint_(endpoint),
      hooks_(std::move(hooks)),
      keys_(identity.clone(), name, 0, random, scheduler.now(), hooks_.wall_now()),
      messenger_({.has_hook = has_hook}, keys_, pins, random, scheduler.now()),
      buffer_(buffer_bytes) {
  bind();
}

SealedPeer::~SealedPeer() {
  *is_alive_ = false;
  network_.unbind(endpoint_);
}

void SealedPeer::bind() {
  network_.bind(endpoint_, [this](const common::Endpoint& from, common::Bytes datagram) {
    messenger_.handle_datagram(scheduler_.now(), hooks_.wall_now(), from, datagram);
    pump();
  });
}

void SealedPeer::rebind(const common::Endpoint& endpoint) {
  network_.unbind(endpoint_);
  endpoint_ = endpoint;
  bind();
}

void SealedPeer::pump() {
  is_pump_wanted_ = true;
  if (is_pumping_) return;  // an event's consequence: the loop below goes round once more
  is_pumping_ = true;
  const TimePoint now = scheduler_.now();
  while (std::exchange(is_pump_wanted_, false)) {
    while (const auto sent = messenger_.poll_transmit(now, buffer_)) {
      for (std::size_t begin = 0; begin < sent->bytes; begin += sent->segment_bytes) {
        const auto datagram = common::Bytes(buffer_).subspan(
            begin, std::min(sent->segment_bytes, sent->bytes - begin));
        hooks_.on_sent(sent->to, datagram);
        network_.send(endpoint_, sent->to, {datagram.begin(), datagram.end()});
      }
    }
    while (const auto event = messenger_.poll_event(now)) {
      hooks_.on_event(*event);
      is_pump_wanted_ = true;
    }
  }
  is_pumping_ = false;
  const auto due = messenger_.next_timeout();
  if (!due || (armed_ && *armed_ <= *due && *armed_ > now)) return;
  armed_ = due;
  scheduler_.at(*due, [this, due, is_alive = is_alive_] {
    if (!*is_alive || armed_ != due) return;
    armed_.reset();
    messenger_.handle_timeout(scheduler_.now());
    pump();
  });
}

}  // namespace sim
