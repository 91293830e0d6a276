#include "registry/user_list.hpp"

#include <fmt/format.h>

#include <unordered_map>
#include <unordered_set>

namespace registry {

UserListText parse_user_list(std::string_view text) {
  UserListText list;
  std::unordered_set<std::string> names;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    auto record = common::parse_classic_record(line);
    if (!record) {
      list.bad_lines.push_back({number, std::string(line), to_string(record.error())});
    } else if (!names.insert(record->name.key()).second) {
      list.bad_lines.push_back({number, std::string(line), "the name stands in an earlier line"});
    } else {
      list.records.push_back(*std::move(record));
    }
  }
  return list;
}

UserListImport plan_import(const std::vector<Record>& held, const UserListText& file,
                           common::WallTime now, common::Random& random) {
  std::unordered_map<std::string, const Record*> held_by_key;
  for (const Record& record : held) held_by_key.emplace(record.user.name.key(), &record);

  UserListImport import;
  std::unordered_set<std::string> kept;
  for (const common::ClassicRecord& line : file.records) {
    kept.insert(line.name.key());
    const auto it = held_by_key.find(line.name.key());
    const Record* before = it == held_by_key.end() ? nullptr : it->second;
    if (before != nullptr && before->user.name.text() == line.name.text() &&
        before->user.endpoint == line.endpoint) {
      continue;
    }
    Record record{
        .user = {line.name, line.endpoint, common::Transport::kUdp, common::Door::kClassic, now},
        .source = line.endpoint.address,
        .token = std::nullopt};
    random.fill(record.id);
    if (before != nullptr) record.order = before->order;
    import.added.push_back(std::move(record));
  }
  for (const Record& record : held)
    if (!kept.contains(record.user.name.key())) import.removed.push_back(record);
  return import;
}

}  // namespace registry
