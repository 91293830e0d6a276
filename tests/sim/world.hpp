// A whole lab in one thread: a registry, listeners, senders, old programs and a troublemaker on
// hosts of their own, on a network that misbehaves, for a stretch of virtual time. What must hold
// is checked as it happens; after the faults end, everything must come to rest in a good state.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "peer/listener.hpp"
#include "peer/sender.hpp"
#include "tests/sim/registry_host.hpp"
#include "tests/sim/seeded_random.hpp"

namespace sim {

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();

  /// Runs the whole story. What went wrong, in the order it was found; empty when all is well.
  std::vector<std::string> run();

  /// A digest of everything that happened, to compare two runs of one seed.
  std::uint64_t trace() const { return trace_; }
  std::uint64_t delivered() const { return delivered_; }
  std::uint64_t registrations() const { return registrations_; }
  std::uint64_t reclaims() const { return reclaims_; }

 private:
  struct ListenerActor;
  struct SenderActor;
  struct OldActor;
  /// What the checks know of a name, from the events alone.
  struct Owner {
    common::User user;
    common::IpAddress source;
    TimePoint heard;
    bool has_token = false;
  };

  void plan_faults();
  void start_listener(std::size_t index);
  void drain_listener(std::size_t index);
  void wake_listener(std::size_t index);
  void crash_listener(std::size_t index);
  void print(std::size_t index, const std::string& text);
  void run_sender(std::size_t index);
  void drain_sender(std::size_t index);
  void run_old(std::size_t index);
  void make_trouble();
  void restart_registry();
  void handle_event(const registry::DirectoryEvent& event);
  void handle_heard(std::string_view body);
  void check_disk();
  void check_rest();
  void fail(std::string what);
  void note(std::string_view what);
  common::IpAddress host(unsigned number) const;
  common::Endpoint new_endpoint(const common::IpAddress& address);

  SeededRandom random_;
  Scheduler scheduler_;
  Network network_;
  std::unique_ptr<RegistryHost> registry_;
  registry::DirectoryRules rules_;
  std::vector<std::unique_ptr<ListenerActor>> listeners_;
  std::vector<std::unique_ptr<SenderActor>> senders_;
  std::vector<std::unique_ptr<OldActor>> old_;
  std::map<std::string, Owner> owners_;
  std::map<std::string, std::set<std::string>> sent_;  // text to the keys it may arrive at
  std::map<std::string, unsigned> arrivals_;           // texts of the final round
  std::vector<std::string> failures_;
  std::uint16_t last_port_ = 20'000;
  std::uint64_t last_text_ = 0;
  std::uint64_t trace_ = 14'695'981'039'346'656'037ULL;  // FNV-1a
  std::uint64_t delivered_ = 0;
  std::uint64_t registrations_ = 0;
  std::uint64_t reclaims_ = 0;
  registry::Version last_version_ = 0;
  bool is_at_rest_ = false;
};

}  // namespace sim
