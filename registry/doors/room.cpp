#include "registry/doors/room.hpp"

#include <utility>

#include "common/safe_text.hpp"
#include "common/take_front.hpp"
#include "registry/message_text.hpp"

namespace registry::doors {
namespace {

using common::IpAddress;
using common::UserName;

/// A name with blanks around it, and room for a program that says more; then it is none.
constexpr std::size_t kNameLineBytesMax = 256;
/// A person who looks for a free name has found one by then.
constexpr std::size_t kNamesRefusedMax = 100;

const std::shared_ptr<const std::string>& prompt() {
  static const auto bytes = std::make_shared<const std::string>(kRoomPrompt);
  return bytes;
}

const std::shared_ptr<const std::string>& welcome() {
  static const auto bytes = std::make_shared<const std::string>(kRoomWelcome);
  return bytes;
}

std::string_view trim_end(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n\v\f").find(text.back()) != text.npos)
    text.remove_suffix(1);
  return text;
}

}  // namespace

RoomDoor::RoomDoor(RoomOptions options, Directory& directory, Hub& hub)
    : options_(options), directory_(directory), hub_(hub) {
  hub_.room().open();
}

void RoomDoor::handle_accepted(TimePoint now, StreamId stream, const IpAddress& source,
                               const common::Endpoint& /*local*/) {
  const char* full = nullptr;
  if (per_source_.count(source) >= kStreamsPerSourceMax) {
    full = "too_many_from_source";
  } else if (clients_.size() >= kStreamsMax) {
    // Whoever only takes up room makes room.
    if (nameless_.empty()) {
      full = "too_many";
    } else {
      give_up(*find(*nameless_.begin()), "made_room");
    }
  }
  if (full != nullptr) {
    ++counters_.refused[full];
    actions_.push_back(Close{stream});
    return;
  }
  ++counters_.accepted;
  per_source_.add(source);
  auto client = std::make_unique<Client>();
  client->stream = stream;
  client->source = source;
  Client& held = *clients_.emplace(stream, std::move(client)).first->second;
  nameless_.insert(stream);
  set_deadline(held, now + kNamelessTime);
  write(stream, prompt());
}

bool RoomDoor::handle_bytes(TimePoint now, StreamId stream, std::string_view bytes) {
  Client* client = find(stream);
  if (client == nullptr) return true;  // closed by us; the last of his bytes
  client->input.push(bytes);
  take_input(now, *client);
  take_turns(now);
  client = find(stream);
  if (client == nullptr) return true;
  client->is_paused = client->input.size() > kInputBytesMax;
  return !client->is_paused;
}

void RoomDoor::handle_end(TimePoint now, StreamId stream) {
  Client* client = find(stream);
  if (client == nullptr) return;
  client->has_ended = true;
  // What is left of a line is a line, too: nothing more of it comes.
  if (client->name && client->input.size() > 0 && !client->input.rest().ends_with('\n'))
    client->input.push("\n");
  take_input(now, *client);
  take_turns(now);
}

void RoomDoor::handle_closed(TimePoint now, StreamId stream) {
  Client* client = find(stream);
  if (client == nullptr) return;
  end_client(*client, false);
  take_turns(now);  // he may have been behind
}

void RoomDoor::handle_dialed(TimePoint, StreamId, std::optional<StreamId> stream) {
  if (stream) actions_.push_back(Close{*stream});  // nobody is dialed
}

void RoomDoor::handle_probed(TimePoint, StreamId) {}

RoomDoor::Client* RoomDoor::find(StreamId stream) {
  const auto it = clients_.find(stream);
  return it == clients_.end() ? nullptr : it->second.get();
}

void RoomDoor::write(StreamId stream, Bytes bytes) {
  actions_.push_back(Write{stream, std::move(bytes)});
}

// The name, then a turn for the first line behind it. The client may be gone afterwards.
void RoomDoor::take_input(TimePoint now, Client& client) {
  while (!client.name) {
    if (client.names_refused >= kNamesRefusedMax) return give_up(client, "names_refused");
    const auto line = client.input.next(kNameLineBytesMax);
    if (!line) break;
    take_name(now, client, *line);
  }
  if (client.name) {
    wait_for_turn(client);
    if (client.has_turn || client.delivery != 0) return;
  }
  if (client.has_ended) end_client(client, true);
}

void RoomDoor::take_name(TimePoint now, Client& client, const RoomInput::Line& line) {
  if (line.end.empty()) {
    client.is_skipping = true;
  } else if (std::exchange(client.is_skipping, false)) {
    ask_again(client, "malformed");
  } else if (join(now, client, trim_end(line.text))) {
    write(client.stream, welcome());
  }
}

bool RoomDoor::join(TimePoint now, Client& client, std::string_view typed) {
  const auto normal = common::normalize_typed_name(typed);
  auto name = UserName::parse(normal ? *normal : typed);
  if (!name) {
    ask_again(client, "malformed");
    return false;
  }
  const auto since_zero =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  const auto refusal =
      directory_.attach({.name = *name,
                         .door = common::Door::kRoom,
                         .source = client.source,
                         .since = {options_.wall_at_zero.unix_ms + since_zero.count()},
                         .session = client.stream});
  if (refusal) {
    ask_again(client, refusal == Refusal::kFull          ? "full"
                      : refusal == Refusal::kAccountName ? "account"
                      : refusal == Refusal::kBoundName   ? "bound"
                                                         : "in_use");
    return false;
  }
  ++counters_.joins;
  client.name = *std::move(name);
  nameless_.erase(client.stream);
  set_deadline(client, std::nullopt);
  hub_.room().enter(client.stream);
  return true;
}

void RoomDoor::ask_again(Client& client, const char* reason) {
  ++counters_.refused_names[reason];
  ++client.names_refused;
  write(client.stream, prompt());
}

void RoomDoor::wait_for_turn(Client& client) {
  if (client.has_turn || client.delivery != 0) return;
  if (!client.input.has_next(room_text_max(client.name->text()))) return;
  client.has_turn = true;
  turns_.push_back(client.stream);
}

void RoomDoor::take_turns(TimePoint now) {
  while (!turns_.empty() && may_speak()) {
    Client* client = find(turns_.front());
    turns_.pop_front();
    if (client == nullptr) continue;  // he left
    client->has_turn = false;
    say_next(*client);
    resume(*client);
  }
  const bool has_to_wait = !turns_.empty() && behind_.empty();
  turns_at_ = has_to_wait ? std::optional(now) : std::nullopt;
}

void RoomDoor::say_next(Client& client) {
  const std::size_t text_max = room_text_max(client.name->text());
  auto line = client.input.next(text_max);
  std::string text(line->text);
  // security: a carriage return or an escape sequence could imitate another's line on the terminal
  // of an old program, which shows texts as they come.
  if (!is_message_text(text)) {
    constexpr std::size_t kGrowthMax = 4;  // a byte becomes \xNN, two become <U+NNNN>
    if (text.size() > text_max / kGrowthMax) {
      client.input.take_back();
      line = client.input.next(text_max / kGrowthMax);
    }
    text = common::to_terminal(line->text);
    ++counters_.escaped_lines;
  }
  ++counters_.lines;
  if (line->end.empty()) ++counters_.parts;
  const std::size_t readers = hub_.room().sessions().size() + hub_.room().guest_count();
  writes_left_ -= std::min(writes_left_, readers);
  Message message{.from = client.name->text(),
                  .text = std::move(text),
                  .is_broadcast = false,
                  .is_to_room = true,
                  .line_end = line->end == "\r\n" ? "\r\n" : "\n"};
  client.delivery =
      hub_.deliver_to_room(Asker::at(common::Door::kRoom), client.stream,
                           std::make_shared<const Message>(std::move(message)), *client.name);
}

// One line of his at a time is under way: this is the end of it.
void RoomDoor::handle_result(TimePoint now, const Hub::Result& result) {
  Client* client = find(result.cookie);
  if (client == nullptr || client->delivery != result.delivery) return;  // he left meanwhile
  client->delivery = 0;
  take_input(now, *client);
  take_turns(now);
}

void RoomDoor::resume(Client& client) {
  if (!client.is_paused || client.input.size() > kInputBytesMax) return;
  client.is_paused = false;
  actions_.push_back(Resume{client.stream});
}

void RoomDoor::handle_push(TimePoint, Hub::Push push) {
  Client* client = find(push.session);
  auto outcome = DeliveryOutcome::kSent;
  if (client == nullptr || !client->name || is_stopping_) {
    const bool is_for_many = push.message->is_broadcast || push.message->is_to_room;
    outcome = is_for_many ? DeliveryOutcome::kSkipped : DeliveryOutcome::kUnknown;
  } else if (behind_.contains(push.session)) {
    ++counters_.undelivered;
    outcome = DeliveryOutcome::kBusy;
  } else {
    write(push.session, bytes_of(push.message));
  }
  hub_.handle_outcome(push.delivery, outcome);
}

const RoomDoor::Bytes& RoomDoor::bytes_of(const MessagePtr& message) {
  if (message != last_message_) {
    last_message_ = message;
    last_bytes_ = std::make_shared<const std::string>(format_room_message(*message));
  }
  return last_bytes_;
}

void RoomDoor::handle_backlog(TimePoint now, StreamId stream, bool is_behind) {
  Client* client = find(stream);
  if (client == nullptr || !client->name) return;  // nobody waits for a newcomer
  if (is_behind) {
    if (behind_.insert(stream).second) set_deadline(*client, now + kBehindTime);
    return;
  }
  if (behind_.erase(stream) > 0) set_deadline(*client, std::nullopt);
  take_turns(now);
}

void RoomDoor::end_client(Client& client, bool closes) {
  const StreamId id = client.stream;
  const auto owned = std::move(clients_.at(id));
  clients_.erase(id);
  nameless_.erase(id);
  behind_.erase(id);
  per_source_.remove(client.source);
  if (closes) actions_.push_back(Close{id});
  if (!client.name) return;
  hub_.room().leave(id);
  directory_.detach(*client.name, id);
}

void RoomDoor::give_up(Client& client, const char* reason) {
  ++counters_.closed[reason];
  end_client(client, true);
}

void RoomDoor::shut_down(TimePoint) {
  while (!clients_.empty()) end_client(*clients_.begin()->second, true);
}

void RoomDoor::set_deadline(Client& client, std::optional<TimePoint> deadline) {
  client.deadline = deadline;
  timers_.watch(client.stream, client, deadline);
}

std::optional<TimePoint> RoomDoor::next_timeout() const {
  return common::earliest({turns_at_, timers_.next()});
}

void RoomDoor::handle_timeout(TimePoint now) {
  while (Client* client = timers_.take_due(now)) {
    if (client->deadline && now >= *client->deadline) {
      give_up(*client, client->name ? "slow_reader" : "nameless");
    } else {
      set_deadline(*client, client->deadline);
    }
  }
  take_turns(now);
}

std::optional<StreamAction> RoomDoor::poll_action() {
  if (actions_.empty()) writes_left_ = kRoomWritesAtOnce;
  return common::take_front(actions_);
}

std::vector<DoorMetric> RoomDoor::metrics() const {
  const auto one = [](std::string name, std::string help, std::uint64_t value) {
    return DoorMetric{std::move(name), std::move(help), false, {}, {{{}, value}}};
  };
  std::vector<DoorMetric> all = {
      one("accepted_total", "Connections accepted.", counters_.accepted),
      counts_by_reason("refused_total", "Connections closed at once.", counters_.refused),
      one("joins_total", "Names taken at the door.", counters_.joins),
      counts_by_reason("refused_names_total", "Names that were asked for again.",
                       counters_.refused_names),
      one("lines_total", "Lines said in the room by those at its door.", counters_.lines),
      one("parts_total", "Of them: of a line too long to be said at once, not its last.",
          counters_.parts),
      one("escaped_lines_total", "Of them: with bytes that were made visible.",
          counters_.escaped_lines),
      one("undelivered_total", "Messages for a user who was behind in reading.",
          counters_.undelivered),
      counts_by_reason("closed_total", "Connections given up.", counters_.closed)};
  for (auto&& [name, help, value] :
       {std::tuple{"clients", "Connections that are open.", clients_.size()},
        std::tuple{"nameless", "Of them: without a name yet.", nameless_.size()},
        std::tuple{"guests", "Users of other doors who take part.", hub_.room().guest_count()}}) {
    all.push_back({name, help, true, {}, {{{}, value}}});
  }
  return all;
}

}  // namespace registry::doors
