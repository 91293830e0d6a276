// The peer's HTTP client: cpp-httplib makes the request and reads the answer, on a stream of ours
// that leaves in one write (old registries read once) and obeys one deadline. A shell; one thread
// at a time, but cancel() may be called from any.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

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

  /// The Host field of every request.
  std::string host_field() const { return common::format_host_port(registry_); }

  void disconnect();

  /// Connects unless a kept connection is there. Returns this end's address: what the registry's
  /// machine can reach us at.
  Result<common::IpAddress> connect();

  /// Sends the request and reads the whole answer; the connection is kept if the registry keeps it.
  /// A kept connection that turns out to be closed is made anew once. The answer has ten seconds, a
  /// message's fifteen, but not after `deadline`.
  Result<HttpAnswer> exchange(const HttpRequest& request,
                              const std::optional<common::TimePoint>& deadline = {});

  /// Several requests and their answers in order, sent in one piece where the registry is known to
  /// keep connections; to an old one, one after the other. Fewer answers than requests after a
  /// failure, which is the last answer if its request was sent alone; what is missing may well be
  /// answered when asked again.
  std::vector<Result<HttpAnswer>> exchange_all(const std::vector<HttpRequest>& requests);

  /// Makes the call under way, and all later ones, fail soon. From any thread.
  void cancel();

 private:
  class Engine;
  class Stream;
  struct Connection;

  Result<void> open();
  Result<HttpAnswer> exchange_once(const HttpRequest& request,
                                   const std::optional<common::TimePoint>& deadline,
                                   bool& may_retry);
  Result<HttpAnswer> run(Stream& stream, const HttpRequest& request);

  common::HostPort registry_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Connection> connection_;  // null: not connected
  common::os::UniqueFd cancel_;
};

}  // namespace peer
