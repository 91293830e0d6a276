#include "registry/shell/prober.hpp"

#include <array>
#include <memory>

#include "registry/shell/addresses.hpp"

namespace registry {
namespace {

/// One probe under way; kept alive by its operations. Whatever comes first settles it.
template <typename Protocol>
class Attempt : public std::enable_shared_from_this<Attempt<Protocol>> {
 public:
  Attempt(asio::io_context& loop, const common::Endpoint& target, std::function<void(bool)> done)
      : socket_(loop),
        timer_(loop, kProbeWait),
        target_(to_asio(target.address), target.port),
        done_(std::move(done)) {}

  void start() {
    timer_.async_wait([self = this->shared_from_this()](const std::error_code& failed) {
      if (!failed) self->settle(false);
    });
    socket_.async_connect(target_,
                          [self = this->shared_from_this()](const std::error_code& failed) {
                            self->handle_connect(failed);
                          });
  }

 private:
  void handle_connect(const std::error_code& failed) {
    if (failed) return settle(failed == asio::error::connection_refused);
    if constexpr (std::is_same_v<Protocol, asio::ip::tcp>) {
      settle(false);
    } else {
      std::error_code refused;
      socket_.send(asio::const_buffer(), 0, refused);
      if (refused) return settle(refused == asio::error::connection_refused);
      socket_.async_receive(asio::buffer(scratch_), [self = this->shared_from_this()](
                                                        const std::error_code& error, std::size_t) {
        self->settle(error == asio::error::connection_refused);
      });
    }
  }

  void settle(bool is_gone) {
    if (!done_) return;
    const auto done = std::exchange(done_, nullptr);
    timer_.cancel();
    std::error_code ignored;
    socket_.close(ignored);
    done(is_gone);
  }

  typename Protocol::socket socket_;
  asio::steady_timer timer_;
  typename Protocol::endpoint target_;
  std::function<void(bool)> done_;
  std::array<char, 64> scratch_{};
};

}  // namespace

void probe_endpoint(asio::io_context& loop, const Probe& probe, std::function<void(bool)> done) {
  if (probe.transport == common::Transport::kTcp) {
    std::make_shared<Attempt<asio::ip::tcp>>(loop, probe.endpoint, std::move(done))->start();
  } else {
    std::make_shared<Attempt<asio::ip::udp>>(loop, probe.endpoint, std::move(done))->start();
  }
}

}  // namespace registry
