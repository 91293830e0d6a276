// Which Host is ours and which Origin may ask: a web page must not act on its reader's registry
// (docs/protocol/directory.md). Part of the HTTP core.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/http/api_request.hpp"

namespace registry::http {

/// The answer to a request that is meant for another host or comes from another site's page;
/// nothing if it may go on. `hosts` are the names that we answer to beside IP literals and
/// localhost.
std::optional<ApiResponse> refuse_foreign(const ApiRequest& request,
                                          const std::vector<std::string>& hosts);

/// True of a Host field, empty when absent, that names us.
bool is_own_host(std::string_view host, const std::vector<std::string>& hosts);

}  // namespace registry::http
