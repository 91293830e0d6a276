// What the HTTP door answers (docs/protocol/directory.md): a request in, a response out. It finds
// the route; what the routes do is host_rules, read_api, change_api and message_api. A core: it
// knows no sockets and no HTTP library; http_engine turns bytes into ApiRequest and ApiResponse
// into bytes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "registry/http/api_request.hpp"
#include "registry/http/read_api.hpp"
#include "registry/http/short_way.hpp"

namespace registry::http {

struct HttpApiOptions {
  std::vector<std::string>
      hosts;  // names this registry answers to beside IP literals and localhost
  Duration lease = std::chrono::seconds(200);
  Duration classic_lease = std::chrono::seconds(86400);
};

struct HttpApiCounters {
  std::map<std::pair<std::string, int>, std::uint64_t> requests;  // by operation and status
  std::uint64_t ready_lists = 0;                                  // answered by ready_list
  std::uint64_t ready_lookups = 0;                                // answered by ready_lookup
};

/// How the process is, for /readyz and /metrics. The shell keeps it up to date.
struct Health {
  bool is_draining = false;
  bool is_store_up = true;
};

class HttpApi {
 public:
  /// `render_metrics` makes the text of /metrics; it is called for each such request.
  using RenderMetrics = std::function<std::string()>;

  /// Without gateways, a user is shown only to readers who can send to him by themselves.
  HttpApi(HttpApiOptions options, Directory& directory, Hub& hub, Gateways gateways,
          RenderMetrics render_metrics);

  /// As ReadApi has it.
  void set_gateway_address(std::optional<common::IpAddress> address) {
    reads_.set_gateway_address(address);
  }

  /// `wall` is what a new record's "since" shows.
  ApiResult handle(TimePoint now, common::WallTime wall, const ApiRequest& request);

  /// The list of a plain request by a modern program: the most frequent request is answered without
  /// the HTTP library, by `plain_head`, what ends it, and the body. Null if the request is any
  /// other.
  const CachedList* ready_list(const FramedRequest& request, const common::IpAddress& source,
                               const common::IpAddress& local);

  /// The same for the look-up of one listed user by a modern program, the next most frequent: what
  /// a peer that works off commands asks.
  std::optional<ReadApi::ReadyLookup> ready_lookup(const FramedRequest& request,
                                                   const common::IpAddress& source,
                                                   const common::IpAddress& local);

  /// The answer when the change behind a held response could not be made durable.
  ApiResponse store_down(const ApiRequest& request);
  /// The answer once the delivery that a request awaits has its result.
  ApiResponse delivered(const ApiRequest& request, DeliveryOutcome outcome);
  /// The answer to bytes that are no request; text, since nobody knows what the sender reads.
  static ApiResponse framing_error(FramingError error);

  Health& health() { return health_; }
  const HttpApiCounters& counters() const { return counters_; }

 private:
  ApiResult route(TimePoint now, common::WallTime wall, const ApiRequest& request);
  /// kNone also for a Host that is not ours.
  ReadyForm own_ready_form(const FramedRequest& request) const;

  HttpApiOptions options_;
  Directory& directory_;
  Hub& hub_;
  ReadApi reads_;
  RenderMetrics render_metrics_;
  Health health_;
  HttpApiCounters counters_;
};

}  // namespace registry::http
