// Two processes with messengers, alice and bob, and a wire between them that does what a test says.
// Time stands still but for pass().
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "peer/sealed/messenger.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"
#include "tests/unit/support/values.hpp"

template <>
struct doctest::StringMaker<std::vector<std::string>> {
  static doctest::String convert(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += '[' + line + "] ";
    return text.c_str();
  }
};

namespace test {

using namespace peer::sealed;

/// Answers from a table; everybody is welcome who is not in it.
class TestGate final : public TrustGate {
 public:
  Admission admit(const common::Certificate& certificate, bool) override {
    const auto it = answers.find(certificate.name.text());
    return it == answers.end() ? Admission::kYes : it->second;
  }
  std::map<std::string, Admission> answers;
};

class SealedPair {
 public:
  struct Options {
    bool alice_has_hook = false;
    bool bob_has_hook = false;
    std::uint64_t seed = 1;
  };

  struct Side {
    std::string name;
    common::Endpoint endpoint;
    common::Identity identity;
    bool has_hook = false;
    TestGate gate;
    std::unique_ptr<SessionKeyRing> keys;
    std::unique_ptr<Messenger> messenger;
    std::vector<std::string> events;  // "carol: text" received, "text delivered" and the like
    std::map<MessageId, std::string> texts;
    std::vector<Messenger::Handle> handles;   // of messages that want a receipt
    std::optional<SignedStatement> evidence;  // the latest
  };
  struct Datagram {
    Side* to;
    common::Endpoint from;
    common::ByteVector bytes;
  };

  SealedPair() : SealedPair(Options{}) {}
  explicit SealedPair(Options options)
      : random_(options.seed),
        alice{.name = "alice",
              .endpoint = endpoint("10.0.0.1:4001"),
              .identity = common::Identity::make(random_),
              .has_hook = options.alice_has_hook},
        bob{.name = "bob",
            .endpoint = endpoint("10.0.0.2:4002"),
            .identity = common::Identity::make(random_),
            .has_hook = options.bob_has_hook} {
    start(alice);
    start(bob);
  }

  /// As after a crash: new session keys, nothing remembered.
  void start(Side& side) {
    side.messenger.reset();
    side.keys = std::make_unique<SessionKeyRing>(side.identity.clone(), test::name(side.name), 0,
                                                 random_, now, kWall);
    side.messenger = std::make_unique<Messenger>(Messenger::Options{.has_hook = side.has_hook},
                                                 *side.keys, side.gate, random_, now);
  }

  common::Certificate certificate_of(const Side& side) const {
    return common::decode_certificate(side.keys->current().certificate).value();
  }
  Side& other(Side& side) { return &side == &alice ? bob : alice; }

  struct How {
    MessageKind kind = MessageKind::kText;
    Level level = Level::kDelivered;
    common::Duration timeout = 10s;
    std::optional<MessageId> id;
  };
  /// To the other one.
  MessageId send(Side& side, const std::string& text) { return send(side, text, How{}); }
  MessageId send(Side& side, const std::string& text, How how) {
    const auto id = side.messenger->send(now, {.to = test::name(other(side).name),
                                               .kind = how.kind,
                                               .level = how.level,
                                               .text = common::as_bytes(text),
                                               .deadline = now + how.timeout,
                                               .id = how.id});
    REQUIRE(id.has_value());
    side.texts[id.value()] = text;
    return id.value();
  }

  /// What a side has to send now, each datagram alone. Look-ups are answered on the way.
  std::vector<Datagram> take(Side& side) {
    std::vector<Datagram> out;
    common::ByteVector buffer(kDatagramBytesMax);
    drain(side);
    while (const auto sent = side.messenger->poll_transmit(now, buffer)) {
      Side* to = sent->to == alice.endpoint ? &alice : sent->to == bob.endpoint ? &bob : nullptr;
      for (std::size_t at = 0; at < sent->bytes; at += sent->segment_bytes) {
        const auto bytes =
            common::Bytes(buffer).subspan(at, std::min(sent->segment_bytes, sent->bytes - at));
        out.push_back({to, side.endpoint, {bytes.begin(), bytes.end()}});
      }
      drain(side);
    }
    return out;
  }
  void give(const Datagram& datagram) {
    if (datagram.to == nullptr) return;
    datagram.to->messenger->handle_datagram(now, kWall, datagram.from, datagram.bytes);
    drain(*datagram.to);
  }
  void give_all(const std::vector<Datagram>& datagrams) {
    for (const Datagram& datagram : datagrams) give(datagram);
  }

