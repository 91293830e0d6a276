#include "tests/sim/world.hpp"

#include <fmt/format.h>

#include "common/owner_token.hpp"

namespace sim {
namespace {

using common::IpAddress;
using common::UserName;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kFaultyTime = seconds(100);
/// The longest chain after the faults end: a client's timeout, the longest retry pause, a lease.
constexpr Duration kHealingTime = seconds(60);
constexpr Duration kFinalRound = seconds(10);
constexpr std::size_t kListeners = 5;
constexpr std::size_t kSenders = 2;
constexpr std::size_t kOld = 2;

UserName name_of(const std::string& text) { return *UserName::parse(text); }

}  // namespace

struct World::ListenerActor {
  std::string name;
  IpAddress host;
  std::string token;
  std::unique_ptr<peer::Listener> listener;  // null while it is crashed or has left
  common::Endpoint endpoint;
  std::uint64_t incarnation = 0;
  std::optional<TimePoint> armed;
  bool has_left = false;
};

struct World::SenderActor {
  IpAddress host;
  common::Endpoint endpoint;
  std::unique_ptr<peer::Sender> sender;
  bool is_busy = false;
};

/// A program of old: registers once without a token, never refreshes, may die without a word.
struct World::OldActor {
  std::string name;
  IpAddress host;
  std::optional<common::Endpoint> endpoint;  // set while it lives
};

World::World(std::uint64_t seed) : random_(seed), network_(scheduler_, random_) {
  rules_.lease = seconds(6);
  rules_.classic_lease = seconds(80);  // longer than the age from which a dead holder is probed
  registry_ = std::make_unique<RegistryHost>(scheduler_, network_, random_, host(1), rules_);
  registry_->on_event = [this](const registry::DirectoryEvent& event) { handle_event(event); };
  registry_->on_heard = [this](std::string_view body) { handle_heard(body); };
}

World::~World() = default;

IpAddress World::host(unsigned number) const {
  return IpAddress::v4({10, 0, 0, static_cast<std::uint8_t>(number)});
}

common::Endpoint World::new_endpoint(const IpAddress& address) { return {address, ++last_port_}; }

void World::fail(std::string what) {
  failures_.push_back(fmt::format(
      "{:.3f} s: {}", std::chrono::duration<double>(scheduler_.now() - TimePoint{}).count(), what));
}

void World::note(std::string_view what) {
  const auto mix = [this](unsigned char byte) { trace_ = (trace_ ^ byte) * 1'099'511'628'211ULL; };
  for (const char c : what) mix(static_cast<unsigned char>(c));
  const auto when = scheduler_.now().time_since_epoch().count();
  for (int shift = 0; shift < 64; shift += 8) mix(static_cast<unsigned char>(when >> shift));
}

std::vector<std::string> World::run() {
  registry_->start();
  plan_faults();
  for (std::size_t i = 0; i < kListeners; ++i) {
    auto actor = std::make_unique<ListenerActor>();
    // The last two want one name: only one of them may ever have it.
    actor->name = i + 2 >= kListeners ? "Rivals" : fmt::format("listener{}", i);
    actor->host = host(static_cast<unsigned>(10 + i));
    actor->token = common::make_owner_token(random_);
    listeners_.push_back(std::move(actor));
    scheduler_.after(milliseconds(random_.below(3000)), [this, i] { start_listener(i); });
  }
  for (std::size_t i = 0; i < kSenders; ++i) {
    auto actor = std::make_unique<SenderActor>();
    actor->host = host(static_cast<unsigned>(40 + i));
    actor->endpoint = new_endpoint(actor->host);
    actor->sender =
        std::make_unique<peer::Sender>(name_of(fmt::format("sender{}", i)), "10.0.0.1:8080");
    senders_.push_back(std::move(actor));
    scheduler_.after(milliseconds(random_.below(3000)), [this, i] { run_sender(i); });
  }
  for (std::size_t i = 0; i < kOld; ++i) {
    auto actor = std::make_unique<OldActor>();
    actor->name = fmt::format("old{}", i);
    actor->host = host(static_cast<unsigned>(60 + i));
    old_.push_back(std::move(actor));
    scheduler_.after(milliseconds(random_.below(3000)), [this, i] { run_old(i); });
  }
  scheduler_.after(seconds(1), [this] { make_trouble(); });

  scheduler_.run_until(TimePoint{} + kFaultyTime);
  network_.faults() = Faults{};
  registry_->set_disk_failing(false);
  for (unsigned i = 1; i < 100; ++i) network_.set_cut(host(i), false);
  if (!registry_->is_up()) restart_registry();
  is_at_rest_ = true;  // nobody crashes or makes trouble any more
  scheduler_.run_until(TimePoint{} + kFaultyTime + kHealingTime);
  check_rest();
  return failures_;
}

// Draws this run's weather: some runs are calm, some are terrible.
void World::plan_faults() {
  Faults& faults = network_.faults();
  faults.loss_percent = static_cast<unsigned>(random_.below(41));
  faults.duplicate_percent = static_cast<unsigned>(random_.below(11));
  faults.corrupt_percent = random_.below(2) == 0 ? 0 : 1;
  faults.delay_max = milliseconds(1 + random_.below(2000));
  const auto sometime = [&] {
    return TimePoint{} +
           milliseconds(random_.below(static_cast<std::uint64_t>(kFaultyTime / milliseconds(1))));
  };
  for (std::uint64_t cuts = random_.below(6); cuts > 0; --cuts) {
    const IpAddress cut = host(static_cast<unsigned>(random_.below(70)));
    const TimePoint from = sometime();
    scheduler_.at(from, [this, cut] { network_.set_cut(cut, true); });
    scheduler_.at(from + milliseconds(random_.below(20'000)),
                  [this, cut] { network_.set_cut(cut, false); });
  }
  for (std::uint64_t kills = random_.below(5); kills > 0; --kills) {
    const TimePoint when = sometime();
    scheduler_.at(when, [this] {
      note("registry killed");
      if (registry_->is_up()) registry_->crash();
    });
    scheduler_.at(when + milliseconds(random_.below(5000)), [this] {
      if (!registry_->is_up()) restart_registry();
    });
  }
  for (std::uint64_t failures = random_.below(3); failures > 0; --failures) {
    const TimePoint when = sometime();
    scheduler_.at(when, [this] { registry_->set_disk_failing(true); });
    scheduler_.at(when + milliseconds(random_.below(8000)),
                  [this] { registry_->set_disk_failing(false); });
  }
  for (std::uint64_t crashes = random_.below(8); crashes > 0; --crashes) {
    const std::size_t index = random_.below(kListeners);
    scheduler_.at(sometime(), [this, index] { crash_listener(index); });
  }
}

// What was acknowledged is on the disk; after a restart the directory is exactly that.
void World::restart_registry() {
  note("registry started");
  registry_->start();
  check_disk();
  for (const auto& [key, owner] : owners_) {
    const auto* record = registry_->node().directory().find(owner.user.name);
    // The end of a lease may have reached the disk, and the kill have come before word of it; so
    // may the troublemaker's own LOGOUT.
    const Duration lease = owner.has_token ? rules_.lease : rules_.classic_lease;
    if (record == nullptr && key != "mallory" && scheduler_.now() < owner.heard + lease)
      fail(fmt::format("{} was acknowledged and is gone after a restart", key));
  }
  owners_.clear();
  registry_->node().directory().for_each([&](const registry::Record& record) {
    owners_.insert_or_assign(
        record.user.name.key(),
        Owner{record.user, record.source, scheduler_.now(), record.token.has_value()});
  });
}

void World::check_disk() {
  const registry::Version version = registry_->disk().version;
  if (version < last_version_) fail("the version ran backwards");
  last_version_ = version;
}

void World::start_listener(std::size_t index) {
  ListenerActor& actor = *listeners_[index];
  if (actor.listener || actor.has_left) return;
  ++actor.incarnation;
  actor.armed.reset();
  actor.endpoint = new_endpoint(actor.host);
  actor.listener =
      std::make_unique<peer::Listener>(peer::Listener::Options{.name = name_of(actor.name),
                                                               .registry = "10.0.0.1:8080",
                                                               .asks = false,
                                                               .is_terminal = false,
                                                               .json = false,
                                                               .has_hook = false,
                                                               .count = {},
                                                               .wait = {}},
                                       random_);
  network_.bind(actor.endpoint, [this, index](const common::Endpoint&, common::Bytes datagram) {
    listeners_[index]->listener->handle_datagram(scheduler_.now(), {}, datagram);
    drain_listener(index);
  });
  actor.listener->start(scheduler_.now());
  drain_listener(index);
}

void World::crash_listener(std::size_t index) {
  ListenerActor& actor = *listeners_[index];
  if (!actor.listener) return;
  note("listener crashed");
  network_.unbind(actor.endpoint);
  actor.listener.reset();
  ++actor.incarnation;
  scheduler_.after(milliseconds(random_.below(5000)), [this, index] { start_listener(index); });
}

void World::drain_listener(std::size_t index) {
  ListenerActor& actor = *listeners_[index];
  while (actor.listener) {
    const auto action = actor.listener->poll_action();
    if (!action) break;
    if (const auto* job = std::get_if<peer::Listener::Register>(&*action)) {
      const peer::Verb verb = job->verb;
      const auto request =
          make_registration(verb, name_of(actor.name), actor.endpoint, actor.token);
      registry_->exchange(
          {actor.host}, request,
          [this, index, verb, incarnation = actor.incarnation](RegistryHost::Answer answer) {
            ListenerActor& caller = *listeners_[index];
            if (incarnation != caller.incarnation || !caller.listener) return;
            if (answer) {
              caller.listener->handle_registration(scheduler_.now(), caller.endpoint,
                                                   interpret_registration(verb, *answer));
            } else {
              caller.listener->handle_registration(scheduler_.now(), caller.endpoint,
                                                   common::unexpected{answer.error()});
            }
            drain_listener(index);
          });
    } else if (const auto* printed = std::get_if<peer::Listener::Print>(&*action)) {
      print(index, printed->text);
    } else if (std::holds_alternative<peer::Listener::Leave>(*action)) {
      network_.unbind(actor.endpoint);
      actor.listener.reset();
      actor.has_left = true;
    }
  }
  wake_listener(index);
}

void World::wake_listener(std::size_t index) {
  ListenerActor& actor = *listeners_[index];
  if (!actor.listener) return;
  const auto due = actor.listener->next_timeout();
  if (!due || (actor.armed && *actor.armed <= *due && *actor.armed > scheduler_.now())) return;
  actor.armed = due;
  scheduler_.at(*due, [this, index, incarnation = actor.incarnation] {
    ListenerActor& sleeper = *listeners_[index];
    if (incarnation != sleeper.incarnation || !sleeper.listener) return;
    sleeper.listener->handle_timeout(scheduler_.now());
    drain_listener(index);
  });
}

// A printed line must be something an honest sender said to this name, unless bytes were corrupted.
void World::print(std::size_t index, const std::string& text) {
  note(text);
  if (text == "This user already exists!\n") return;
  ++delivered_;
  const auto colon = text.find(": ");
  const std::string said =
      colon == std::string::npos ? std::string() : text.substr(colon + 2, text.size() - colon - 3);
  const auto it = sent_.find(said);
  if (it == sent_.end() || !it->second.contains(name_of(listeners_[index]->name).key())) {
    if (network_.corrupted() == 0)
      fail(fmt::format("{} was shown what nobody sent: {}", listeners_[index]->name, text));
    return;
  }
  ++arrivals_[said];
}

void World::run_sender(std::size_t index) {
  if (is_at_rest_) return;
  SenderActor& actor = *senders_[index];
  if (!actor.is_busy) {
    const std::string text = fmt::format("text {} list exit", ++last_text_);
    std::string line;
    if (random_.below(3) == 0) {
      line = fmt::format("broadcast \"{}\"", text);
      for (const auto& listener : listeners_) sent_[text].insert(name_of(listener->name).key());
    } else {
      const std::string& to = listeners_[random_.below(kListeners)]->name;
      line = fmt::format("multicast [{}, nobody] \"{}\"", to, text);
      sent_[text].insert(name_of(to).key());
    }
    actor.is_busy = true;
    actor.sender->handle_line(line);
    drain_sender(index);
  }
  scheduler_.after(milliseconds(200 + random_.below(2000)), [this, index] { run_sender(index); });
}

void World::drain_sender(std::size_t index) {
  SenderActor& actor = *senders_[index];
  while (const auto action = actor.sender->poll_action()) {
    if (const auto* fetch = std::get_if<peer::Sender::Fetch>(&*action)) {
      registry_->exchange({actor.host}, fetch->request, [this, index](RegistryHost::Answer answer) {
        senders_[index]->sender->handle_answer(std::move(answer));
        drain_sender(index);
      });
      return;
    }
    if (const auto* send = std::get_if<peer::Sender::SendDatagrams>(&*action)) {
      for (const peer::Transmit& transmit : send->datagrams)
        network_.send(actor.endpoint, transmit.to, transmit.datagram);
      actor.sender->handle_sent(std::vector<peer::Sender::SendResult>(send->datagrams.size()));
    } else if (const auto* line = std::get_if<peer::Sender::Print>(&*action)) {
      note(line->line);
    }
  }
  if (actor.sender->is_idle()) actor.is_busy = false;
}

// Lives, dies and comes back on another port, asking for its name until it gets it.
void World::run_old(std::size_t index) {
  OldActor& actor = *old_[index];
  if (is_at_rest_) return;
  if (actor.endpoint && random_.below(4) == 0) {
    network_.unbind(*actor.endpoint);
    actor.endpoint.reset();
  } else if (!actor.endpoint) {
    const common::Endpoint wanted = new_endpoint(actor.host);
    const peer::HttpRequest request{
        .method = "POST",
        .target = "/userlist.txt",
        .body = fmt::format("REGISTER {}@{}", actor.name, common::format_endpoint(wanted)),
        .headers = {}};
    registry_->exchange({actor.host, registry::http::Program::kOldClassic}, request,
                        [this, index, wanted](RegistryHost::Answer answer) {
                          OldActor& caller = *old_[index];
                          if (!answer || answer->status != 200 || caller.endpoint) return;
                          caller.endpoint = wanted;
                          network_.bind(wanted, [](const common::Endpoint&, common::Bytes) {});
                        });
  }
  scheduler_.after(seconds(10 + random_.below(20)), [this, index] { run_old(index); });
}

// A stranger on a host of his own, with a token of his own, tries to take and to end others' names.
void World::make_trouble() {
  if (is_at_rest_) return;
  const IpAddress mallory = host(90);
  const auto& victim = listeners_[random_.below(kListeners)];
  const auto verb = static_cast<peer::Verb>(random_.below(3));
  const auto endpoint = verb == peer::Verb::kLogout ? victim->endpoint : new_endpoint(mallory);
  const UserName name = name_of(victim->name);
  if (endpoint.port != 0 && owners_.contains(name.key())) {
    registry_->flood({mallory}, make_registration(verb, name, endpoint, std::string(43, 'M')), 4);
  }
  // Some of it under a name of his own, so that requests queue up behind a change that succeeds.
  registry_->flood({mallory},
                   make_registration(verb, name_of("mallory"), {mallory, 30'000},
                                     std::string(43, verb == peer::Verb::kUpdate ? 'M' : 'N')),
                   4);
  scheduler_.after(milliseconds(random_.below(4000)), [this] { make_trouble(); });
}

void World::handle_heard(std::string_view body) {
  ++registrations_;
  const auto at = body.find('@');
  const auto name = UserName::parse(body.substr(body.find(' ') + 1, at - body.find(' ') - 1));
  if (const auto it = owners_.find(name->key()); it != owners_.end())
    it->second.heard = scheduler_.now();
}

// Every change of ownership has one of the reasons that the rules allow.
void World::handle_event(const registry::DirectoryEvent& event) {
  using Kind = registry::DirectoryEvent::Kind;
  const std::string& key = event.user.name.key();
  note(fmt::format("{} {}", static_cast<int>(event.kind), key));
  const auto it = owners_.find(key);
  const TimePoint now = scheduler_.now();
  const auto* record = registry_->node().directory().find(event.user.name);
  const bool was_held = it != owners_.end();
  switch (event.kind) {
    case Kind::kRegistered:
      if (was_held) fail(fmt::format("{} was registered while it was held", key));
      break;
    case Kind::kMoved:
      if (!was_held || record == nullptr || it->second.source != record->source)
        fail(fmt::format("{} moved to another owner", key));
      break;
    case Kind::kReclaimed:
      ++reclaims_;
      if (!was_held || network_.is_bound(it->second.user.endpoint))
        fail(fmt::format("{} was reclaimed from somebody who is there", key));
      if (was_held && now < it->second.heard + registry::Directory::kProbeAge)
        fail(fmt::format("{} was reclaimed before its holder could be ready", key));
      break;
    case Kind::kLoggedIn:
      fail(fmt::format("{} logged in, and there is no such door", key));
      break;
    case Kind::kExpired: {
      const Duration lease = was_held && it->second.has_token ? rules_.lease : rules_.classic_lease;
      if (!was_held || now < it->second.heard + lease)
        fail(fmt::format("{} expired within its lease", key));
      break;
    }
    case Kind::kLoggedOut:
      if (key == "mallory") break;
      fail(fmt::format("{} was logged out, and nobody who may do that did", key));
      break;
  }
  if (record == nullptr) {
    owners_.erase(key);
  } else {
    owners_.insert_or_assign(key,
                             Owner{record->user, record->source, now, record->token.has_value()});
  }
}

// The faults are over and some time has passed: everybody alive is listed where he is, and a
// message to each arrives once.
void World::check_rest() {
  check_disk();
  std::set<std::string> listed;
  for (const auto& actor : listeners_) {
    if (!actor->listener) {
      if (!actor->has_left) fail(fmt::format("{} did not come back", actor->name));
      continue;
    }
    const auto* record = registry_->node().directory().find(name_of(actor->name));
    if (record == nullptr || record->user.endpoint != actor->endpoint) {
      fail(fmt::format("{} lives and is not listed", actor->name));
    } else if (!listed.insert(record->user.name.key()).second) {
      fail(fmt::format("{} has two owners", actor->name));
    }
  }
  if (registry_->waiting_count() > 0) fail("a request was never answered");
  SenderActor& sender = *senders_[0];
  if (sender.is_busy) fail("a command never ended");
  if (!failures_.empty()) return;
  std::set<std::string> texts;
  arrivals_.clear();
  for (const auto& actor : listeners_) {
    if (!actor->listener) continue;
    const std::string text = fmt::format("final {}", ++last_text_);
    sent_[text].insert(name_of(actor->name).key());
    texts.insert(text);
    sender.is_busy = true;
    sender.sender->handle_line(fmt::format("unicast {} \"{}\"", actor->name, text));
    drain_sender(0);
    scheduler_.run_until(scheduler_.now() + kFinalRound);
  }
  for (const std::string& text : texts)
    if (arrivals_[text] != 1)
      fail(fmt::format("\"{}\" arrived {} times on a good network", text, arrivals_[text]));
}

}  // namespace sim
