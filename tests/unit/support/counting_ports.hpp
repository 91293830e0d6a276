// Gateway ports without sockets.
#pragma once

#include <vector>

#include "registry/gateway.hpp"

namespace test {

/// Ports that count up, as if the kernel gave them.
class CountingPorts final : public registry::GatewayPorts {
 public:
  explicit CountingPorts(std::uint16_t first = 40'001) : first_(first) {}

  std::optional<std::uint16_t> open() override {
    if (opened.size() - closed.size() >= ports_max) return std::nullopt;
    opened.push_back(static_cast<std::uint16_t>(first_ + opened.size()));
    return opened.back();
  }
  void close(std::uint16_t port) override { closed.push_back(port); }

  std::size_t ports_max = 1000;
  std::vector<std::uint16_t> opened;
  std::vector<std::uint16_t> closed;

 private:
  std::uint16_t first_;
};

}  // namespace test
