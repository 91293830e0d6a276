#include "registry/gateway.hpp"

#include <vector>

#include "common/classic_datagram.hpp"
#include "registry/message_text.hpp"

namespace registry {

void Gateway::prepare_all() {
  if (prepared_at_ == directory_.version()) return;
  close_unused();
  std::vector<const Record*> without;
  if (by_port_.size() < ports_max_ && directory_.attached_count() > by_port_.size()) {
    directory_.for_each_attached([&](const Record& record) {
      if (record.user.endpoint.port == 0) without.push_back(&record);
    });
  }
  for (const Record* record : without)
    if (!open_for(*record)) break;
  prepared_at_ = directory_.version();
}

void Gateway::prepare(const common::UserName& name) {
  close_unused();
  const Record* record = directory_.find(name);
  if (record != nullptr && record->session != 0 && record->user.endpoint.port == 0)
    open_for(*record);
}

bool Gateway::open_for(const Record& record) {
  if (by_port_.size() >= ports_max_) return false;
  const auto port = ports_.open();
  if (!port) return false;
  by_port_.emplace(*port, User{record.user.name, record.session});
  directory_.set_gateway(common::UserName(record.user.name), *port);
  return true;
}

bool Gateway::is_connected(const User& user) const {
  const Record* record = directory_.find(user.name);
  return record != nullptr && record->session == user.session;
}

void Gateway::close_unused() {
  if (closed_at_ == directory_.version()) return;
  closed_at_ = directory_.version();
  std::erase_if(by_port_, [&](const auto& entry) {
    if (is_connected(entry.second)) return false;
    ports_.close(entry.first);
    return true;
  });
}

std::size_t Gateway::left_out() const {
  const std::size_t connected = directory_.attached_count();
  return connected > ports_max_ ? connected - ports_max_ : 0;
}

void Gateway::handle_datagram(std::uint16_t port, const common::IpAddress& source,
                              common::Bytes datagram) {
  const auto drop = [&](const char* reason) { ++counters_.dropped[reason]; };
  const auto user = by_port_.find(port);
  if (user == by_port_.end() || !is_connected(user->second)) return drop("nobody");
  const auto message = common::decode_classic(datagram);
  if (!message) return drop("empty");
  const auto sender = message->sender ? common::UserName::parse(*message->sender)
                                      : common::expected<common::UserName, common::NameError>(
                                            common::unexpected{common::NameError::kEmpty});
  if (!sender) return drop("no_sender");
  // security: anybody can write any name into a datagram; that of a user who is known counts only
  // from where he is.
  if (!directory_.may_speak_as(*sender, {.source = source, .token = std::nullopt}))
    return drop("forged_sender");
  auto text = one_line_text(message->text);
  if (!text) return drop("malformed");
  ++counters_.taken;
  hub_.deliver(Asker::gateway(), 0,
               std::make_shared<const Message>(Message{sender->text(), *std::move(text), false}),
               user->second.name);
}

}  // namespace registry
