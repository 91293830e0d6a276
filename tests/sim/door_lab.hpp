// The doors with their users in one process: connections that delay and split what they carry,
// users who freeze, break off, vanish without a word and come back. The users are in crowds, one of
// each door; what the registry's shell would do is here, and what has to hold for all of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "registry/node.hpp"
#include "tests/sim/lab.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/listed_crowd.hpp"
#include "tests/sim/rendezvous_crowd.hpp"
#include "tests/sim/room_crowd.hpp"
#include "tests/sim/two_connection_crowd.hpp"

namespace sim {

class DoorLab {
 public:
  /// How many users there are of each door.
  struct Sizes {
    std::size_t two_connection = 0;
    std::size_t room = 0;
    std::size_t classic = 0;
    std::size_t netchat = 0;
    std::size_t rendezvous = 0;
  };
  DoorLab(std::uint64_t seed, Sizes sizes);

  /// Runs `busy` of disorder, then lets everybody leave; before that, if `is_calmed`, has everybody
  /// come back, and one of each door reach one of each. Returns what went wrong; empty if nothing.
  std::vector<std::string> run(Duration busy, bool is_calmed = false);

  const TwoConnectionCrowd& two_connection() const { return two_connection_; }
  const RoomCrowd& room() const { return room_; }
  const RendezvousCrowd& rendezvous() const { return rendezvous_; }
  const Ledger& ledger() const { return ledger_; }
  std::uint64_t reached() const { return reached_; }
  /// Who asked somebody while strangers flooded him.
  std::uint64_t asked_meanwhile() const { return asked_meanwhile_; }
  /// Everything that was said, in order: the same seed gives the same.
  std::uint64_t trace() const { return trace_; }

 private:
  using StreamId = registry::doors::StreamId;

  void fail(std::string text);
  void note(std::string_view text);
  bool happens(unsigned percent) { return random_.below(100) < percent; }
  Duration delay() { return std::chrono::microseconds(random_.below(20'000)); }

  Lab lend();
  std::string any_name();
  void disturb();
  void check_is_open(const std::string& name);
  void calm_down();
  void check_reach();
  /// Names of those who are not there, and ready.
  std::string missing() const;
  void check_nothing_left();

  void settle();
  void commit_later(registry::ChangeId change);
  void arm_timer();

  Scheduler scheduler_;
  SeededRandom random_;
  class Ports final : public registry::GatewayPorts {
   public:
    explicit Ports(std::uint16_t first) : last_(first) {}
    std::optional<std::uint16_t> open() override {
      ++open_;
      return ++last_;
    }
    void close(std::uint16_t) override { --open_; }

   private:
    std::uint16_t last_;
    int open_ = 0;
  } ports_{10'000}, tcp_ports_{20'000};
  registry::Node node_;
  bool is_calm_ = false;
  Ledger ledger_;
  TwoConnectionCrowd two_connection_;
  RoomCrowd room_;
  ListedCrowd classic_;
  ListedCrowd netchat_;
  RendezvousCrowd rendezvous_;
  StreamId last_stream_ = 0;
  std::optional<TimePoint> timer_;
  bool is_ending_ = false;
  std::vector<std::string> failures_;
  std::uint64_t reached_ = 0;
  std::uint64_t asked_meanwhile_ = 0;
  std::uint64_t trace_ = 14695981039346656037ULL;
};

}  // namespace sim
