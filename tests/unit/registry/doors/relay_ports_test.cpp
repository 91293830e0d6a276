#include "registry/doors/relay_ports.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using registry::doors::RelayPorts;

TEST_CASE("a user's chats go round all ports, whatever others do") {
  RelayPorts ports;
  CHECK(!ports.is_open());
  CHECK(ports.first() == 0);
  ports.set({6236, 6237, 6238});
  CHECK(ports.is_open());
  CHECK(ports.first() == 6236);
  CHECK(ports.contains(6238));
  CHECK(!ports.contains(6239));
  for (const int port : {6236, 6237, 6238, 6236, 6237}) {
    CHECK(ports.next("ali") == port);
    ports.next("bob");
    ports.next("bob");
  }
}

TEST_CASE("ports that are kept are passed over, unless all are") {
  RelayPorts ports;
  ports.set({6236, 6237, 6238});
  CHECK(ports.next("ali", {6236}) == 6237);
  CHECK(ports.next("ali", {6236, 6237}) == 6238);
  CHECK(ports.next("ali", {6236, 6237}) == 6238);
  CHECK(ports.next("ali", {6236, 6237, 6238}) == 6238);
  CHECK(ports.next("ali") == 6236);
  CHECK(ports.next("bob", {6237}) == 6236);
}

TEST_CASE("of too many users, who began a chat longest ago is forgotten") {
  RelayPorts ports;
  ports.set({6236, 6237});
  ports.next("ali");
  ports.next("bob");
  ports.next("ali");
  for (std::size_t i = 2; i <= RelayPorts::kNamesMax; ++i) ports.next("u" + std::to_string(i));
  CHECK(ports.name_count() == RelayPorts::kNamesMax);
  CHECK(ports.next("ali") == 6236);  // the third
  ports.next("ali");
  CHECK(ports.next("bob") == 6236);  // as if it were the first
  CHECK(ports.name_count() == RelayPorts::kNamesMax);
}

}  // namespace
