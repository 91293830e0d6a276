// A script of calls on two joined messengers, alice and bob (who has a hook), over a network that
// the script commands, and on a third, mallory, who has an identity of his own and seals what he
// likes for alice. What honest processes promise each other must hold whatever happens.
#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>

#include "peer/sealed/aead.hpp"
#include "peer/sealed/messenger.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"

namespace {

using namespace std::chrono_literals;
using common::Bytes;
using common::ByteVector;
using common::Endpoint;
using common::TimePoint;
using namespace peer::sealed;  // NOLINT(google-build-using-namespace)

constexpr common::WallTime kWall{1'700'000'000'000};
constexpr std::array<common::Duration, 8> kSteps = {1ms, 10ms, 100ms, 500ms, 2s, 10s, 70s, 200s};
constexpr std::array<std::size_t, 8> kSizes = {0, 5, 300, 1039, 1041, 2500, 30'000, kTextBytesMax};
constexpr common::Duration kTimeoutMax = 36s;

common::Identity identity_of(unsigned value) {
  std::array<std::byte, 32> seed{};
  seed.fill(static_cast<std::byte>(value));
  return common::Identity::from_seed(common::Secret(seed));
}

class Everybody final : public TrustGate {
 public:
  Admission admit(const common::Certificate&, bool) override { return Admission::kYes; }
};

struct Side {
  std::string name;
  Endpoint endpoint;
  unsigned seed = 0;
  bool has_hook = false;
  Everybody gate;
  std::unique_ptr<SessionKeyRing> keys;
  std::unique_ptr<Messenger> messenger;
  std::uint64_t life = 0;
  std::set<MessageId> received;                                  // in this life
  std::map<std::pair<bool, std::uint64_t>, std::uint64_t> last;  // sender and his life: an ordinal
  std::deque<Messenger::Handle> to_handle;
  std::uint64_t ordinal = 0;
};

class World {
 public:
  World() {
    start(alice_);
    start(bob_);
  }

  /// An unknown call, or one that is not possible now, does nothing.
  ///   s SIDE LEVEL SIZE TIMEOUT   to the other one
  ///   d N   u N   x N             datagram N on its way arrives; arrives and stays; is lost
  ///   c N BYTE BITS               arrives with some bits changed
  ///   m N                         arrives from another address
  ///   a                           all arrive
  ///   t STEP, n                   time passes: a step, or until the next timeout
  ///   h SIDE STATUS BIG           the hook has run for the message that waits longest
  ///   r SIDE   l SIDE             a process is started anew; says goodbye before
  ///   k HOW                       look-ups from now on: answered, nobody, no key, no answer
  ///   i FRAMES                    mallory's INIT to alice with these frames
  ///   f FRAMES                    mallory's DATA to alice
  void run(fuzz::ScriptLine line) {
    switch (line.call()) {
      case 's':
        send(line);
        break;
      case 'd':
      case 'u':
      case 'x':
      case 'm':
      case 'c':
        arrive(line);
        break;
      case 'a':
        for (int rounds = 0; rounds < 50 && !air_.empty(); ++rounds) {
          auto all = std::exchange(air_, {});
          for (const Flying& flying : all) give(flying.from, flying.to, flying.bytes);
        }
        break;
      case 't':
        pass(kSteps[line.number(kSteps.size())]);
        break;
      case 'n':
        pass_to_next();
        break;
      case 'h':
        handle(line);
        break;
      case 'l': {
        Side& side = line.flag() ? bob_ : alice_;
        side.messenger->leave();
        drain(side);
        forget(side);
        start(side);
        break;
      }
      case 'r': {
        Side& side = line.flag() ? bob_ : alice_;
        forget(side);
        start(side);
        break;
      }
      case 'k':
        how_ = line.number(4);
        break;
      case 'i':
        begin_mallory(common::as_bytes(line.text()));
        break;
      case 'f':
        speak_as_mallory(common::as_bytes(line.text()));
        break;
      default:
        return;
    }
  }

  /// Whatever was said: in the end each message has its outcome and nobody keeps what he held.
  void settle() {
    air_.clear();
    how_ = 0;
    pass(kTimeoutMax + 1s);
    ENSURE(alice_.messenger->is_idle() && bob_.messenger->is_idle());
    for (const auto& [id, sent] : sent_)
      ENSURE(sent.outcomes == (sent.life == side_of(sent.is_from_bob).life ? 1 : 0) ||
             sent.life != side_of(sent.is_from_bob).life);
    pass(200s);
    for (const Side* side : {&alice_, &bob_}) {
      const SessionShared& shared = side->messenger->table().shared();
      ENSURE(shared.inboxes.budget().left() == kHeldBytesMax);
      ENSURE(shared.inboxes.size() <= kStreamsMax && side->messenger->table().size() < 200);
    }
  }

 private:
  struct Sent {
    bool is_from_bob = false;
    std::uint64_t life = 0;
    std::uint64_t ordinal = 0;
    Level level = Level::kDelivered;
    std::string text;
    bool is_received = false;
    bool is_handled = false;
    int outcomes = 0;
  };
  struct Flying {
    Endpoint from;
    Endpoint to;
    ByteVector bytes;
  };

  Side& side_of(bool is_bob) { return is_bob ? bob_ : alice_; }
  Side& other(Side& side) { return &side == &alice_ ? bob_ : alice_; }

  void start(Side& side) {
    ++side.life;
    side.messenger.reset();
    side.keys = std::make_unique<SessionKeyRing>(
        identity_of(side.seed), *common::UserName::parse(side.name), 0, random_, now_, kWall);
    side.messenger = std::make_unique<Messenger>(Messenger::Options{.has_hook = side.has_hook},
                                                 *side.keys, side.gate, random_, now_);
  }
  void forget(Side& side) {
    side.received.clear();
    side.last.clear();
    side.to_handle.clear();
    side.ordinal = 0;
  }

  void send(fuzz::ScriptLine& line) {
    Side& side = line.flag() ? bob_ : alice_;
    const std::size_t what = line.number(3);  // delivered, handled, ask
    Sent sent{.is_from_bob = &side == &bob_,
              .life = side.life,
              .level = what == 0 ? Level::kDelivered : Level::kHandled};
    sent.text =
        std::string(kSizes[line.number(kSizes.size())], static_cast<char>('a' + sent_.size() % 26));
    const auto timeout = std::chrono::seconds(1 + line.number(35));
    const auto id =
        side.messenger->send(now_, {.to = *common::UserName::parse(other(side).name),
                                    .kind = what == 2 ? MessageKind::kAsk : MessageKind::kText,
                                    .level = sent.level,
                                    .text = common::as_bytes(sent.text),
                                    .deadline = now_ + timeout});
    if (!id) return;  // too much is waiting
    sent.ordinal = ++side.ordinal;
    sent_.emplace(id.value(), std::move(sent));
    drain(side);
  }

  void arrive(fuzz::ScriptLine& line) {
    const char call = line.call();
    if (air_.empty()) return;
    const std::size_t index = line.number(36) % air_.size();
    Flying flying = air_[index];
    if (call != 'u') air_.erase(air_.begin() + static_cast<std::ptrdiff_t>(index));
    if (call == 'x') return;
    if (call == 'm') flying.from.port ^= 0x1000;
    if (call == 'c') {
      const std::size_t byte = line.number(36) * 36 + line.number(36);
      flying.bytes[byte % flying.bytes.size()] ^= static_cast<std::byte>(1 + 7 * line.number(36));
    }
    give(flying.from, flying.to, flying.bytes);
  }

  void give(const Endpoint& from, const Endpoint& to, Bytes bytes) {
    if (to == kMallory) return hear_as_mallory(bytes);
    for (Side* side : {&alice_, &bob_}) {
      if (side->endpoint != to) continue;
      side->messenger->handle_datagram(now_, kWall, from, bytes);
      drain(*side);
    }
  }

  void pass(common::Duration duration) {
    const TimePoint end = now_ + duration;
    for (int steps = 0; now_ < end; ++steps) {
      ENSURE(steps < 100'000);  // nobody may be kept busy by timers alone
      TimePoint due = end;
      for (const Side* side : {&alice_, &bob_})
        if (const auto next = side->messenger->next_timeout()) due = std::min(due, *next);
      now_ = std::max(now_, due);
      for (Side* side : {&alice_, &bob_}) {
        side->messenger->handle_timeout(now_);
        drain(*side);
      }
      if (due <= now_ && due < end) now_ = std::max(now_, due);
    }
  }
  void pass_to_next() {
    std::optional<TimePoint> due;
    for (const Side* side : {&alice_, &bob_})
      if (const auto next = side->messenger->next_timeout(); next && (!due || *next < *due))
        due = next;
    if (!due) return;
    now_ = std::max(now_, *due);
    for (Side* side : {&alice_, &bob_}) {
      side->messenger->handle_timeout(now_);
      drain(*side);
    }
  }

  void handle(fuzz::ScriptLine& line) {
    Side& side = line.flag() ? bob_ : alice_;
    if (side.to_handle.empty()) return;
    const Messenger::Handle handle = side.to_handle.front();
    side.to_handle.pop_front();
    if (const auto it = sent_.find(handle.id); it != sent_.end()) it->second.is_handled = true;
    const auto status = static_cast<std::uint8_t>(line.number(36));
    const std::string output(line.flag() ? kTextBytesMax : 3, 'o');
    side.messenger->handle_handled(now_, handle, HandledResult::kExited, status,
                                   common::as_bytes(output));
    drain(side);
  }

  void drain(Side& side) {
    for (bool is_quiet = false; !is_quiet;) {
      is_quiet = true;
      while (const auto sent = side.messenger->poll_transmit(now_, buffer_)) {
        ENSURE(sent->bytes <= buffer_.size() && sent->segment_bytes <= kDatagramBytesMax);
        for (std::size_t at = 0; at < sent->bytes; at += sent->segment_bytes) {
          const auto bytes =
              Bytes(buffer_).subspan(at, std::min(sent->segment_bytes, sent->bytes - at));
          if (air_.size() == kAirMax) air_.pop_front();
          air_.push_back({side.endpoint, sent->to, {bytes.begin(), bytes.end()}});
        }
      }
      while (const auto event = side.messenger->poll_event(now_)) {
        is_quiet = false;
        check(side, *event);
      }
    }
    ENSURE(side.messenger->table().shared().inboxes.budget().left() <= kHeldBytesMax);
    if (const auto next = side.messenger->next_timeout()) ENSURE(*next > TimePoint{});
  }

  void check(Side& side, const Messenger::Event& event) {
    if (const auto* received = std::get_if<Messenger::Received>(&event)) {
      if (received->wants_receipt) side.to_handle.push_back(received->handle);
      ENSURE(!side.has_hook || !received->is_early);
      if (received->sender == "mallory") return;
      const auto it = sent_.find(received->handle.id);
      ENSURE(it != sent_.end());
      Sent& sent = it->second;
      ENSURE(received->sender == side_of(sent.is_from_bob).name &&
             &side != &side_of(sent.is_from_bob));
      ENSURE(common::as_text(received->text) == sent.text);
      ENSURE(side.received.insert(received->handle.id).second);
      auto& last = side.last[{sent.is_from_bob, sent.life}];
      ENSURE(sent.ordinal > last);
      last = sent.ordinal;
      sent.is_received = true;
    } else if (const auto* outcome = std::get_if<Messenger::Outcome>(&event)) {
      Sent& sent = sent_.at(outcome->id);
      ENSURE(&side == &side_of(sent.is_from_bob) && sent.life == side.life);
      ENSURE(++sent.outcomes == 1);
      using Result = Messenger::Result;
      if (outcome->result == Result::kDelivered)
        ENSURE(sent.is_received && sent.level == Level::kDelivered);
      if (outcome->result == Result::kHandled)
        ENSURE(sent.level == Level::kHandled &&
               (sent.is_handled || outcome->handled == HandledResult::kNotRun));
      ENSURE(outcome->result != Result::kNotTrusted && outcome->result != Result::kKeyChanged);
    } else if (const auto* lookup = std::get_if<Messenger::NeedLookup>(&event)) {
      answer(side, std::string(lookup->name));
    }
  }

  void answer(Side& side, const std::string& name) {
    using Answer = common::expected<Messenger::Found, Messenger::NotFound>;
    const Side& found = name == "bob" ? bob_ : alice_;
    constexpr std::array kNot = {Messenger::NotFound::kUnknown, Messenger::NotFound::kNoKey,
                                 Messenger::NotFound::kUnavailable};
    Answer what = common::unexpected{Messenger::NotFound::kUnknown};
    if (how_ > 0) what = common::unexpected{kNot[how_ - 1]};
    if (how_ == 0 && name != "mallory")
      what = Messenger::Found{common::decode_certificate(found.keys->current().certificate).value(),
                              found.endpoint};
    side.messenger->handle_lookup(now_, *common::UserName::parse(name), what);
  }

  void begin_mallory(Bytes frames) {
    if (++inits_ > 20) return;  // each costs a signature
    if (!mallory_keys_)
      mallory_keys_ = std::make_unique<SessionKeyRing>(
          identity_of(0xee), *common::UserName::parse("mallory"), 0, random_, now_, kWall);
    frames = frames.first(std::min(frames.size(), init_frames_bytes_max(7)));
    initiator_ = HandshakeInitiator::begin(
        mallory_keys_->current(),
        common::decode_certificate(alice_.keys->current().certificate).value(), 0x4d414c4c, frames,
        random_);
    if (initiator_) give(kMallory, alice_.endpoint, initiator_->datagram());
    // The answer, if there is one, is the newest on its way.
    if (!air_.empty() && air_.back().to == kMallory) {
      hear_as_mallory(air_.back().bytes);
      air_.pop_back();
    }
  }

  void hear_as_mallory(Bytes bytes) {
    const auto datagram = decode_datagram(bytes);
    ENSURE(datagram.has_value());
    if (const auto* resp = std::get_if<Resp>(&*datagram); resp != nullptr && initiator_) {
      if (auto established = initiator_->handle_resp(*resp)) {
        ENSURE(decode_frames(established->frames).has_value());
        mallory_.emplace(*std::move(established));
      }
    } else if (const auto* data = std::get_if<Data>(&*datagram); data != nullptr && mallory_) {
      ByteVector plain(data->sealed.size() - kTagBytes);
      if (open(mallory_->keys.receive, data->sequence, data->header, data->sealed, plain))
        ENSURE(decode_frames(plain).has_value());
    }
  }

  void speak_as_mallory(Bytes frames) {
    if (!mallory_) return;
    frames = frames.first(std::min<std::size_t>(frames.size(), 60'000));
    auto nonce = mallory_->keys.send.nonces.next();
    const auto header = encode_data_header(mallory_->remote_index, nonce->sequence());
    ByteVector datagram(header.begin(), header.end());
    datagram.resize(header.size() + frames.size() + kTagBytes);
    seal(mallory_->keys.send, *std::move(nonce), header, frames,
         std::span(datagram).subspan(header.size()));
    give(kMallory, alice_.endpoint, datagram);
  }

  static constexpr std::size_t kAirMax = 128;
  const Endpoint kMallory{common::IpAddress::v4({10, 0, 0, 66}), 6666};

  fuzz::SplitmixRandom random_;
  TimePoint now_{1h};
  ByteVector buffer_ = ByteVector(20'000);
  Side alice_{.name = "alice", .endpoint = {common::IpAddress::v4({10, 0, 0, 1}), 4001}, .seed = 1};
  Side bob_{.name = "bob",
            .endpoint = {common::IpAddress::v4({10, 0, 0, 2}), 4002},
            .seed = 2,
            .has_hook = true};
  std::map<MessageId, Sent> sent_;
  std::deque<Flying> air_;
  std::size_t how_ = 0;
  std::unique_ptr<SessionKeyRing> mallory_keys_;
  std::optional<HandshakeInitiator> initiator_;
  std::optional<HandshakeInitiator::Established> mallory_;
  int inits_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  fuzz::play(world, fuzz::as_input(data, size));
  world.settle();
  return 0;
}
