#include "common/classic_record.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/values.hpp"

namespace {

std::string describe(std::string_view text) {
  const auto record = common::parse_classic_record(text);
  if (!record) return "! " + common::to_string(record.error());
  return common::format_classic_record(record->name, record->endpoint);
}

TEST_CASE("a record is name@ip:port, and anything else is refused with its reason") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view expected;
  };
  const Row rows[] = {
      {"IPv4", "alice@127.0.0.1:50001", "alice@127.0.0.1:50001"},
      {"IPv6", "alice@[2001:db8::1]:50001", "alice@[2001:db8::1]:50001"},
      {"a Turkish name", "Göktuğ@10.0.0.1:50001", "Göktuğ@10.0.0.1:50001"},
      {"lowest port", "a@10.0.0.1:1024", "a@10.0.0.1:1024"},
      {"highest port", "a@10.0.0.1:65535", "a@10.0.0.1:65535"},
      {"nothing", "", "! the record is not name@ip:port"},
      {"no at sign", "alice", "! the record is not name@ip:port"},
      {"no name", "@127.0.0.1:50001", "! the name is empty"},
      {"a reserved name", "All@127.0.0.1:50001", "! the name is reserved"},
      {"a blank", "a b@127.0.0.1:50001",
       "! the name has a character other than letters, digits, '_', '-' and '.'"},
      {"a comma", "a,b@127.0.0.1:50001",
       "! the name has a character other than letters, digits, '_', '-' and '.'"},
      {"the name ends at the first at sign", "a@b@127.0.0.1:50001",
       "! the address is not one host's ip:port"},
      {"no address", "a@", "! the address is not one host's ip:port"},
      {"no port", "a@127.0.0.1", "! the address is not one host's ip:port"},
      {"port 0", "a@127.0.0.1:0", "! the address is not one host's ip:port"},
      {"a host name", "a@localhost:50001", "! the address is not one host's ip:port"},
      {"IPv6 without brackets", "a@::1:50001", "! the address is not one host's ip:port"},
      {"everybody", "a@0.0.0.0:50001", "! the address is not one host's ip:port"},
      {"multicast", "a@224.0.0.1:50001", "! the address is not one host's ip:port"},
      {"broadcast", "a@255.255.255.255:50001", "! the address is not one host's ip:port"},
      {"IPv6 multicast", "a@[ff02::1]:50001", "! the address is not one host's ip:port"},
      {"port below 1024", "a@127.0.0.1:1023", "! the port is not 1024 to 65535"},
      {"port 80", "a@127.0.0.1:80", "! the port is not 1024 to 65535"},
      {"port too large", "a@127.0.0.1:65536", "! the address is not one host's ip:port"},
      {"a line end", "a@127.0.0.1:50001\n", "! the address is not one host's ip:port"},
      {"a CR", "a@127.0.0.1:50001\r", "! the address is not one host's ip:port"},
      {"a second record", "a@127.0.0.1:50001,b@127.0.0.1:50002",
       "! the address is not one host's ip:port"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(describe(row.text) == row.expected);
  }
}

TEST_CASE("a record cut short is refused, or has a port of one digit less") {
  // The second is why lists for programs that read once must never cut a record.
  const std::string whole = "alice@127.0.0.1:50001";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const auto cut = common::parse_classic_record(std::string_view(whole).substr(0, size));
    if (cut) CHECK(cut->endpoint.port == 5000);
  }
}

std::string join(const common::ClassicList& list) {
  std::string out;
  for (const auto& record : list.records)
    out += common::format_classic_record(record.name, record.endpoint) + ' ';
  return out + "skipped " + std::to_string(list.skipped);
}

TEST_CASE("a list is read in every old form") {
  struct Row {
    std::string_view name;
    std::string_view text;
    std::string_view expected;
  };
  const char* both = "a@127.0.0.1:5001 b@127.0.0.1:5002 skipped 0";
  const Row rows[] = {
      {"nothing", "", "skipped 0"},
      {"only line ends", "\r\n\r\n", "skipped 0"},
      {"the classic form", "a@127.0.0.1:5001,b@127.0.0.1:5002,\r\n\r\n", both},
      {"without the last comma", "a@127.0.0.1:5001,b@127.0.0.1:5002", both},
      {"lines", "a@127.0.0.1:5001\nb@127.0.0.1:5002\n", both},
      {"lines without the last end", "a@127.0.0.1:5001\nb@127.0.0.1:5002", both},
      {"lines of CRLF", "a@127.0.0.1:5001\r\nb@127.0.0.1:5002\r\n", both},
      {"comma and line end", "a@127.0.0.1:5001,\nb@127.0.0.1:5002,\n", both},
      {"filled with commas", "a@127.0.0.1:5001,,,,,,b@127.0.0.1:5002,\r\n\r\n", both},
      {"a leading comma", ",a@127.0.0.1:5001,b@127.0.0.1:5002,", both},
      {"a blank before a name", "a@127.0.0.1:5001, b@127.0.0.1:5002", "a@127.0.0.1:5001 skipped 1"},
      {"the last one cut in its port", "a@127.0.0.1:5001,b@127.0.0.1:50",
       "a@127.0.0.1:5001 skipped 1"},
      {"the last one cut in its name", "a@127.0.0.1:5001,b", "a@127.0.0.1:5001 skipped 1"},
      {"junk between", "a@127.0.0.1:5001,what is this,b@127.0.0.1:5002,",
       "a@127.0.0.1:5001 b@127.0.0.1:5002 skipped 1"},
      {"an HTML page", "<html>\n<body>no</body>\n</html>\n", "skipped 3"},
      {"IPv6", "a@[::1]:5001,", "a@[::1]:5001 skipped 0"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(join(common::parse_classic_list(row.text)) == row.expected);
  }
}

}  // namespace
