// Any text as userlist.txt, and as a person's edit of it: a line "---" divides what the registry
// holds from the file that it finds.
#include "registry/user_list.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "registry/list_view.hpp"
#include "tests/fuzz/support/directory_rules.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"

namespace {

using common::ClassicRecord;
using registry::Record;
using registry::UserListText;

bool is_same(const ClassicRecord& a, const ClassicRecord& b) {
  return a.name.text() == b.name.text() && a.endpoint == b.endpoint;
}

void check_text(std::string_view text, const UserListText& list) {
  std::size_t lines = 0;
  std::size_t filled = 0;
  for (std::string_view rest = text; !rest.empty(); ++lines) {
    const std::string_view line = fuzz::take_line(rest);
    if (!line.empty() && line != "\r") ++filled;
  }
  ENSURE(list.records.size() + list.bad_lines.size() == filled);
  std::size_t last = 0;
  for (const registry::BadLine& line : list.bad_lines) {
    ENSURE(line.number > last && line.number <= lines && !line.reason.empty());
    last = line.number;
  }
}

void check_round_trip(const UserListText& list) {
  std::string text;
  std::set<std::string> keys;
  for (const ClassicRecord& record : list.records) {
    ENSURE(keys.insert(record.name.key()).second);
    text += common::format_classic_record(record.name, record.endpoint) + '\n';
  }
  const UserListText again = registry::parse_user_list(text);
  ENSURE(again.bad_lines.empty());
  ENSURE(std::equal(again.records.begin(), again.records.end(), list.records.begin(),
                    list.records.end(), is_same));
}

/// What a registry could hold: the file's lines, registered by others in several ways.
std::vector<Record> make_held(const UserListText& list, fuzz::SplitmixRandom& random) {
  std::vector<Record> held;
  for (const ClassicRecord& line : list.records) {
    const registry::Version order = held.size() + 1;
    Record record{.user = {line.name, line.endpoint, common::Transport::kUdp,
                           common::Door::kClassic, common::WallTime{1}},
                  .source = line.endpoint.address,
                  .token = std::nullopt};
    if (order % 2 == 0) record.token.emplace();
    if (order % 3 == 0) record.user.transport = common::Transport::kTcp;
    random.fill(record.id);
    record.order = record.version = order;
    held.push_back(std::move(record));
  }
  return held;
}

/// Does with the records what a store does with the plan's changes.
std::vector<Record> apply(std::vector<Record> held, const registry::UserListImport& plan) {
  registry::Version version = held.size();
  for (const Record& gone : plan.removed) {
    const auto erased =
        std::erase_if(held, [&](const Record& record) { return record.id == gone.id; });
    ENSURE(erased == 1);
    ++version;
  }
  for (Record added : plan.added) {
    added.version = ++version;
    const auto place = std::find_if(held.begin(), held.end(), [&](const Record& record) {
      return record.user.name == added.user.name;
    });
    ENSURE((place == held.end()) == (added.order == 0));
    ENSURE(!added.token && added.source == added.user.endpoint.address);
    if (place == held.end()) {
      added.order = added.version;
      held.push_back(std::move(added));
    } else {
      ENSURE(place->order == added.order && place->id != added.id);
      *place = std::move(added);
    }
  }
  return held;
}

void check_lists_exactly(const std::vector<Record>& records, const UserListText& file) {
  ENSURE(records.size() == file.records.size());
  std::map<std::string, const Record*> by_name;
  for (const Record& record : records) by_name[record.user.name.text()] = &record;
  for (const ClassicRecord& line : file.records) {
    const auto found = by_name.find(line.name.text());
    ENSURE(found != by_name.end() && found->second->user.endpoint == line.endpoint);
  }
}

void check_import(const UserListText& before, const UserListText& file) {
  fuzz::SplitmixRandom random;
  const std::vector<Record> held = make_held(before, random);
  const auto plan = registry::plan_import(held, file, common::WallTime{2}, random);
  const std::vector<Record> after = apply(held, plan);
  check_lists_exactly(after, file);
  // Who was in both at the same address keeps his record, token and all.
  for (const Record& record : held) {
    for (const ClassicRecord& line : file.records) {
      if (line.name.text() != record.user.name.text() || line.endpoint != record.user.endpoint)
        continue;
      ENSURE(std::any_of(after.begin(), after.end(),
                         [&](const Record& kept) { return kept.id == record.id; }));
    }
  }
  const auto nothing = registry::plan_import(after, file, common::WallTime{3}, random);
  ENSURE(nothing.added.empty() && nothing.removed.empty());

  registry::Directory directory({}, random);
  directory.load(common::TimePoint{}, after, held.size() + plan.added.size() + plan.removed.size());
  fuzz::ensure_directory_rules(directory);
  fuzz::ensure_lists(directory);
  check_lists_exactly(after, registry::parse_user_list(
                                 registry::render_list(directory, registry::ListForm::kLines, {})));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kDivider = "\n---\n";
  const std::string_view input = fuzz::as_input(data, size);
  const UserListText whole = registry::parse_user_list(input);
  check_text(input, whole);
  check_round_trip(whole);

  const auto divider = input.find(kDivider);
  if (divider == input.npos) {
    check_import({}, whole);
  } else {
    check_import(registry::parse_user_list(input.substr(0, divider)),
                 registry::parse_user_list(input.substr(divider + kDivider.size())));
  }
  return 0;
}
