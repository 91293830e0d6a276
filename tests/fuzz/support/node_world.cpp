#include "tests/fuzz/support/node_world.hpp"

#include <algorithm>
#include <array>

#include "common/check.hpp"
#include "common/classic_record.hpp"
#include "common/owner_token.hpp"
#include "tests/fuzz/support/directory_rules.hpp"

namespace fuzz {
namespace {

using namespace std::chrono_literals;
using common::IpAddress;
using registry::Change;
using registry::Directory;
using registry::Node;
using registry::Record;
using registry::http::ApiRequest;
using registry::http::ApiResponse;
using registry::http::HeldResponse;
using registry::http::ParkedRequest;
using registry::http::Program;

// Two of the names are one user.
constexpr std::array<const char*, 5> kNames = {"ann", "Ann", "bob", "Göktuğ", "d.e-f_9"};
const std::array<const char*, 6> kAddresses = {"127.0.0.1", "127.0.0.2",   "10.0.0.5",
                                               "10.0.0.6",  "203.0.113.9", "2001:db8::7"};
const std::array<std::string, 3> kTokens = {"", std::string(43, 'A'), std::string(43, 'B')};
constexpr std::array<common::Duration, 6> kSteps = {1s, 61s, 199s, 201s, 86'300s, 86'401s};

std::string text_of(const common::User& user) {
  return common::format_classic_record(user.name, user.endpoint);
}

std::optional<registry::TokenHash> hash_of(const std::string& token) {
  if (token.empty()) return std::nullopt;
  return common::hash_owner_token(token);
}

std::unique_ptr<Node> make_node(common::Random& random) {
  return std::make_unique<Node>(registry::NodeOptions{}, random, [] { return std::string(); });
}

}  // namespace

NodeWorld::NodeWorld() : node_(make_node(random_)) {}

void NodeWorld::run(ScriptLine line) {
  switch (line.call()) {
    case 'R':
      ask("REGISTER", line);
      break;
    case 'U':
      ask("UPDATE", line);
      break;
    case 'L':
      ask("LOGOUT", line);
      break;
    case 'C':
      finish_changes(1 + line.number(8), true);
      break;
    case 'F':
      finish_changes(1 + line.number(8), false);
      break;
    case 'P':
      answer_probe(line.flag());
      break;
    case 'T':
      advance(kSteps[line.number(kSteps.size())]);
      break;
    case 'N':  // to the moment the node asked for
      if (const auto next = node_->next_timeout())
        advance(std::max<common::Duration>(*next - now_, 0s));
      break;
    case 'S':
      node_->set_store_up(line.flag());
      break;
    case 'G': {
      const auto it = asked_.lower_bound(line.number(36));
      if (it != asked_.end()) it->second.is_client_gone = true;
      break;
    }
    case 'B':
      restart();
      break;
    default:
      return;
  }
  drain();
  check();
}

void NodeWorld::ask(const char* verb, ScriptLine& line) {
  const char* name = kNames[line.number(kNames.size())];
  const char* source = kAddresses[line.number(kAddresses.size())];
  // By default people register the address they come from.
  const std::size_t other = line.number(kAddresses.size() + 1);
  const auto address = *IpAddress::parse(other == 0 ? source : kAddresses[other - 1]);
  const auto port = static_cast<std::uint16_t>(50'000 + line.number(3));
  const std::string& token = kTokens[line.number(kTokens.size())];
  const Program program = line.flag() ? Program::kOldNetchat : Program::kModern;
  const common::UserName user = *common::UserName::parse(name);
  const common::Endpoint endpoint{address, port};
  const Ticket ticket = ++last_ticket_;
  asked_.emplace(ticket, Asked{.verb = verb,
                               .body = std::string(verb) + ' ' +
                                       common::format_classic_record(user, endpoint) + "\r\n",
                               .token = token,
                               .name = user,
                               .endpoint = endpoint,
                               .source = *IpAddress::parse(source),
                               .program = program});
  handle(ticket);
}

void NodeWorld::handle(Ticket ticket) {
  Asked& asked = asked_.at(ticket);
  const Directory& directory = node_->directory();
  const std::string& key = asked.name.key();
  const Record* found = directory.find(asked.name);
  const std::optional<Record> held = found ? std::optional(*found) : std::nullopt;
  const ApiRequest request{.method = "POST",
                           .path = "/userlist.txt",
                           .query = {},
                           .body = asked.body,
                           .program = asked.program,
                           .source = asked.source,
                           .local = *IpAddress::parse("192.0.2.10"),
                           .owner_token = asked.token,
                           .host = "localhost:8080"};
  const auto result = node_->handle(now_, common::WallTime{1}, ticket, request);
  if (const auto* parked = std::get_if<ParkedRequest>(&result)) {
    ENSURE(parked->key == key && directory.is_busy(key));
    asked.state = Asked::State::kParked;
    asked.parked_for = key;
    return;
  }
  if (const auto* waiting = std::get_if<HeldResponse>(&result)) {
    ENSURE(waiting->response.status == 200);
    check_may_change(asked, held ? &*held : nullptr);
    asked.state = Asked::State::kHeld;
    asked.change = waiting->change;
    return;
  }
  const int status = std::get<ApiResponse>(result).status;
  ENSURE(status == 200 || status == 400 || status == 406 || status == 503);
  if (status == 200) {  // only a refresh needs no write
    check_may_change(asked, held ? &*held : nullptr);
    ENSURE(asked.verb != "LOGOUT" && held && held->user.endpoint == asked.endpoint);
    ENSURE(held->user.name.text() == asked.name.text());
    probing_.erase(key);
    gone_.erase(key);
  }
  asked_.erase(ticket);
}

/// A name has one owner: his token, or the address that registered it.
void NodeWorld::check_may_change(const Asked& asked, const Record* held) const {
  ENSURE(registry::may_register(asked.source, asked.endpoint.address) || asked.verb == "LOGOUT");
  if (held == nullptr) {
    ENSURE(asked.verb != "LOGOUT");
    return;
  }
  if (held->token && held->token == hash_of(asked.token)) return;
  ENSURE(asked.source == held->source);
  if (asked.verb == "REGISTER") {
    // Only a probe's finding lets another program at the holder's address have the name, and not
    // for long: the holder may be back.
    const auto gone = gone_.find(asked.name.key());
    ENSURE(gone != gone_.end() && now_ <= gone->second + Directory::kProbeResultAge);
  }
  if (asked.verb == "LOGOUT") ENSURE(text_of(held->user) + "\r\n" == asked.body.substr(7));
}

// What the shells do after every call: take all that the node has for them.
void NodeWorld::drain() {
  for (bool is_quiet = false; !is_quiet;) {
    is_quiet = true;
    while (auto change = node_->poll_change()) {
      for (const Change& other : changes_)  // one change of a name at a time
        ENSURE(!(other.record.user.name == change->record.user.name));
      changes_.push_back(*std::move(change));
    }
    while (auto probe = node_->poll_probe()) {
      ENSURE(node_->directory().is_busy(probe->key));
      probing_.insert(probe->key);
      gone_.erase(probe->key);
      probes_.push_back(*std::move(probe));
    }
    while (node_->poll_event()) {
    }
    while (const auto released = node_->poll_release()) {
      is_quiet = false;
      release(*released);
    }
  }
}

void NodeWorld::release(const Node::Release& released) {
  const auto it = asked_.find(released.ticket);
  ENSURE(it != asked_.end());
  Asked& asked = it->second;
  if (released.kind != Node::Release::Kind::kRerun) {
    ENSURE(asked.state == Asked::State::kHeld && finished_.erase(asked.change) == 1);
    asked_.erase(it);
    return;
  }
  ENSURE(asked.state == Asked::State::kParked);
  asked.state = Asked::State::kNew;
  if (asked.is_client_gone) {
    node_->abandon(released.ticket);
    asked_.erase(it);
  } else {
    handle(released.ticket);
  }
}

// The store takes changes in order, several at once, all or none of them.
void NodeWorld::finish_changes(std::size_t count, bool is_committed) {
  std::vector<std::pair<registry::ChangeId, registry::Version>> committed;
  std::vector<registry::ChangeId> failed;
  registry::Version version = node_->directory().version();
  for (; count > 0 && !changes_.empty(); --count) {
    const Change change = std::move(changes_.front());
    changes_.pop_front();
    finished_.insert(change.id);
    failed.push_back(change.id);
    committed.emplace_back(change.id, ++version);
    if (!is_committed) continue;
    const std::string& key = change.record.user.name.key();
    probing_.erase(key);
    gone_.erase(key);
    const auto place = std::find_if(expected_.begin(), expected_.end(),
                                    [&](const auto& item) { return item.first == key; });
    if (change.kind == Change::Kind::kErase) {
      ENSURE(place != expected_.end());
      expected_.erase(place);
    } else if (place != expected_.end()) {
      place->second = text_of(change.record.user);
    } else {
      expected_.emplace_back(key, text_of(change.record.user));
    }
  }
  if (is_committed) {
    constexpr std::size_t kPastMax = 32;
    if (past_.size() < kPastMax) past_.emplace(node_->directory().version(), list());
    node_->handle_committed(now_, committed);
    ENSURE(node_->directory().version() == version);
  } else {
    node_->handle_failed(now_, failed);
  }
}

void NodeWorld::answer_probe(bool is_gone) {
  if (probes_.empty()) return;
  const std::string key = probes_.front().key;
  probes_.pop_front();
  if (probing_.erase(key) > 0 && is_gone) gone_[key] = now_;
  node_->handle_probe_result(now_, key, is_gone);
}

void NodeWorld::advance(common::Duration duration) {
  now_ += duration;
  node_->handle_timeout(now_);
  const auto next = node_->next_timeout();
  ENSURE(!next || *next > now_);  // a burst of expiries too large for one call does not fit here
}

void NodeWorld::restart() {
  const auto records = node_->directory().snapshot();
  const registry::Version version = node_->directory().version();
  node_ = make_node(random_);
  node_->directory().load(now_, records, version);
  asked_.clear();
  changes_.clear();
  probes_.clear();
  finished_.clear();
  probing_.clear();
  gone_.clear();
  past_.clear();  // removals are not remembered over a restart
}

NodeWorld::List NodeWorld::list() const {
  List list;
  node_->directory().for_each([&](const Record& record) {
    list.emplace_back(record.user.name.key(), text_of(record.user));
  });
  return list;
}

void NodeWorld::check() {
  ensure_directory_rules(node_->directory());
  ENSURE(list() == expected_);
  if (lists_checked_ != node_->directory().version()) ensure_lists(node_->directory());
  lists_checked_ = node_->directory().version();
  for (const auto& item : asked_) {
    const Asked& asked = item.second;
    ENSURE(asked.state != Asked::State::kNew);
    // Whoever waits, waits for something that will end.
    if (asked.state != Asked::State::kParked) continue;
    const bool is_probed =
        std::any_of(probes_.begin(), probes_.end(),
                    [&](const registry::Probe& probe) { return probe.key == asked.parked_for; });
    ENSURE(is_probed || node_->directory().is_busy(asked.parked_for));
  }
}

// A reader who knew the list of some version and is told what changed knows the list of now.
void NodeWorld::check_changes_since() const {
  const List now = list();
  const std::map<std::string, std::string> wanted(now.begin(), now.end());
  for (const auto& [version, past] : past_) {
    const auto changes = node_->directory().changes_since(version);
    ENSURE(changes.has_value());
    std::map<std::string, std::string> known(past.begin(), past.end());
    for (const std::string& name : changes->removed)
      known.erase(common::UserName::parse(name).value().key());
    for (const Record* record : changes->changed)
      known[record->user.name.key()] = text_of(record->user);
    ENSURE(known == wanted);
  }
  ENSURE(!node_->directory().changes_since(node_->directory().version() + 1));
}

void NodeWorld::settle() {
  node_->set_store_up(true);
  past_.emplace(node_->directory().version(), list());
  constexpr int kRoundsMax = 10'000;
  int rounds = 0;
  const auto end_all = [&] {
    drain();
    while (!changes_.empty() || !probes_.empty()) {
      ENSURE(++rounds < kRoundsMax);
      finish_changes(changes_.size(), true);
      while (!probes_.empty()) answer_probe(false);
      drain();
      check();
    }
    ENSURE(asked_.empty());
    check_changes_since();
  };
  end_all();
  while (node_->directory().size() > 0) {
    ENSURE(++rounds < kRoundsMax);
    const auto next = node_->next_timeout();
    ENSURE(next.has_value());
    advance(std::max<common::Duration>(*next - now_, 0s));
    end_all();
  }
}

}  // namespace fuzz
