#include "registry/http/api_request.hpp"

namespace registry::http {

std::optional<std::string_view> ApiRequest::param(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return std::nullopt;
}

ApiRequest make_api_request(const FramedRequest& framed, const common::IpAddress& source,
                            const common::IpAddress& local) {
  ApiRequest request;
  request.method = framed.method;
  request.body = framed.body;
  request.program = framed.program;
  request.source = source;
  request.local = local;
  request.accept = framed.field_list("Accept");
  request.if_none_match = framed.field_list("If-None-Match");
  request.origin = framed.field_list("Origin");
  request.owner_token = framed.field_list("Owner-Token");
  request.endpoint_transport = framed.field_list("Endpoint-Transport");
  request.sec_fetch_site = framed.field_list("Sec-Fetch-Site");
  request.signature = {.certificate = framed.field_list(common::kCertificateField),
                       .serial = framed.field_list(common::kSerialField),
                       .signature = framed.field_list(common::kSignatureField)};
  request.host = framed.field("Host");
  request.target = framed.target;
  return request;
}

ApiResponse text_response(int status, std::string_view type, std::string body) {
  return {.status = status,
          .content_type = std::string(type),
          .body = std::make_shared<const std::string>(std::move(body)),
          .headers = {}};
}

}  // namespace registry::http
