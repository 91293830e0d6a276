// The peer's HTTP client: cpp-httplib makes the request and reads the answer, on a stream of ours
// that leaves in one write (old registries read once) and obeys one deadline. A shell; one thread
// at a time, but cancel() may be called from any.
#pragma once

#include <memory>
#include <string>

#include "common/endpoint.hpp"
#include "common/expected.hpp"
#include "common/os/unique_fd.hpp"
#include "common/time.hpp"
#include "peer/registry_protocol.hpp"

namespace peer {

class RegistryClient {
 public:
  template <typename T>
  using Result = common::expected<T, ExchangeFailure>;

  explicit RegistryClient(common::HostPort registry);
  ~RegistryClient();

  /// Connects unless a kept connection is there. Returns this end's address: what the registry's
  /// machine can reach us at.
  Result<common::IpAddress> connect();

  /// Sends the request and reads the whole answer; the connection is kept if the registry keeps it.
  /// A kept connection that turns out to be closed is made anew once.
  Result<HttpAnswer> exchange(const HttpRequest& request);

  /// Makes the call under way, and all later ones, fail soon. From any thread.
  void cancel();

 private:
  class Engine;

  Result<void> open();
  Result<HttpAnswer> exchange_once(const HttpRequest& request, bool& may_retry);

  common::HostPort registry_;
  std::unique_ptr<Engine> engine_;
  common::os::UniqueFd connection_;
  bool is_used_ = false;  // the connection has carried a request before
  common::os::UniqueFd cancel_;
};

}  // namespace peer
