#include "registry/gateway.hpp"

#include <algorithm>
#include <vector>

#include "common/classic_datagram.hpp"
#include "registry/message_text.hpp"

namespace registry {
namespace {

common::Transport other_than(common::Transport transport) {
  return transport == common::Transport::kUdp ? common::Transport::kTcp : common::Transport::kUdp;
}

}  // namespace

void Gateway::prepare_all() {
  if (prepared_at_ == directory_.version()) return;
  close_unused();
  // Of both sorts, as many as there is room for; a million others are not looked at. Those who have
  // a port come before them, and are no more than there are ports.
  std::vector<const Record*> without;
  const std::size_t room = ports_max_ - by_port_.size();
  std::size_t found = 0;
  const auto collect = [&](const Record& record) {
    if (found == room) return false;
    if (needs_port(record)) {
      without.push_back(&record);
      ++found;
    }
    return true;
  };
  directory_.for_each_registered(other_than(transport_), collect);
  const auto connected = static_cast<std::ptrdiff_t>(std::exchange(found, 0));
  directory_.for_each_attached(collect);
  std::inplace_merge(without.begin(), without.begin() + connected, without.end(),
                     [](const Record* a, const Record* b) { return a->order < b->order; });
  for (const Record* record : without)
    if (!open_for(*record)) break;
  prepared_at_ = directory_.version();
}

void Gateway::prepare(const common::UserName& name) {
  close_unused();
  const Record* record = directory_.find(name);
  if (record != nullptr && needs_port(*record)) open_for(*record);
}

bool Gateway::needs_port(const Record& record) const {
  const bool takes_it_himself = record.session == 0 && record.user.transport == transport_;
  return !takes_it_himself && record.gateway_ports[transport_] == 0;
}

bool Gateway::open_for(const Record& record) {
  if (by_port_.size() >= ports_max_) return false;
  const auto port = ports_.open();
  if (!port) return false;
  const common::UserName name = record.user.name;
  by_port_.emplace(*port, name);
  directory_.set_gateway(name, transport_, *port);
  return true;
}

void Gateway::close_unused() {
  while (const auto port = directory_.poll_freed_gateway(transport_)) {
    by_port_.erase(*port);
    ports_.close(*port);
  }
}

std::size_t Gateway::in_need() const {
  return directory_.attached_count() + directory_.registered_count(other_than(transport_));
}

std::size_t Gateway::left_out() const {
  if (by_port_.size() < ports_max_) return 0;
  return in_need() - std::min(in_need(), by_port_.size());
}

const common::UserName* Gateway::user_at(std::uint16_t port) const {
  const auto it = by_port_.find(port);
  if (it == by_port_.end()) return nullptr;
  const Record* record = directory_.find(it->second);
  const bool is_his = record != nullptr && record->gateway_ports[transport_] == port;
  return is_his ? &it->second : nullptr;
}

void Gateway::handle_datagram(std::uint16_t port, const common::IpAddress& source,
                              common::Bytes datagram) {
  const common::UserName* user = user_at(port);
  if (user == nullptr) return drop("nobody");
  const auto message = common::decode_classic(datagram);
  if (!message) return drop("empty");
  handle_message(common::UserName(*user), source, message->sender, message->text);
}

void Gateway::handle_message(const common::UserName& to, const common::IpAddress& source,
                             const std::optional<std::string>& sender, std::string_view text) {
  const auto from = common::UserName::parse(sender.value_or(""));
  if (!from) return drop("no_sender");
  // security: anybody can write any name into a message; that of a user who is known counts only
  // from where he is.
  if (!directory_.may_speak_as(*from, {.source = source, .token = std::nullopt}))
    return drop("forged_sender");
  auto line = one_line_text(text);
  if (!line) return drop("malformed");
  ++counters_.taken;
  hub_.deliver(Asker::gateway(), 0,
               std::make_shared<const Message>(Message{from->text(), *std::move(line), false}), to);
}

}  // namespace registry
