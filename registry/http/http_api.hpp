// What the HTTP door answers (docs/protocol/directory.md): a request in, a response out. A core: it
// knows no sockets and no HTTP library; http_engine turns bytes into ApiRequest and ApiResponse
// into bytes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/classic_record.hpp"
#include "common/signed_request.hpp"
#include "registry/directory.hpp"
#include "registry/gateway.hpp"
#include "registry/http/http_framing.hpp"
#include "registry/http/list_cache.hpp"
#include "registry/hub.hpp"
#include "registry/list_view.hpp"

namespace registry::http {

struct ApiRequest {
  std::string method;
  std::string path;  // percent-decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;
  std::string_view body;
  Program program = Program::kModern;
  common::IpAddress source;  // the caller's end of the connection
  common::IpAddress local;   // ours

  // Header fields, empty when absent; where there are several of a name, all of them as one list.
  std::string accept;
  std::string if_none_match;
  std::string origin;
  std::string owner_token;
  std::string endpoint_transport = {};
  common::SignatureFields signature = {};
  std::string sec_fetch_site;
  std::string_view host;
  std::string_view target = {};  // as it was sent

  std::optional<std::string_view> param(std::string_view name) const;
};

/// A request but for its path and query, which stay empty: those have to be decoded first. Its
/// views point into `framed`.
ApiRequest make_api_request(const FramedRequest& framed, const common::IpAddress& source,
                            const common::IpAddress& local);

struct ApiResponse {
  int status = 200;
  std::string content_type;  // empty: no body
  std::shared_ptr<const std::string> body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// The answer to give once the change is on disk; until then it waits at the gate.
struct HeldResponse {
  ChangeId change = 0;
  ApiResponse response;
};
/// Ask again when the directory says that this key has settled.
struct ParkedRequest {
  std::string key;
};
/// The answer depends on what comes of this delivery (message_api.hpp).
struct AwaitedDelivery {
  DeliveryId delivery = 0;
};
using ApiResult = std::variant<ApiResponse, HeldResponse, ParkedRequest, AwaitedDelivery>;

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

/// Not owned; null where there is none.
struct Gateways {
  Gateway* udp = nullptr;
  Gateway* tcp = nullptr;
};

class HttpApi {
 public:
  /// `render_metrics` makes the text of /metrics; it is called for each such request.
  using RenderMetrics = std::function<std::string()>;

  /// Without gateways, a user is shown only to readers who can send to him by themselves.
  HttpApi(HttpApiOptions options, Directory& directory, Hub& hub, Gateways gateways,
          RenderMetrics render_metrics);

  /// The one address that gateway ports are at; none: every address of this machine's, so that a
  /// reader is shown the one that he came in by.
  void set_gateway_address(std::optional<common::IpAddress> address) { gateway_address_ = address; }

  /// `wall` is what a new record's "since" shows.
  ApiResult handle(TimePoint now, common::WallTime wall, const ApiRequest& request);

  /// The list of a plain request by a modern program: the most frequent request is answered without
  /// the HTTP library, by `plain_head`, what ends it, and the body. Null if the request is any
  /// other.
  const CachedList* ready_list(const FramedRequest& request, const common::IpAddress& source,
                               const common::IpAddress& local);

  /// The same for the look-up of one listed user by a modern program, the next most frequent: what
  /// a peer that works off commands asks. `body` follows the head's last lines.
  struct ReadyLookup {
    std::string head;
    std::string body;
  };
  std::optional<ReadyLookup> ready_lookup(const FramedRequest& request,
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
  std::optional<ApiResponse> refuse_foreign(const ApiRequest& request) const;
  enum class ReadyForm { kNone, kPlain, kJson };
  ReadyForm ready_form(const FramedRequest& request) const;
  bool is_own_host(std::string_view host) const;
  View view_of(const ApiRequest& request, bool json) const;
  /// What readers at `source` see gateway ports at, in a list of that form.
  void add_gateway(View& view, const common::IpAddress& local, bool json) const;
  ApiResult post(TimePoint now, common::WallTime wall, const ApiRequest& request);
  /// The answer to a change; `lease` is what a registration is told, none for a LOGOUT.
  ApiResult registered(const ApiRequest& request, const common::ClassicRecord& record,
                       std::optional<Duration> lease, Outcome outcome);
  ApiResponse get_list(const ApiRequest& request);
  static common::User room_user();
  ApiResponse get_user(const ApiRequest& request, std::string_view name);
  ApiResponse get_changes(const ApiRequest& request, std::string_view since);
  ApiResponse old_list(const ApiRequest& request);
  /// Of readers who are shown what this view has; null if they need none.
  Gateway* gateway_of(const View& view) const;

  HttpApiOptions options_;
  Directory& directory_;
  Hub& hub_;
  Gateways gateways_;
  std::optional<common::IpAddress> gateway_address_;
  ListCache lists_;
  RenderMetrics render_metrics_;
  Health health_;
  HttpApiCounters counters_;
};

}  // namespace registry::http
