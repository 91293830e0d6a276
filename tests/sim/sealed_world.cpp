#include "tests/sim/sealed_world.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sim {
namespace {

using namespace peer::sealed;
using common::IpAddress;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kFaultyTime = seconds(24);
/// From the end of the faults until the last messages are sent: a refetch of certificates that was
/// just refused, and the longest retransmission pauses.
constexpr Duration kHealingTime = seconds(8);
constexpr Duration kFinalRound = seconds(10);
constexpr common::WallTime kWallStart{1'700'000'000'000};
const IpAddress kStranger = IpAddress::v4({10, 0, 0, 99});

}  // namespace

struct SealedWorld::Actor {
  std::string name;
  IpAddress host;
  std::optional<common::Identity> identity;
  SimPins pins;
  bool has_hook = false;
  std::size_t buffer_bytes = 0;
  std::uint64_t life = 0;
  std::unique_ptr<SealedPeer> process;
  std::map<std::size_t, std::uint64_t> ordinals;  // by recipient, in this life
  // Of this life: what was received, and per sender and his life the last ordinal.
  std::set<MessageId> received;
  std::map<std::pair<std::size_t, std::uint64_t>, std::uint64_t> last_ordinal;
};

SealedWorld::SealedWorld(std::uint64_t seed) : random_(seed), network_(scheduler_, random_) {
  scheduler_.run_until(TimePoint{} + std::chrono::hours(1));
}

SealedWorld::~SealedWorld() = default;

common::Endpoint SealedWorld::new_endpoint(std::size_t index) {
  return {actors_[index]->host, ++last_port_};
}

common::WallTime SealedWorld::wall_now() const {
  const auto since = std::chrono::duration_cast<milliseconds>(scheduler_.now().time_since_epoch());
  return {kWallStart.unix_ms + (since + wall_skew_).count()};
}

void SealedWorld::fail(const std::string& what) {
  if (failures_.size() > 20) return;
  const auto since = scheduler_.now() - TimePoint{} - std::chrono::hours(1);
  failures_.push_back(
      fmt::format("{:.3f} s: {}", std::chrono::duration<double>(since).count(), what));
}

void SealedWorld::note(std::string_view what) {
  const auto mix = [this](unsigned char byte) { trace_ = (trace_ ^ byte) * 1'099'511'628'211ULL; };
  for (const char c : what) mix(static_cast<unsigned char>(c));
  const auto when = scheduler_.now().time_since_epoch().count();
  for (int shift = 0; shift < 64; shift += 8) mix(static_cast<unsigned char>(when >> shift));
}

std::vector<std::string> SealedWorld::run() {
  const std::size_t count = 2 + random_.below(random_.below(4) == 0 ? 7 : 3);
  for (std::size_t i = 0; i < count; ++i) {
    auto actor = std::make_unique<Actor>();
    actor->name = fmt::format("peer{}", i);
    actor->host = IpAddress::v4({10, 0, 0, static_cast<std::uint8_t>(10 + i)});
    actor->identity = common::Identity::make(random_);
    actor->has_hook = random_.below(2) == 0;
    actor->buffer_bytes = random_.below(2) == 0 ? kDatagramBytesMax : 65'000;
    actors_.push_back(std::move(actor));
    scheduler_.after(milliseconds(random_.below(500)), [this, i] { start(i); });
  }
  plan();
  for (std::size_t i = 0; i < count; ++i)
    scheduler_.after(milliseconds(random_.below(2000)), [this, i] { act(i); });
  scheduler_.after(seconds(1), [this] { make_trouble(); });

  const TimePoint begun = scheduler_.now();
  scheduler_.run_until(begun + kFaultyTime);
  network_.faults() = Faults{};
  for (const auto& actor : actors_) network_.set_cut(actor->host, false);
  is_at_rest_ = true;
  is_directory_down_ = false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!actors_[i]->process) start(i);
    enter_directory(i);
  }
  scheduler_.run_until(begun + kFaultyTime + kHealingTime);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t to = 0; to < count; ++to)
      if (to != i) send(i, to, true);
  scheduler_.run_until(begun + kFaultyTime + kHealingTime + kFinalRound + milliseconds(1));
  check_rest();
  for (const auto& actor : actors_) {
    const auto& drops = actor->process->messenger().table().shared().drops;
    totals_.replayed += drops[static_cast<std::size_t>(DropReason::kReplayed)];
    totals_.forged += drops[static_cast<std::size_t>(DropReason::kBadTag)] +
                      drops[static_cast<std::size_t>(DropReason::kRefusedInit)];
  }
  return failures_;
}

