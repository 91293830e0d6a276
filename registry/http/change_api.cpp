#include "registry/http/change_api.hpp"

#include <fmt/format.h>

#include "common/classic_record.hpp"
#include "common/owner_token.hpp"
#include "common/user_json.hpp"
#include "registry/http/http_errors.hpp"

namespace registry::http {
namespace {

std::string_view trim_line_end(std::string_view body) {
  while (body.ends_with('\n') || body.ends_with('\r')) body.remove_suffix(1);
  return body;
}

struct Refused {
  ApiError error;
  std::string text;
};

Refused explain(Refusal refusal, const common::ClassicRecord& record,
                const common::IpAddress& source) {
  switch (refusal) {
    case Refusal::kForeignAddress:
      return {ApiError::kForeignAddress,
              fmt::format("the address {} is not yours: you come from {}",
                          record.endpoint.address.to_string(), source.to_string())};
    case Refusal::kNameTaken:
      return {ApiError::kNameTaken, fmt::format("the name {} is taken", record.name.text())};
    case Refusal::kNotListed:
      return {ApiError::kNotListed,
              fmt::format("{} is not listed",
                          common::format_classic_record(record.name, record.endpoint))};
    case Refusal::kNotOwner:
      return {ApiError::kNotOwner,
              fmt::format("{} was registered by somebody else", record.name.text())};
    case Refusal::kAccountName:
      return {
          ApiError::kNameTaken,
          fmt::format("the name {} belongs to an account: log in to use it", record.name.text())};
    case Refusal::kBoundName:
      return {ApiError::kBoundName,
              fmt::format("the name {} obeys another key", record.name.text())};
    case Refusal::kStaleRequest:
      return {ApiError::kStaleRequest,
              fmt::format("the request's or the certificate's serial is not above the last that {} "
                          "has used",
                          record.name.text())};
    case Refusal::kFull:
      return {ApiError::kFull, "no room for another user"};
    case Refusal::kStoreDown:
      break;
  }
  return {ApiError::kStoreDown, "the registry cannot write to its disk now; try again"};
}

/// Who has signed the request, or why that does not count.
common::expected<common::Signer, std::string> verify_signer(common::WallTime wall,
                                                            const ApiRequest& request,
                                                            const common::UserName& name) {
  // The host is what binds the request to this registry: refuse_foreign() has seen it.
  if (request.host.empty() || is_old(request.program))
    return common::unexpected{std::string("a signed request needs a Host with its port")};
  auto signer = common::verify_request(request.signature,
                                       {.host = request.host,
                                        .method = request.method,
                                        .path = request.target,
                                        .body = request.body},
                                       wall);
  if (!signer) {
    return common::unexpected{
        fmt::format("the request's signature {}", common::to_string(signer.error()))};
  }
  if (!(signer->certificate.name == name)) {
    return common::unexpected{
        fmt::format("the certificate is for the name {}", signer->certificate.name.text())};
  }
  return *std::move(signer);
}

/// `lease` is what a registration is told, none for a LOGOUT.
ApiResult change_answer(const ApiRequest& request, const common::ClassicRecord& record,
                        std::optional<Duration> lease, Outcome outcome) {
  const bool json = wants_json(request);
  if (const auto* waiting = std::get_if<Waiting>(&outcome)) return ParkedRequest{waiting->key};
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    const Refused refused = explain(*refusal, record, request.source);
    return error_response(refused.error, refused.text, json);
  }
  ApiResponse done;
  if (json) {
    using std::chrono::seconds;
    const std::string lease_member =
        lease ? fmt::format(",\"lease_s\":{}", std::chrono::duration_cast<seconds>(*lease).count())
              : std::string();
    done = text_response(200, kJsonType,
                         fmt::format("{{\"v\":1,\"name\":{},\"endpoint\":\"{}\"{}}}\n",
                                     common::json_string(record.name.text()),
                                     common::format_endpoint(record.endpoint), lease_member));
  }
  if (const auto* pending = std::get_if<Pending>(&outcome))
    return HeldResponse{pending->change, std::move(done)};
  return done;
}

}  // namespace

ApiResult begin_change(TimePoint now, common::WallTime wall, const ApiRequest& request,
                       const Leases& leases, Directory& directory) {
  const bool json = wants_json(request);
  const std::string_view line = trim_line_end(request.body);
  const auto space = line.find(' ');
  const std::string_view verb = line.substr(0, space);
  if (space == line.npos || (verb != "REGISTER" && verb != "UPDATE" && verb != "LOGOUT")) {
    return error_response(ApiError::kUnknownVerb,
                          "the body is not REGISTER, UPDATE or LOGOUT name@ip:port", json);
  }
  const auto record = common::parse_classic_record(line.substr(space + 1));
  if (!record) return error_response(ApiError::kMalformedRecord, to_string(record.error()), json);
  if (!request.endpoint_transport.empty() && !common::parse_transport(request.endpoint_transport)) {
    return error_response(ApiError::kMalformedRecord, "the endpoint's transport is not udp or tcp",
                          json);
  }
  Caller caller{.source = request.source, .token = std::nullopt};
  if (!request.owner_token.empty()) {
    if (!common::is_owner_token(request.owner_token))
      return error_response(ApiError::kMalformedToken, "the owner token is malformed", json);
    caller.token = common::hash_owner_token(request.owner_token);
  }
  std::optional<common::Signer> signer;
  if (!request.signature.is_empty()) {
    auto verified = verify_signer(wall, request, record->name);
    if (!verified) return error_response(ApiError::kBadSignature, verified.error(), json);
    signer = *std::move(verified);
    caller.signer = &*signer;
  }
  if (verb == "LOGOUT") {
    return change_answer(request, *record, std::nullopt,
                         directory.logout_user(now, record->name, record->endpoint, caller));
  }
  // An old NetChat client's UPDATE stands for a TCP listener, and so does whatever says that it
  // does; everybody else listens on UDP.
  const bool netchat = request.endpoint_transport.empty()
                           ? verb == "UPDATE" && request.program == Program::kOldNetchat
                           : request.endpoint_transport == "tcp";
  const Registration wanted{
      .name = record->name,
      .endpoint = record->endpoint,
      .transport = netchat ? common::Transport::kTcp : common::Transport::kUdp,
      .door = netchat ? common::Door::kNetchat : common::Door::kClassic,
      .since = wall};
  const bool refreshes = caller.token || caller.signer != nullptr;
  const Duration lease = refreshes ? leases.refreshed : leases.classic;
  return change_answer(request, *record, lease,
                       verb == "REGISTER" ? directory.register_user(now, wanted, caller)
                                          : directory.update_user(now, wanted, caller));
}

}  // namespace registry::http
