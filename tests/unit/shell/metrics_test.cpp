// The text of /metrics.
#include "registry/shell/metrics.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/directory_world.hpp"

namespace {

/// The value of a series as it is written, or "(none)".
std::string value(const std::string& text, const std::string& series) {
  const auto at = text.find('\n' + series + ' ');
  if (at == text.npos) return "(none)";
  const auto begin = at + series.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST_CASE("every counter has its series, with a help line and a type") {
  registry::http::HttpApiCounters api;
  api.requests[{"register", 200}] = 3;
  api.requests[{"list", 200}] = 4;
  api.ready_lists = 10;
  registry::ConnectionCounters connections;
  connections.open = 5;
  connections.accepted = 17;
  connections.refused["too_many"] = 2;
  connections.framing_errors[400] = 7;
  registry::StoreCounters store;
  store.transactions = 8;
  store.changes = 80;
  store.failed_changes = 1;
  test::DirectoryWorld world;
  REQUIRE(world.register_user("ali@127.0.0.1:50001") == "written");
  const std::string text =
      '\n' + registry::render_metrics(api, connections, store, world.directory, true);
  CHECK(value(text, "registry_build_info{version=\"0.1.0\"}") == "1");
  CHECK(value(text, "registry_users") == "1");
  CHECK(value(text, "registry_directory_version") == "1");
  CHECK(value(text, "registry_requests_total{operation=\"register\",status=\"200\"}") == "3");
  CHECK(value(text, "registry_requests_total{operation=\"list\",status=\"200\"}") == "14");
  CHECK(value(text, "registry_framing_errors_total{status=\"400\"}") == "7");
  CHECK(value(text, "registry_connections") == "5");
  CHECK(value(text, "registry_connections_total") == "17");
  CHECK(value(text, "registry_connections_refused_total{reason=\"too_many\"}") == "2");
  CHECK(value(text, "registry_store_up") == "1");
  CHECK(value(text, "registry_store_transactions_total") == "8");
  CHECK(value(text, "registry_store_changes_total") == "80");
  CHECK(value(text, "registry_store_failed_changes_total") == "1");
  CHECK(value(text, "process_resident_memory_bytes") != "(none)");
  CHECK(text.find("\n# HELP registry_users ") != text.npos);
  CHECK(text.find("\n# TYPE registry_users gauge\n") != text.npos);
  CHECK(text.find("\n# TYPE registry_requests_total counter\n") != text.npos);
}

TEST_CASE("a store that is down is seen") {
  const test::DirectoryWorld world;
  const std::string text =
      '\n' + registry::render_metrics({}, {}, {}, world.directory, /*is_store_up=*/false);
  CHECK(value(text, "registry_store_up") == "0");
}

}  // namespace
