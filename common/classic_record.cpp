#include "common/classic_record.hpp"

#include <fmt/format.h>

#include "common/limits.hpp"

namespace common {

std::string to_string(RecordError error) {
  switch (error.kind) {
    case RecordError::Kind::kNoAtSign:
      return "the record is not name@ip:port";
    case RecordError::Kind::kBadName:
      return fmt::format("the name {}", to_string(error.name));
    case RecordError::Kind::kBadAddress:
      return "the address is not one host's ip:port";
    case RecordError::Kind::kBadPort:
      return "the port is not 1024 to 65535";
  }
  return "the record is malformed";
}

expected<ClassicRecord, RecordError> parse_classic_record(std::string_view text) {
  using Kind = RecordError::Kind;
  const auto at = text.find('@');
  if (at == text.npos) return unexpected{RecordError{Kind::kNoAtSign}};
  auto name = UserName::parse(text.substr(0, at));
  if (!name) return unexpected{RecordError{Kind::kBadName, name.error()}};
  const auto endpoint = parse_endpoint(text.substr(at + 1));
  if (!endpoint || !endpoint->address.is_unicast())
    return unexpected{RecordError{Kind::kBadAddress}};
  if (endpoint->port < kUserPortMin) return unexpected{RecordError{Kind::kBadPort}};
  return ClassicRecord{*std::move(name), *endpoint};
}

std::string format_classic_record(const UserName& name, const Endpoint& endpoint) {
  return name.text() + '@' + format_endpoint(endpoint);
}

ClassicList parse_classic_list(std::string_view text) {
  constexpr std::string_view kSeparators = ",\r\n";
  ClassicList list;
  while (!text.empty()) {
    const auto end = text.find_first_of(kSeparators);
    const std::string_view item = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    if (item.empty()) continue;
    if (auto record = parse_classic_record(item)) {
      list.records.push_back(*std::move(record));
    } else {
      ++list.skipped;
    }
  }
  return list;
}

}  // namespace common
