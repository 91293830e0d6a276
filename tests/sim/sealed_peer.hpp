// One process with sealed datagrams in the simulated world: the real messenger over the simulated
// network, with a hook or without, and a memory of pins that outlives it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "peer/sealed/messenger.hpp"
#include "tests/sim/network.hpp"

namespace sim {

/// Pins at first use, as a file would keep them.
class SimPins final : public peer::sealed::TrustGate {
 public:
  peer::sealed::Admission admit(const common::Certificate& certificate, bool) override {
    const auto [pin, is_new] = pins_.try_emplace(certificate.name.key(), certificate.identity);
    return pin->second == certificate.identity ? peer::sealed::Admission::kYes
                                               : peer::sealed::Admission::kKeyChanged;
  }
  void pin(const common::UserName& name, const common::IdentityKey& identity) {
    pins_.insert_or_assign(name.key(), identity);
  }

 private:
  std::map<std::string, common::IdentityKey> pins_;
};

/// A life of a process: from start to crash or end. Its keys and all it knows go with it.
class SealedPeer {
 public:
  struct Hooks {
    /// Called for each event in its order.
    std::function<void(const peer::sealed::Messenger::Event&)> on_event;
    std::function<common::WallTime()> wall_now;
    std::function<void(const common::Endpoint& to, common::Bytes datagram)> on_sent;
  };

  SealedPeer(Scheduler& scheduler, Network& network, common::Random& random,
             const common::Identity& identity, const common::UserName& name, SimPins& pins,
             const common::Endpoint& endpoint, bool has_hook, std::size_t buffer_bytes,
             Hooks hooks);
  ~SealedPeer();
  SealedPeer(const SealedPeer&) = delete;
  SealedPeer& operator=(const SealedPeer&) = delete;

  peer::sealed::Messenger& messenger() { return messenger_; }
  const common::ByteVector& certificate() const { return keys_.current().certificate; }
  const common::Endpoint& endpoint() const { return endpoint_; }
  /// Its network address is another from now on; it does not know.
  void rebind(const common::Endpoint& endpoint);
  /// After anything was put in: sends, tells events, sets the timer.
  void pump();

 private:
  void bind();

  Scheduler& scheduler_;
  Network& network_;
  common::Endpoint endpoint_;
  Hooks hooks_;
  peer::sealed::SessionKeyRing keys_;
  peer::sealed::Messenger messenger_;
  common::ByteVector buffer_;
  std::optional<TimePoint> armed_;
  bool is_pumping_ = false;
  bool is_pump_wanted_ = false;
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);  // what is scheduled asks it
};

}  // namespace sim