  /// Carries datagrams until nobody has anything to say at this instant; `filter` may lose them.
  void settle() {
    for (int rounds = 0; rounds < 1000; ++rounds) {
      std::vector<Datagram> all = take(alice);
      for (Datagram& datagram : take(bob)) all.push_back(std::move(datagram));
      if (all.empty()) return;
      for (const Datagram& datagram : all)
        if (!filter || filter(datagram)) give(datagram);
    }
    FAIL("the two never fall silent");
  }
  void pass(common::Duration duration) {
    const common::TimePoint end = now + duration;
    settle();
    for (;;) {
      common::TimePoint due = end;
      for (const Side* side : {&alice, &bob})
        if (const auto next = side->messenger->next_timeout()) due = std::min(due, *next);
      now = std::max(now, due);
      for (Side* side : {&alice, &bob}) side->messenger->handle_timeout(now);
      settle();
      if (now >= end) return;
    }
  }

  /// What happened to a side since it was last asked.
  std::vector<std::string> events(Side& side) { return std::exchange(side.events, {}); }

  void drain(Side& side) {
    while (const auto event = side.messenger->poll_event(now)) {
      if (const auto* received = std::get_if<Messenger::Received>(&*event)) {
        std::string text(common::as_text(received->text));
        if (text.size() > 40) text = fmt::format("{} bytes", text.size());
        side.events.push_back(
            fmt::format("{}{}: {}", received->sender, received->is_early ? " (early)" : "", text));
        if (received->wants_receipt || received->wants_shown)
          side.handles.push_back(received->handle);
      } else if (const auto* outcome = std::get_if<Messenger::Outcome>(&*event)) {
        std::string text = side.texts[outcome->id];
        if (text.size() > 40) text = fmt::format("{} bytes", text.size());
        side.events.push_back(fmt::format("{}: {}", text, describe(*outcome)));
        if (outcome->evidence) side.evidence = *outcome->evidence;
      } else if (const auto* lookup = std::get_if<Messenger::NeedLookup>(&*event)) {
        ++lookups;
        const std::string name(lookup->name);
        if (is_directory_up) answer_lookup(side, name);
      } else if (const auto* question = std::get_if<Messenger::Question>(&*event)) {
        side.events.push_back("who is " + question->certificate.name.text() + "?");
      }
    }
  }
  void answer_lookup(Side& side, const std::string& name) {
    using Answer = common::expected<Messenger::Found, Messenger::NotFound>;
    Side* found = name == alice.name ? &alice : name == bob.name ? &bob : nullptr;
    side.messenger->handle_lookup(
        now, test::name(name),
        directory_error    ? Answer(common::unexpected{*directory_error})
        : found == nullptr ? Answer(common::unexpected{Messenger::NotFound::kUnknown})
                           : Answer(Messenger::Found{certificate_of(*found), found->endpoint}));
  }

  static std::string describe(const Messenger::Outcome& outcome) {
    static const char* const kResults[] = {"delivered",   "handled",     "not acknowledged",
                                           "key changed", "not trusted", "unreachable",
                                           "no key"};
    std::string text = kResults[static_cast<std::size_t>(outcome.result)];
    if (outcome.result == Messenger::Result::kHandled) {
      static const char* const kHandled[] = {"exited", "killed", "timed out", "not run", "shown"};
      text +=
          fmt::format(" ({} {}{}{})", kHandled[static_cast<std::size_t>(outcome.handled)],
                      outcome.status, outcome.output.empty() ? "" : ", ",
                      outcome.output.size() > 40 ? fmt::format("{} bytes", outcome.output.size())
                                                 : std::string(common::as_text(outcome.output)));
    } else if (outcome.is_delivered && outcome.result != Messenger::Result::kDelivered) {
      text += " (but delivered)";
    }
    if (outcome.evidence) text += ", signed";
    return text;
  }

  static constexpr common::WallTime kWall{1'700'000'000'000};
  common::TimePoint now{1h};
  std::function<bool(const Datagram&)> filter;
  bool is_directory_up = true;  // else look-ups stay unanswered
  std::optional<Messenger::NotFound> directory_error;
  int lookups = 0;

 private:
  fuzz::SplitmixRandom random_;

 public:
  Side alice;
  Side bob;
};

}  // namespace test
