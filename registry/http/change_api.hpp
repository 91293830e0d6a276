// REGISTER, UPDATE and LOGOUT: whose words they are, and what the directory says to them
// (docs/protocol/directory.md). Part of the HTTP core.
#pragma once

#include "registry/http/api_request.hpp"

namespace registry::http {

/// For how long a record counts.
struct Leases {
  Duration refreshed{};  // with a token or a key comes the duty to refresh
  Duration classic{};    // of a record without either
};

/// Asks the directory for the change that the body wants, or says why not. `wall` is what a new
/// record's "since" shows.
ApiResult begin_change(TimePoint now, common::WallTime wall, const ApiRequest& request,
                       const Leases& leases, Directory& directory);

}  // namespace registry::http
