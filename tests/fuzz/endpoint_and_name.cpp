// Any text as an address, endpoint, host and port, record or user name.
#include "common/classic_datagram.hpp"
#include "common/classic_record.hpp"
#include "common/limits.hpp"
#include "common/safe_text.hpp"
#include "common/user_json.hpp"
#include "peer/registry_protocol.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/text_rules.hpp"

namespace {

using common::Endpoint;
using common::IpAddress;
using common::UserName;

void check_address(std::string_view text) {
  const auto address = IpAddress::parse(text);
  if (!address) return;
  const std::string shown = address->to_string();
  ENSURE(IpAddress::parse(shown) == *address);
  // One IPv4 address has one text; IPv6 may be written in many ways and is shown in one.
  if (text.find(':') == text.npos) ENSURE(shown == text);
  ENSURE(address->is_v6() == (shown.find(':') != shown.npos));
  ENSURE(IpAddress::parse(shown)->to_string() == shown);
  // Kept as IPv4, so that one host has one value.
  if (address->is_v6()) ENSURE(!shown.starts_with("::ffff:") || shown.find('.') == shown.npos);
  if (address->is_loopback()) ENSURE(address->is_unicast());
}

void check_endpoint(std::string_view text) {
  if (const auto port = common::parse_port(text)) ENSURE(std::to_string(*port) == text);
  if (const auto host_port = common::parse_host_port(text)) {
    ENSURE(!host_port->host.empty() && host_port->host.size() <= 253);
    ENSURE(common::format_host_port(*host_port) == text);
  }
  const auto endpoint = common::parse_endpoint(text);
  if (!endpoint) return;
  ENSURE(endpoint->port != 0);
  const std::string shown = common::format_endpoint(*endpoint);
  ENSURE(common::parse_endpoint(shown) == *endpoint);
  ENSURE(common::parse_host_port(text).has_value());
  if (!text.starts_with('[')) ENSURE(shown == text);
}

void check_name_travels(const UserName& name) {
  const Endpoint endpoint{IpAddress::v4({192, 0, 2, 1}), 40123};
  const std::string record = common::format_classic_record(name, endpoint);
  const auto parsed = common::parse_classic_record(record);
  ENSURE(parsed && parsed->name.text() == name.text() && parsed->endpoint == endpoint);
  const auto list = common::parse_classic_list(record + "," + record + ",\r\n\r\n");
  ENSURE(list.skipped == 0 && list.records.size() == 2 && list.records[1].name == name);

  std::string json;
  common::append_user_json(json, {name, endpoint, {}, {}, {}});
  const auto user = common::decode_user(json);
  ENSURE(user && user->name.text() == name.text() && user->endpoint == endpoint);

  const auto datagram = common::encode_classic(name, "a: b");
  const auto message = datagram ? common::decode_classic(*datagram) : std::nullopt;
  ENSURE(message && message->sender == name.text() && message->text == "a: b");

  for (const char c : peer::make_lookup(name).target) ENSURE(c > ' ' && c <= '~');
}

void check_name(std::string_view text) {
  const auto name = UserName::parse(text);
  const auto normal = common::normalize_typed_name(text);
  ENSURE(normal.has_value() == fuzz::is_well_formed(text));
  if (normal) ENSURE(common::normalize_typed_name(*normal) == *normal);
  if (!name) {
    if (text.empty()) ENSURE(name.error() == common::NameError::kEmpty);
    if (text.size() > common::kNameBytesMax) ENSURE(name.error() == common::NameError::kTooLong);
    return;
  }
  ENSURE(name->text() == text && *normal == text);
  ENSURE(!name->key().empty());
  ENSURE(text.find_first_of(":@,\"'\\/[]()<>{}|&;%?# ") == text.npos);
  fuzz::ensure_harmless(text, false);
  ENSURE(common::is_harmless(name->key()));
  // The key of a key is itself, so that comparing by it is an equivalence.
  if (const auto key = UserName::parse(name->key())) {
    ENSURE(key->key() == name->key());
    ENSURE(*key == *name);
  }
  check_name_travels(*name);
}

void check_record(std::string_view text) {
  const auto record = common::parse_classic_record(text);
  if (!record) return;
  const std::string shown = common::format_classic_record(record->name, record->endpoint);
  const auto again = common::parse_classic_record(shown);
  ENSURE(again && again->name.text() == record->name.text());
  ENSURE(again->endpoint == record->endpoint);
  ENSURE(record->endpoint.port >= common::kUserPortMin && record->endpoint.address.is_unicast());
  if (text.find('[') == text.npos) ENSURE(shown == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  check_address(input);
  check_endpoint(input);
  check_name(input);
  check_record(input);
  return 0;
}
