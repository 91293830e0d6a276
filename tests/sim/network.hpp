// A network that loses, repeats, delays, reorders, corrupts and cuts.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "common/bytes.hpp"
#include "common/endpoint.hpp"
#include "common/random.hpp"
#include "tests/sim/scheduler.hpp"

namespace sim {

/// What the network does to datagrams, and how slow it is for everything.
struct Faults {
  unsigned loss_percent = 0;
  unsigned duplicate_percent = 0;
  unsigned corrupt_percent = 0;
  Duration delay_max = std::chrono::milliseconds(5);
};

class Network {
 public:
  using Receive = std::function<void(const common::Endpoint& from, common::Bytes datagram)>;

  Network(Scheduler& scheduler, common::Random& random) : scheduler_(scheduler), random_(random) {}

  Faults& faults() { return faults_; }

  void bind(const common::Endpoint& endpoint, Receive receive) {
    bound_[endpoint] = std::move(receive);
  }
  void unbind(const common::Endpoint& endpoint) { bound_.erase(endpoint); }
  bool is_bound(const common::Endpoint& endpoint) const { return bound_.contains(endpoint); }

  /// Cuts a host off from all others, both ways, or joins it again.
  void set_cut(const common::IpAddress& host, bool is_cut) {
    if (is_cut) {
      cut_.insert(host);
    } else {
      cut_.erase(host);
    }
  }
  bool is_cut(const common::IpAddress& host) const { return cut_.contains(host); }

  void send(const common::Endpoint& from, const common::Endpoint& to, common::ByteVector datagram) {
    const unsigned copies = happens(faults_.duplicate_percent) ? 2 : 1;
    for (unsigned copy = 0; copy < copies; ++copy) {
      if (happens(faults_.loss_percent)) continue;
      common::ByteVector bytes = datagram;
      if (!bytes.empty() && happens(faults_.corrupt_percent)) {
        bytes[random_.below(bytes.size())] ^= static_cast<std::byte>(1 + random_.below(255));
        ++corrupted_;
      }
      scheduler_.after(delay(), [this, from, to, bytes = std::move(bytes)] {
        if (is_cut(from.address) || is_cut(to.address)) return;
        if (const auto it = bound_.find(to); it != bound_.end()) it->second(from, bytes);
      });
    }
  }

  /// A one-way travelling time. Each is drawn alone, so later datagrams overtake earlier ones.
  Duration delay() {
    const auto most = static_cast<std::uint64_t>(faults_.delay_max.count());
    return Duration(static_cast<std::int64_t>(random_.below(most + 1)));
  }
  bool happens(unsigned percent) { return random_.below(100) < percent; }
  std::uint64_t corrupted() const { return corrupted_; }

 private:
  Scheduler& scheduler_;
  common::Random& random_;
  Faults faults_;
  std::map<common::Endpoint, Receive> bound_;
  std::set<common::IpAddress> cut_;
  std::uint64_t corrupted_ = 0;
};

}  // namespace sim
