// Two to eight processes that send each other sealed messages on a network that misbehaves, with
// crashes, moves, a directory that fails and a stranger who repeats and twists what he has seen.
// What must hold is checked as it happens; when the faults have ended all must be delivered.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/sealed_peer.hpp"
#include "tests/sim/seeded_random.hpp"

namespace sim {

class SealedWorld {
 public:
  explicit SealedWorld(std::uint64_t seed);
  ~SealedWorld();

  /// Runs the whole story. What went wrong, in the order it was found; empty when all is well.
  std::vector<std::string> run();

  std::uint64_t trace() const { return trace_; }

  struct Totals {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t early = 0;
    std::uint64_t delivered = 0;
    std::uint64_t handled = 0;
    std::uint64_t signed_receipts = 0;
    std::uint64_t given_up = 0;
    std::uint64_t key_changed = 0;
    std::uint64_t restarts = 0;
    std::uint64_t rebinds = 0;
    std::uint64_t replayed = 0;  // refused as such
    std::uint64_t forged = 0;
  };
  const Totals& totals() const { return totals_; }

 private:
  using MessageId = peer::sealed::MessageId;
  using Messenger = peer::sealed::Messenger;
  struct Actor;
  /// What an actor's life has sent, and what came of it.
  struct SentMessage {
    std::size_t from = 0;
    std::uint64_t life = 0;
    std::size_t to = 0;
    std::uint64_t ordinal = 0;  // among all that this life sent to that name
    peer::sealed::MessageKind kind{};
    peer::sealed::Level level{};
    std::string text;
    TimePoint deadline;
    bool is_final = false;  // after the faults: must be delivered
    bool is_received = false;
    bool is_handled = false;
    std::uint8_t status = 0;
    int outcomes = 0;
  };
  struct Listing {
    common::ByteVector certificate;
    common::Endpoint endpoint;
  };

  void plan();
  void start(std::size_t index);
  void crash(std::size_t index, bool says_goodbye);
  void rebind(std::size_t index);
  void reinstall(std::size_t index);
  void enter_directory(std::size_t index);
  void act(std::size_t index);
  void send(std::size_t index, std::size_t to, bool is_final);
  void handle_event(std::size_t index, const Messenger::Event& event);
  void handle_received(std::size_t index, const Messenger::Received& received);
  void handle_outcome(std::size_t index, const Messenger::Outcome& outcome);
  void check_evidence(const SentMessage& message, const Messenger::Outcome& outcome);
  void look_up(std::size_t index, const std::string& name);
  void overhear(const common::Endpoint& to, common::Bytes datagram);
  void make_trouble();
  void check_limits(std::size_t index);
  void check_rest();
  common::Endpoint new_endpoint(std::size_t index);
  common::WallTime wall_now() const;
  std::string random_text();
  void fail(const std::string& what);
  void note(std::string_view what);

  SeededRandom random_;
  Scheduler scheduler_;
  Network network_;
  std::vector<std::unique_ptr<Actor>> actors_;
  std::map<std::string, Listing> directory_;  // by name
  std::map<MessageId, SentMessage> sent_;
  struct Overheard {
    common::Endpoint to;
    common::ByteVector datagram;
  };
  std::vector<Overheard> overheard_;
  std::chrono::milliseconds wall_skew_{};
  std::uint16_t last_port_ = 20'000;
  std::uint64_t last_text_ = 0;
  bool is_at_rest_ = false;
  bool is_directory_down_ = false;
  std::vector<std::string> failures_;
  Totals totals_;
  std::uint64_t trace_ = 14'695'981'039'346'656'037ULL;  // FNV-1a
};

}  // namespace sim
