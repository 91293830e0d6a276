// How many of something came from each address, for bounds on what one machine can have. A core.
#pragma once

#include <cstddef>
#include <map>

#include "common/check.hpp"
#include "common/endpoint.hpp"

namespace registry {

/// Everybody at loopback is on this machine, so nothing is counted there: it has none.
class SourceCounts {
 public:
  std::size_t count(const common::IpAddress& source) const {
    const auto it = counts_.find(source);
    return it == counts_.end() ? 0 : it->second;
  }
  void add(const common::IpAddress& source) {
    if (!source.is_loopback()) ++counts_[source];
  }
  /// One that was added.
  void remove(const common::IpAddress& source) {
    if (source.is_loopback()) return;
    const auto it = counts_.find(source);
    ENSURE(it != counts_.end());
    if (--it->second == 0) counts_.erase(it);
  }

 private:
  std::map<common::IpAddress, std::size_t> counts_;
};

}  // namespace registry
