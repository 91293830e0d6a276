#include "registry/doors/two_connection.hpp"

#include <utility>

#include "common/take_front.hpp"

namespace registry::doors {

using common::IpAddress;

void TwoConnectionDoor::set_accounts(Accounts accounts) {
  accounts_ = std::move(accounts);
  directory_.reserve(accounts_.keys());
}

void TwoConnectionDoor::handle_accepted(TimePoint now, StreamId stream, const IpAddress& source,
                                        const common::Endpoint& local) {
  const char* full = nullptr;
  if (clients_.size() + links_.size() >= kStreamsMax) full = "too_many";
  if (per_source_.count(source) >= kStreamsPerSourceMax) full = "too_many_from_source";
  if (full != nullptr) {
    ++counters_.refused[full];
    actions_.push_back(Close{stream});
    return;
  }
  ++counters_.accepted;
  per_source_.add(source);
  auto client = std::make_unique<Client>();
  client->la = stream;
  client->source = source;
  client->local = local.address;
  Client& held = *clients_.emplace(stream, std::move(client)).first->second;
  set_state(now, held, State::kNew);
}

bool TwoConnectionDoor::handle_bytes(TimePoint now, StreamId stream, std::string_view bytes) {
  if (const auto link = links_.find(stream); link != links_.end()) {
    handle_receipts(now, *link->second, bytes);
    return true;
  }
  Client* client = find(stream);
  if (client == nullptr) return true;  // closed by us; the last of its bytes
  if (client->input.empty() && !is_busy(*client)) {
    const std::size_t taken = run_lines(now, *client, bytes);
    client = find(stream);
    if (client == nullptr) return true;
    bytes.remove_prefix(taken);
    client->input = bytes;
  } else {
    client->input += bytes;
  }
  take_commands(now, *client);
  client = find(stream);
  if (client == nullptr) return true;
  client->is_paused = client->input.size() > kInputBytesMax;
  return !client->is_paused;
}

// Works off what is there while nothing is awaited; looks after the time that a line may take.
void TwoConnectionDoor::take_commands(TimePoint now, Client& client) {
  const StreamId id = client.la;
  if (!client.input.empty() && !is_busy(client)) {
    const std::string input = std::exchange(client.input, {});
    const std::size_t taken = run_lines(now, client, input);
    if (find(id) == nullptr) return;
    client.input.assign(input, taken);
  }
  if (is_busy(client)) {
    client.line_deadline.reset();
    return;
  }
  if (client.has_ended) return end_client(now, client, true);
  if (client.input.empty() && !client.is_skipping) {
    client.line_deadline.reset();
  } else if (!client.line_deadline) {
    client.line_deadline = now + kLineTime;
    arm(client);
  }
}

// Runs complete lines until one has to be awaited. Returns how many bytes were taken; the client
// may be gone afterwards.
std::size_t TwoConnectionDoor::run_lines(TimePoint now, Client& client, std::string_view bytes) {
  const StreamId id = client.la;
  std::size_t taken = 0;
  while (find(id) != nullptr && !is_busy(client)) {
    const std::string_view rest = bytes.substr(taken);
    const auto end = rest.find('\n');
    if (end == rest.npos) {
      if (rest.size() <= kLineBytesMax + 1) break;  // room for a CR
      client.is_skipping = true;
      return bytes.size();
    }
    taken += end + 1;
    const std::string_view line = rest.substr(0, end);
    client.line_deadline.reset();
    const bool is_overlong = line.size() > kLineBytesMax + (line.ends_with('\r') ? 1 : 0);
    if (std::exchange(client.is_skipping, false) || is_overlong) {
      ++counters_.unrecognized_lines;
      reply(client, Reply::kUnrecognized);
    } else {
      run_line(now, client, line);
    }
  }
  // The end of an overlong line may be far away: nothing of it is kept.
  if (find(id) != nullptr && client.is_skipping) return bytes.size();
  return taken;
}

void TwoConnectionDoor::handle_end(TimePoint now, StreamId stream) {
  // A program that sends nothing more on Lb gives no receipts any more.
  if (links_.contains(stream)) {
    actions_.push_back(Close{stream});
    return handle_closed(now, stream);
  }
  Client* client = find(stream);
  if (client == nullptr) return;
  client->has_ended = true;
  // He who ends while he is held back wants no answer.
  if (client->state == State::kHeldBack) return end_client(now, *client, true);
  take_commands(now, *client);
}

void TwoConnectionDoor::handle_closed(TimePoint now, StreamId stream) {
  if (const auto link = links_.find(stream); link != links_.end()) {
    Client& client = *link->second;
    links_.erase(link);
    client.lb = 0;
    if (client.state == State::kExiting) return finish_exit(now, client);
    // Nobody would be told any more what his messages came to, nor reach him.
    ++counters_.closed["push_connection_lost"];
    return end_client(now, client, true);
  }
  if (Client* client = find(stream)) end_client(now, *client, false);
}

TwoConnectionDoor::Client* TwoConnectionDoor::find(StreamId la) {
  const auto it = clients_.find(la);
  return it == clients_.end() ? nullptr : it->second.get();
}

void TwoConnectionDoor::write(StreamId stream, std::shared_ptr<const std::string> bytes) {
  actions_.push_back(Write{stream, std::move(bytes)});
}

void TwoConnectionDoor::end_client(TimePoint now, Client& client, bool closes_la) {
  const StreamId id = client.la;
  const auto owned = std::move(clients_.at(id));
  clients_.erase(id);
  per_source_.remove(client.source);
  logins_.remove(id);
  PushLink::Outcomes outcomes;
  client.push.fail_all(DeliveryOutcome::kLeft, outcomes);
  report(outcomes);
  if (client.lb != 0) {
    links_.erase(client.lb);
    actions_.push_back(Close{client.lb});
  }
  if (closes_la) actions_.push_back(Close{id});
  if (client.name) directory_.detach(*client.name, id);
  // Whoever waited to learn whether this one is still there has the name now.
  if (Client* contender = find(client.contender)) finish_login(now, *contender);
}

void TwoConnectionDoor::give_up(TimePoint now, Client& client, const char* reason) {
  ++counters_.closed[reason];
  end_client(now, client, true);
}

void TwoConnectionDoor::shut_down(TimePoint now) {
  while (!clients_.empty()) {
    clients_.begin()->second->contender = 0;
    end_client(now, *clients_.begin()->second, true);
  }
}

bool TwoConnectionDoor::is_busy(const Client& client) {
  switch (client.state) {
    case State::kNew:
    case State::kLoggedIn:
    case State::kOnline:
      return false;
    case State::kHeldBack:
    case State::kVerifying:
    case State::kContesting:
    case State::kDialing:
    case State::kDelivering:
    case State::kExiting:
      break;
  }
  return true;
}

void TwoConnectionDoor::run_line(TimePoint now, Client& client, std::string_view line) {
  const CommandLine command = parse_two_connection_line(line);
  if (client.state == State::kNew) {
    if (const auto* login = std::get_if<LoginLine>(&command)) return run_login(now, client, *login);
  } else if (std::holds_alternative<ExitLine>(command)) {
    return run_exit(now, client);
  } else if (std::holds_alternative<ListLine>(command)) {
    return write(client.la, list_line());
  } else if (client.state == State::kLoggedIn) {
    if (const auto* port = std::get_if<PortLine>(&command)) return run_port(now, client, *port);
  } else if (const auto* to = std::get_if<ToLine>(&command)) {
    return run_message(client, to->content, to->target);
  } else if (const auto* to_all = std::get_if<ToAllLine>(&command)) {
    return run_message(client, to_all->content, std::nullopt);
  }
  ++counters_.unrecognized_lines;
  reply(client, Reply::kUnrecognized);
}

// Whoever has shown a message and leaves at once has confirmed it on the other connection, which
// may be read a moment later.
void TwoConnectionDoor::run_exit(TimePoint now, Client& client) {
  if (!client.push.is_awaiting()) return finish_exit(now, client);
  set_state(now, client, State::kExiting);
}

void TwoConnectionDoor::finish_exit(TimePoint now, Client& client) {
  reply(client, Reply::kBye);
  end_client(now, client, true);
}

void TwoConnectionDoor::resume(TimePoint now, Client& client) {
  const StreamId id = client.la;
  if (client.input.empty() && !client.has_ended) return;
  take_commands(now, client);
  Client* still = find(id);
  if (still == nullptr || !still->is_paused || still->input.size() > kInputBytesMax) return;
  still->is_paused = false;
  actions_.push_back(Resume{id});
}

const std::shared_ptr<const std::string>& TwoConnectionDoor::list_line() {
  if (list_ != nullptr && list_version_ == directory_.version()) return list_;
  std::string line = "301";
  directory_.for_each([&](const Record& record) {
    line += ' ';
    line += record.user.name.text();
  });
  line += '\n';
  list_ = std::make_shared<const std::string>(std::move(line));
  list_version_ = directory_.version();
  return list_;
}

std::optional<DoorNotice> TwoConnectionDoor::poll_notice() { return common::take_front(notices_); }

std::vector<DoorMetric> TwoConnectionDoor::metrics() const {
  DoorMetric logins{"logins_total", "Logins, by result.", false, "result", {}};
  logins.values.emplace_back("ok", counters_.logins);
  for (const auto& [reason, count] : counters_.refused_logins)
    logins.values.emplace_back(to_string(reason), count);
  return {
      {"clients", "Command connections.", true, {}, {{"", clients_.size()}}},
      {"accepted_total", "Command connections taken.", false, {}, {{"", counters_.accepted}}},
      counts_by_reason("refused_total", "Connections closed at once.", counters_.refused),
      std::move(logins),
      {"throttled_logins_total",
       "Logins held back after failed ones.",
       false,
       {},
       {{"", counters_.throttled_logins}}},
      {"failed_dials_total",
       "Push connections that failed.",
       false,
       {},
       {{"", counters_.failed_dials}}},
      {"unrecognized_total",
       "Lines answered 401.",
       false,
       {},
       {{"", counters_.unrecognized_lines}}},
      counts_by_reason("closed_total", "Connections given up.", counters_.closed),
  };
}

void TwoConnectionDoor::set_state(TimePoint now, Client& client, State state) {
  client.state = state;
  switch (state) {
    case State::kNew:
      client.state_deadline = now + kLoginTime;
      break;
    case State::kLoggedIn:
      client.state_deadline = now + kPortTime;
      break;
    case State::kContesting:
      client.state_deadline = now + kContestTime;
      break;
    case State::kExiting:
      client.state_deadline = now + kExitTime;
      break;
    default:
      client.state_deadline.reset();
  }
  arm(client);
}

void TwoConnectionDoor::arm(Client& client) {
  timers_.watch(
      client.la, client,
      common::earliest({client.push.next_timeout(), client.line_deadline, client.state_deadline}));
}

std::optional<TimePoint> TwoConnectionDoor::next_timeout() const {
  return common::earliest({logins_.next_timeout(), timers_.next()});
}

void TwoConnectionDoor::handle_timeout(TimePoint now) {
  logins_.handle_timeout(now);
  while (Client* client = timers_.take_due(now)) {
    const StreamId id = client->la;
    PushLink::Outcomes outcomes;
    client->push.handle_timeout(now, outcomes);
    report(outcomes);
    push_next(now, *client);
    if (client->line_deadline && now >= *client->line_deadline) {
      give_up(now, *client, "slow_line");
      continue;
    }
    if (client->state_deadline && now >= *client->state_deadline) {
      switch (client->state) {
        case State::kHeldBack:
          refuse_login(now, *client, LoginRefusal::kPassword);
          break;
        case State::kExiting:
          finish_exit(now, *client);
          continue;
        case State::kContesting:
          // Nothing was heard of the first one's machine: it is gone without a word.
          if (const Record* held = directory_.find(*client->login->user)) {
            if (Client* first = find(held->session)) {
              give_up(now, *first, "replaced");  // lets the contender in
              break;
            }
          }
          finish_login(now, *client);
          break;
        default:
          give_up(now, *client, "idle");
          continue;
      }
    }
    if (Client* still = find(id)) arm(*still);
  }
}

std::optional<StreamAction> TwoConnectionDoor::poll_action() {
  return common::take_front(actions_);
}

}  // namespace registry::doors