// Draws this run's weather: some runs are calm, some are terrible.
void SealedWorld::plan() {
  Faults& faults = network_.faults();
  faults.loss_percent = static_cast<unsigned>(random_.below(41));
  faults.duplicate_percent = static_cast<unsigned>(random_.below(11));
  faults.corrupt_percent = random_.below(2) == 0 ? 0 : 1;
  faults.delay_max =
      milliseconds(random_.below(3) == 0 ? 1 + random_.below(2000) : 1 + random_.below(50));
  const auto sometime = [&] {
    return scheduler_.now() +
           milliseconds(random_.below(static_cast<std::uint64_t>(kFaultyTime / milliseconds(1))));
  };
  const auto anybody = [&] { return random_.below(actors_.size()); };
  for (std::uint64_t cuts = random_.below(3); cuts > 0; --cuts) {
    const TimePoint from = sometime();
    const IpAddress host = actors_[anybody()]->host;
    scheduler_.at(from, [this, host] { network_.set_cut(host, true); });
    scheduler_.at(from + milliseconds(random_.below(20'000)),
                  [this, host] { network_.set_cut(host, false); });
  }
  for (std::uint64_t crashes = random_.below(4); crashes > 0; --crashes) {
    const TimePoint when = sometime();
    const std::size_t index = anybody();
    const bool says_goodbye = random_.below(2) == 0;
    scheduler_.at(when, [this, index, says_goodbye] { crash(index, says_goodbye); });
    scheduler_.at(when + milliseconds(random_.below(4000)), [this, index] { start(index); });
  }
  for (std::uint64_t moves = random_.below(4); moves > 0; --moves)
    scheduler_.at(sometime(), [this, index = anybody()] { rebind(index); });
  if (random_.below(8) == 0)
    scheduler_.at(sometime(), [this, index = anybody()] { reinstall(index); });
  for (std::uint64_t jumps = random_.below(3); jumps > 0; --jumps)
    scheduler_.at(sometime(), [this] {
      wall_skew_ = milliseconds(random_.below(1'200'000)) - milliseconds(600'000);
    });
  if (random_.below(3) == 0) {
    const TimePoint from = sometime();
    scheduler_.at(from, [this] { is_directory_down_ = true; });
    scheduler_.at(from + milliseconds(random_.below(10'000)),
                  [this] { is_directory_down_ = false; });
  }
}

void SealedWorld::start(std::size_t index) {
  Actor& actor = *actors_[index];
  if (actor.process) return;
  ++actor.life;
  note("start");
  actor.ordinals.clear();
  actor.received.clear();
  actor.last_ordinal.clear();
  actor.process = std::make_unique<SealedPeer>(
      scheduler_, network_, random_, *actor.identity, *common::UserName::parse(actor.name),
      actor.pins, new_endpoint(index), actor.has_hook, actor.buffer_bytes,
      SealedPeer::Hooks{
          .on_event = [this, index](const Messenger::Event& event) { handle_event(index, event); },
          .wall_now = [this] { return wall_now(); },
          .on_sent = [this](const common::Endpoint& to,
                            common::Bytes datagram) { overhear(to, datagram); }});
  enter_directory(index);
}

void SealedWorld::enter_directory(std::size_t index) {
  const Actor& actor = *actors_[index];
  directory_[actor.name] = {actor.process->certificate(), actor.process->endpoint()};
}

void SealedWorld::crash(std::size_t index, bool says_goodbye) {
  Actor& actor = *actors_[index];
  if (!actor.process || is_at_rest_) return;
  note("crash");
  ++totals_.restarts;
  if (says_goodbye) {
    actor.process->messenger().leave();
    actor.process->pump();
    directory_.erase(actor.name);
  }
  actor.process.reset();
}

// Another address, unknown to itself. The directory learns of it with the next heartbeat.
void SealedWorld::rebind(std::size_t index) {
  Actor& actor = *actors_[index];
  if (!actor.process || is_at_rest_) return;
  note("rebind");
  ++totals_.rebinds;
  actor.process->rebind(new_endpoint(index));
  scheduler_.after(milliseconds(random_.below(5000)), [this, index, life = actor.life] {
    if (actors_[index]->process && actors_[index]->life == life) enter_directory(index);
  });
}

// The same name with another key: everybody who has pinned the old one must refuse it, until the
// end.
void SealedWorld::reinstall(std::size_t index) {
  Actor& actor = *actors_[index];
  if (is_at_rest_) return;
  crash(index, false);
  note("reinstall");
  actor.identity = common::Identity::make(random_);
  start(index);
  scheduler_.at(TimePoint{} + std::chrono::hours(1) + kFaultyTime, [this, index] {
    for (const auto& other : actors_)  // people compare the numbers
      other->pins.pin(*common::UserName::parse(actors_[index]->name),
                      actors_[index]->identity->key());
  });
}

void SealedWorld::act(std::size_t index) {
  if (is_at_rest_) return;
  if (actors_[index]->process) {
    const std::uint64_t burst = random_.below(4) == 0 ? 1 + random_.below(20) : 1;
    for (std::uint64_t i = 0; i < burst; ++i) {
      const std::size_t to = random_.below(actors_.size());
      if (to != index) send(index, to, false);
    }
  }
  scheduler_.after(milliseconds(random_.below(6000)), [this, index] { act(index); });
}

std::string SealedWorld::random_text() {
  std::string text = fmt::format("text {} ", ++last_text_);
  switch (random_.below(12)) {
    case 0:
      text.resize(1000 + random_.below(2000), 'm');
      break;
    case 1:
      text.resize(kFragmentBytes + random_.below(3) - 1, 'e');
      break;
    case 2:
      if (random_.below(4) == 0) text.resize(kTextBytesMax - random_.below(3), 'l');
      break;
    default:
      break;
  }
  return text;
}

void SealedWorld::send(std::size_t index, std::size_t to, bool is_final) {
  Actor& actor = *actors_[index];
  SentMessage message{.from = index, .life = actor.life, .to = to, .is_final = is_final};
  message.text = random_text();
  if (random_.below(3) == 0) message.level = static_cast<Level>(1 + random_.below(3));
  if (wants_hook(message.level) && random_.below(2) == 0) message.kind = MessageKind::kAsk;
  if (is_final) message.level = Level::kDelivered, message.kind = MessageKind::kText;
  message.deadline =
      scheduler_.now() +
      (is_final ? kFinalRound : Duration(milliseconds(1000 + random_.below(14'000))));
  const auto id = actor.process->messenger().send(
      scheduler_.now(), {.to = *common::UserName::parse(actors_[to]->name),
                         .kind = message.kind,
                         .level = message.level,
                         .text = common::as_bytes(message.text),
                         .deadline = message.deadline});
  if (!id) return fail("a message was refused for want of room");
  message.ordinal = ++actor.ordinals[to];
  ++totals_.sent;
  sent_.emplace(id.value(), std::move(message));
  actor.process->pump();
}

void SealedWorld::handle_event(std::size_t index, const Messenger::Event& event) {
  check_limits(index);
  if (const auto* received = std::get_if<Messenger::Received>(&event)) {
    handle_received(index, *received);
  } else if (const auto* outcome = std::get_if<Messenger::Outcome>(&event)) {
    handle_outcome(index, *outcome);
  } else if (const auto* lookup = std::get_if<Messenger::NeedLookup>(&event)) {
    look_up(index, std::string(lookup->name));
  } else {
    fail("a person was asked, although pins are made at first use");
  }
}

void SealedWorld::handle_received(std::size_t index, const Messenger::Received& received) {
  Actor& actor = *actors_[index];
  note(common::as_text(received.text));
  ++totals_.received;
  totals_.early += received.is_early ? 1 : 0;
  const auto it = sent_.find(received.handle.id);
  if (it == sent_.end()) return fail("a message came that nobody sent");
  SentMessage& message = it->second;
  const Actor& sender = *actors_[message.from];
  if (received.sender != sender.name || message.to != index || received.kind != message.kind ||
      common::as_text(received.text) != message.text)
    return fail("a message came otherwise than it was sent");
  if (!actor.received.insert(received.handle.id).second) fail("a message came twice");
  std::uint64_t& last = actor.last_ordinal[{message.from, message.life}];
  if (message.ordinal <= last)
    fail(fmt::format("message {} of {} came after {}", message.ordinal, sender.name, last));
  last = message.ordinal;
  if (actor.has_hook && received.is_early) fail("an early message reached a hook");
  if (received.wants_receipt != (actor.has_hook && wants_hook(message.level)) ||
      received.wants_shown != (message.level == Level::kDeliveredSigned))
    fail("a receipt is wanted of the wrong one");
  message.is_received = true;
  if (received.wants_shown)
    actor.process->messenger().handle_shown(scheduler_.now(), received.handle);
  if (!received.wants_receipt) return;
  const auto status = static_cast<std::uint8_t>(random_.below(256));
  const std::string output =
      message.kind == MessageKind::kAsk ? "answer to " + message.text : std::string();
  scheduler_.after(milliseconds(random_.below(300)), [this, index, life = actor.life,
                                                      handle = received.handle, status, output] {
    Actor& handler = *actors_[index];
    if (!handler.process || handler.life != life) return;
    SentMessage& handled = sent_.at(handle.id);
    handled.is_handled = true;
    handled.status = status;
    handler.process->messenger().handle_handled(scheduler_.now(), handle, HandledResult::kExited,
                                                status, common::as_bytes(output));
    handler.process->pump();
  });
}

/// What was to be signed is, by the recipient and for what was sent, whenever the message is told
/// as delivered or handled; nothing else is.
void SealedWorld::check_evidence(const SentMessage& message, const Messenger::Outcome& outcome) {
  const bool is_told = outcome.result == Messenger::Result::kDelivered ||
                       outcome.result == Messenger::Result::kHandled;
  const bool is_signed = outcome.evidence != nullptr;
  if (is_signed != (is_told && wants_signature(message.level)))
    return fail("a signature is missing, or too many");
  if (!is_signed) return;
  const ReceiptStatement& statement = outcome.evidence->statement;
  if (statement.id != outcome.id || statement.recipient.name.text() != actors_[message.to]->name ||
      statement.text != digest_of(common::as_bytes(message.text)) ||
      statement.output != digest_of(outcome.output) ||
      !verify_receipt(statement, outcome.evidence->signature))
    fail("a receipt that proves nothing");
  ++totals_.signed_receipts;
}

void SealedWorld::handle_outcome(std::size_t index, const Messenger::Outcome& outcome) {
  note(fmt::format("outcome {}", static_cast<int>(outcome.result)));
  const auto it = sent_.find(outcome.id);
  if (it == sent_.end()) return fail("an outcome of nothing");
  SentMessage& message = it->second;
  if (message.from != index || message.life != actors_[index]->life ||
      outcome.to != actors_[message.to]->name)
    fail("an outcome of somebody else's message");
  if (++message.outcomes > 1) fail("a second outcome");
  if (scheduler_.now() > message.deadline + milliseconds(2)) fail("an outcome after the deadline");
  // A question that nobody can answer is not shown.
  const bool is_shown = message.kind == MessageKind::kText || actors_[message.to]->has_hook;
  if (outcome.is_delivered && is_shown && !message.is_received)
    fail(fmt::format("told as delivered, and never received: {}", message.text.substr(0, 20)));
  check_evidence(message, outcome);
  switch (outcome.result) {
    case Messenger::Result::kDelivered:
      ++totals_.delivered;
      if (wants_hook(message.level)) fail("delivered is not enough");
      break;
    case Messenger::Result::kHandled: {
      ++totals_.handled;
      if (!wants_hook(message.level)) fail("nobody asked whether it was handled");
      const bool was_run = outcome.handled == HandledResult::kExited;
      if (was_run != message.is_handled || (was_run && outcome.status != message.status))
        fail("another status than the hook's");
      const std::string output = message.kind == MessageKind::kAsk && was_run
                                     ? "answer to " + message.text
                                     : std::string();
      if (common::as_text(outcome.output) != output.substr(0, kTextBytesMax))
        fail("another output than the hook's");
      break;
    }
    case Messenger::Result::kKeyChanged:
      ++totals_.key_changed;
      break;
    case Messenger::Result::kNotTrusted:
    case Messenger::Result::kNoKey:
      fail("an outcome that cannot be");
      break;
    default:
      ++totals_.given_up;
      break;
  }
  if (message.is_final && outcome.result != Messenger::Result::kDelivered)
    fail(fmt::format("after the faults: {} to {}: result {}", actors_[index]->name, outcome.to,
                     static_cast<int>(outcome.result)));
}

void SealedWorld::look_up(std::size_t index, const std::string& name) {
  scheduler_.after(
      milliseconds(random_.below(100)), [this, index, life = actors_[index]->life, name] {
        Actor& actor = *actors_[index];
        if (!actor.process || actor.life != life) return;
        using Answer = common::expected<Messenger::Found, Messenger::NotFound>;
        const auto answer = [&]() -> Answer {
          if (is_directory_down_ || network_.is_cut(actor.host))
            return common::unexpected{Messenger::NotFound::kUnavailable};
          const auto it = directory_.find(name);
          if (it == directory_.end()) return common::unexpected{Messenger::NotFound::kUnknown};
          return Messenger::Found{common::decode_certificate(it->second.certificate).value(),
                                  it->second.endpoint};
        };
        actor.process->messenger().handle_lookup(scheduler_.now(), *common::UserName::parse(name),
                                                 answer());
        actor.process->pump();
      });
}

// The stranger keeps some of what crosses the network.
void SealedWorld::overhear(const common::Endpoint& to, common::Bytes datagram) {
  constexpr std::size_t kMemory = 64;
  if (overheard_.size() < kMemory) {
    overheard_.push_back({to, {datagram.begin(), datagram.end()}});
  } else if (random_.below(8) == 0) {
    overheard_[random_.below(kMemory)] = {to, {datagram.begin(), datagram.end()}};
  }
}

// He repeats it from his own address or twists it; what he sends must change nothing.
void SealedWorld::make_trouble() {
  if (is_at_rest_) return;
  if (!overheard_.empty()) {
    Overheard shot = overheard_[random_.below(overheard_.size())];
    for (std::uint64_t flips = random_.below(3); flips > 0; --flips)
      shot.datagram[random_.below(shot.datagram.size())] ^=
          static_cast<std::byte>(1 + random_.below(255));
    if (random_.below(8) == 0) shot.datagram.resize(random_.below(shot.datagram.size() + 1));
    network_.send({kStranger, 666}, shot.to, shot.datagram);
  }
  scheduler_.after(milliseconds(1 + random_.below(400)), [this] { make_trouble(); });
}

void SealedWorld::check_limits(std::size_t index) {
  SessionTable& table = actors_[index]->process->messenger().table();
  const SessionShared& shared = table.shared();
  if (table.size() > kSessionsMax || shared.inboxes.size() > kStreamsMax)
    fail("too many sessions or streams");
  if (shared.inboxes.budget().left() > kHeldBytesMax) fail("the budget gave back too much");
}

void SealedWorld::check_rest() {
  for (const auto& [id, message] : sent_) {
    const Actor& sender = *actors_[message.from];
    const bool is_alive = sender.life == message.life;
    if (is_alive && message.outcomes != 1)
      fail(fmt::format("no outcome of what {} sent to {}, {}", sender.name,
                       actors_[message.to]->name, message.text.substr(0, 12)));
  }
  for (const auto& actor : actors_) {
    Messenger& messenger = actor->process->messenger();
    if (!messenger.is_idle()) fail(fmt::format("{} is not idle", actor->name));
    if (messenger.table().shared().inboxes.budget().left() != kHeldBytesMax &&
        network_.faults().loss_percent == 0) {
      // Parts of messages that were given up go when their time is over, not before.
      if (messenger.table().shared().inboxes.budget().left() + (4u << 20) < kHeldBytesMax)
        fail("much is still held");
    }
  }
}

}  // namespace sim
