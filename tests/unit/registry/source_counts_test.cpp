// What came from each address, for bounds.
#include "registry/source_counts.hpp"

#include <doctest/doctest.h>

namespace {

using common::IpAddress;
using registry::SourceCounts;

TEST_CASE("each address has its own count, and none when all of its are gone") {
  const IpAddress here = *IpAddress::parse("192.168.1.9");
  const IpAddress there = *IpAddress::parse("fd77::9");
  SourceCounts counts;
  counts.add(here);
  counts.add(here);
  counts.add(there);
  CHECK(counts.count(here) == 2);
  CHECK(counts.count(there) == 1);
  counts.remove(here);
  counts.remove(here);
  CHECK(counts.count(here) == 0);
  CHECK(counts.count(there) == 1);
}

TEST_CASE("loopback is not counted") {
  SourceCounts counts;
  for (const char* text : {"127.0.0.1", "127.1.2.3", "::1"}) {
    const IpAddress here = *IpAddress::parse(text);
    counts.add(here);
    CHECK(counts.count(here) == 0);
    counts.remove(here);
  }
}

}  // namespace
